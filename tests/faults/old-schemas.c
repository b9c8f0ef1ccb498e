/* SPDX-License-Identifier: MIT */
#include "old-schemas.h"

#include "testing.h"

#include <sqlite3.h>

/* To the letter: the text of a schema is compared. */
#define ROWS_MANY(columns)                                                                         \
	"WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 80)"           \
	" INSERT INTO allocation SELECT i * 65536, 65536, 'old-' || i, 'p', 0, 0, NULL, NULL, 0,"  \
	" 0, NULL, NULL" columns " FROM n;"

const char old_schema_1[] =
	"PRAGMA journal_mode = WAL; BEGIN;"
	"CREATE TABLE allocation ("
	" start INTEGER PRIMARY KEY CHECK (start BETWEEN 0 AND 4294967294),"
	" count INTEGER NOT NULL CHECK (count > 0 AND start + count <= 4294967295),"
	" pod TEXT UNIQUE CHECK (length(pod) BETWEEN 1 AND 128 AND pod GLOB '[A-Za-z0-9]*'"
	"  AND pod NOT GLOB '*[^A-Za-z0-9._-]*'),"
	" pool TEXT NOT NULL,"
	" state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
	" origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 1),"
	" namespace TEXT,"
	" name TEXT,"
	" client_uid INTEGER NOT NULL CHECK (client_uid BETWEEN 0 AND 4294967295),"
	" created_at INTEGER NOT NULL,"
	" released_at INTEGER,"
	" release_order INTEGER CHECK (release_order > 0),"
	" CHECK (pod IS NOT NULL OR state = 2),"
	" CHECK ((state = 0) = (released_at IS NULL)),"
	" CHECK ((state = 0) = (release_order IS NULL))"
	") STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER allocation_overlap BEFORE INSERT ON allocation"
	" WHEN (SELECT start + count FROM allocation WHERE start < NEW.start + NEW.count"
	"  ORDER BY start DESC LIMIT 1) > NEW.start"
	" BEGIN SELECT RAISE(ABORT, 'the range overlaps an allocation'); END;"
	"CREATE TRIGGER allocation_range BEFORE UPDATE OF start, count ON allocation"
	" BEGIN SELECT RAISE(ABORT, 'the range of an allocation never changes'); END;"
	"PRAGMA application_id = 1937072745; PRAGMA user_version = 1; COMMIT;"
	"INSERT INTO allocation VALUES"
	" (0, 65536, 'a', 'p', 0, 0, NULL, NULL, 4294967295, 0, NULL, NULL),"
	" (65536, 1, 'b', 'q', 0, 1, 'ns', 'na\xc3\xafve', 7, 1700000000000000, NULL, NULL),"
	" (131072, 65536, 'c', 'p', 1, 0, NULL, NULL, 0, 3, 4, 5),"
	" (196608, 65536, 'd', 'p', 2, 0, NULL, 'n', 0, 0, 1, 9223372036854775807),"
	" (4294967294, 1, NULL, 'p', 2, 0, NULL, NULL, 0, 0, 9, 6);" ROWS_MANY("");

const char old_schema_2[] =
	"PRAGMA journal_mode = WAL; BEGIN;"
	"CREATE TABLE allocation_new ("
	" start INTEGER PRIMARY KEY CHECK (start BETWEEN 0 AND 4294967294),"
	" count INTEGER NOT NULL CHECK (count > 0 AND start + count <= 4294967295),"
	" pod TEXT UNIQUE CHECK (length(pod) BETWEEN 1 AND 128 AND pod GLOB '[A-Za-z0-9]*'"
	"  AND pod NOT GLOB '*[^A-Za-z0-9._-]*'),"
	" pool TEXT NOT NULL,"
	" state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
	" origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 1),"
	" namespace TEXT,"
	" name TEXT,"
	" client_uid INTEGER NOT NULL CHECK (client_uid BETWEEN 0 AND 4294967295),"
	" created_at INTEGER NOT NULL,"
	" released_at INTEGER,"
	" release_order INTEGER CHECK (release_order > 0),"
	" clock INTEGER CHECK (clock >= 0),"
	" pid INTEGER CHECK (pid BETWEEN 1 AND 4294967295),"
	" process_start INTEGER CHECK (process_start >= 0),"
	" boot TEXT CHECK (length(boot) BETWEEN 1 AND 36),"
	" CHECK (pod IS NOT NULL OR state <> 0),"
	" CHECK ((state = 0) = (released_at IS NULL)),"
	" CHECK ((state = 0) = (release_order IS NULL)),"
	" CHECK ((state = 0) = (clock IS NULL)),"
	" CHECK ((pid IS NULL) = (process_start IS NULL)),"
	" CHECK ((pid IS NULL) = (boot IS NULL)),"
	" CHECK (pid IS NULL OR state = 0)"
	") STRICT, WITHOUT ROWID;"
	"ALTER TABLE allocation_new RENAME TO allocation;"
	"CREATE TRIGGER allocation_overlap BEFORE INSERT ON allocation"
	" WHEN (SELECT start + count FROM allocation WHERE start < NEW.start + NEW.count"
	"  ORDER BY start DESC LIMIT 1) > NEW.start"
	" BEGIN SELECT RAISE(ABORT, 'the range overlaps an allocation'); END;"
	"CREATE TRIGGER allocation_range BEFORE UPDATE OF start, count ON allocation"
	" BEGIN SELECT RAISE(ABORT, 'the range of an allocation never changes'); END;"
	"CREATE INDEX allocation_draining ON allocation (release_order) WHERE state = 1;"
	"CREATE INDEX allocation_bound ON allocation (start) WHERE pid IS NOT NULL;"
	"CREATE INDEX allocation_kubelet ON allocation (start) WHERE origin = 1 AND state = 0;"
	"CREATE TABLE event ("
	" sequence INTEGER PRIMARY KEY CHECK (sequence > 0),"
	" time INTEGER NOT NULL CHECK (time >= 0),"
	" kind INTEGER NOT NULL CHECK (kind >= 0),"
	" cause INTEGER NOT NULL CHECK (cause >= 0),"
	" pod TEXT,"
	" pool TEXT,"
	" start INTEGER CHECK (start BETWEEN 0 AND 4294967294),"
	" count INTEGER CHECK (count > 0 AND start + count <= 4294967295),"
	" namespace TEXT,"
	" name TEXT,"
	" client_uid INTEGER CHECK (client_uid BETWEEN 0 AND 4294967295),"
	" client_pid INTEGER CHECK (client_pid BETWEEN 0 AND 4294967295),"
	" pid INTEGER CHECK (pid BETWEEN 1 AND 4294967295),"
	" other_pod TEXT,"
	" CHECK ((start IS NULL) = (count IS NULL)),"
	" CHECK ((client_uid IS NULL) = (client_pid IS NULL))"
	") STRICT;"
	"CREATE INDEX event_pod ON event (pod) WHERE pod IS NOT NULL;"
	"CREATE INDEX event_range ON event (count, start, sequence, time) WHERE count IS NOT NULL;"
	"CREATE INDEX event_time ON event (sequence >> 10, time);"
	"CREATE TABLE pool ("
	" name TEXT PRIMARY KEY CHECK (length(name) > 0),"
	" start INTEGER NOT NULL CHECK (start BETWEEN 0 AND 4294967294),"
	" count INTEGER NOT NULL CHECK (count >= 0 AND start + count <= 4294967295),"
	" unit INTEGER NOT NULL CHECK (unit BETWEEN 0 AND 4294967295),"
	" CHECK (count > 0 OR start = 0)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE clock ("
	" only INTEGER PRIMARY KEY CHECK (only = 1),"
	" boot TEXT NOT NULL CHECK (length(boot) BETWEEN 1 AND 36),"
	" offset INTEGER NOT NULL,"
	" last INTEGER NOT NULL DEFAULT 0 CHECK (last >= 0)"
	") STRICT;"
	"PRAGMA application_id = 1937072745; PRAGMA user_version = 2; COMMIT;" ROWS_MANY(
		", NULL, NULL, NULL, NULL") "INSERT INTO event (time, kind, cause, pod, pool, start, count) SELECT 5, 0, 0, pod, pool,"
					    " start, count FROM allocation;"
					    "INSERT INTO pool VALUES ('p', 65536, 6553600, 65536);"
					    "INSERT INTO clock VALUES (1, '22222222-1111-1111-1111-111111111111', 5, 7);";

void old_schema_make(const char *folder, const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/allocations.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	snprintf(path, sizeof(path), "%s/lock", folder);
	file_write(path, "         1\n", 11);
}
