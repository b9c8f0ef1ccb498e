/* SPDX-License-Identifier: MIT */

/* The schema, and whether a database has it. */

#include "store-private.h"

#include "cleanup.h"

#include <stdio.h>
#include <string.h>

#define SCHEMA_VERSION 3

static const char schema[] =
	/* Rows without a pod are units to which nobody can come back. WITHOUT ROWID, as SQLite
	 * would make a start up where none is given, and the rowid would be a second name of it
	 * that no trigger hears of. That a pod has one row is seen to by the index in memory: one
	 * on disk would be another page in each commit. */
	"CREATE TABLE allocation ("
	" start INTEGER PRIMARY KEY CHECK (start BETWEEN 0 AND 4294967294),"
	" count INTEGER NOT NULL CHECK (count > 0 AND start + count <= 4294967295),"
	" pod TEXT CHECK (length(pod) BETWEEN 1 AND 128 AND pod GLOB '[A-Za-z0-9]*'"
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
	/* Rows do not overlap, so the one that begins last before the new end decides. */
	"CREATE TRIGGER allocation_overlap BEFORE INSERT ON allocation"
	" WHEN (SELECT start + count FROM allocation WHERE start < NEW.start + NEW.count"
	"  ORDER BY start DESC LIMIT 1) > NEW.start"
	" BEGIN SELECT RAISE(ABORT, 'the range overlaps an allocation'); END;"
	"CREATE TRIGGER allocation_range BEFORE UPDATE OF start, count ON allocation"
	" BEGIN SELECT RAISE(ABORT, 'the range of an allocation never changes'); END;"
	"CREATE INDEX allocation_draining ON allocation (release_order) WHERE state = 1;"
	"CREATE INDEX allocation_bound ON allocation (start) WHERE pid IS NOT NULL;"
	"CREATE INDEX allocation_kubelet ON allocation (start) WHERE origin = 1 AND state = 0;"
	/* Only the oldest events are ever removed, and never the newest one: so the sequences have
	 * no gap, and SQLite's choice of the next one is right. Later versions have more kinds and
	 * causes. The block is set, and the event enters the indexes with it, some time after the
	 * commit that wrote it. */
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
	" block INTEGER CHECK (block = sequence >> 10),"
	" CHECK ((start IS NULL) = (count IS NULL)),"
	" CHECK ((client_uid IS NULL) = (client_pid IS NULL))"
	") STRICT;"
	"CREATE INDEX event_pod ON event (pod) WHERE block IS NOT NULL AND pod IS NOT NULL;"
	/* The time is there so that a moment long ago is found without the rows. */
	"CREATE INDEX event_range ON event (count, start, sequence, time)"
	" WHERE block IS NOT NULL AND count IS NOT NULL;"
	/* Which blocks of sequences have an event of some time, whatever the clock did meanwhile?
	 */
	"CREATE INDEX event_time ON event (block, time) WHERE block IS NOT NULL;"
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
	/* That this was a backup once, and what follows from it until it is proven to be idle. */
	"CREATE TABLE restored ("
	" only INTEGER PRIMARY KEY CHECK (only = 1),"
	" release_order INTEGER NOT NULL CHECK (release_order >= 0),"
	" is_proven INTEGER NOT NULL CHECK (is_proven BETWEEN 0 AND 1)"
	") STRICT;";

int store_schema_version(void)
{
	return SCHEMA_VERSION;
}

int store_schema_sign(sqlite3 *db, int version, int generation)
{
	char pragmas[128];

	snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 STORE_APPLICATION_ID, (generation & STORE_GENERATION_MAX) << 8 | version);
	return sqlite3_exec(db, pragmas, NULL, NULL, NULL);
}

/* It begins by chance, so that the logs of another database have other numbers. */
int store_schema_make(sqlite3 *db)
{
	int r = sqlite3_exec(db, schema, NULL, NULL, NULL), generation;

	sqlite3_randomness(sizeof(generation), &generation);
	return r == SQLITE_OK
		       ? store_schema_sign(db, SCHEMA_VERSION, generation & STORE_GENERATION_MAX)
		       : r;
}

/* The schema as one text, to be freed. */
static int describe(sqlite3 *db, char **ret)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(db,
				   "SELECT ifnull(group_concat(type || ' ' || name || ' ' ||"
				   " ifnull(sql, ''), char(10)), '')"
				   " FROM (SELECT * FROM sqlite_schema ORDER BY type, name)",
				   -1, &s, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(s, 0);

		*ret = text ? strdup(text) : NULL;
		r = *ret ? SQLITE_OK : SQLITE_NOMEM;
	}
	sqlite3_finalize(s);
	return r;
}

int store_schema_compare(sqlite3 *db, int64_t version, bool *ret_is_same)
{
	_cleanup_(freep) char *found = NULL;
	_cleanup_(freep) char *expected = NULL;
	sqlite3 *model = NULL;
	int r = sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r == SQLITE_OK && version == SCHEMA_VERSION)
		r = sqlite3_exec(model, schema, NULL, NULL, NULL);
	else if (r == SQLITE_OK)
		r = store_legacy_build(model, 0, version);
	if (r == SQLITE_OK)
		r = describe(model, &expected);
	sqlite3_close(model);
	if (r == SQLITE_OK)
		r = describe(db, &found);
	if (r == SQLITE_OK)
		*ret_is_same = found && expected && strcmp(found, expected) == 0;
	return r;
}
