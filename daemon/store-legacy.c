/* SPDX-License-Identifier: MIT */

/*
 * Databases of the schema versions 1 and 2. Their pages have no checksums, so that they are brought
 * to version 2 where they are and then copied into a new file.
 */

#include "store-private.h"

#include "cleanup.h"

#include <stdio.h>

/* Each step takes the schema from the version before to its own; never to be changed. */
static const struct {
	int version;
	const char *sql;
} upgrades[] = {
	{ 1,
	  /* Rows without a pod are released units to which nobody can come back. WITHOUT ROWID, as
	   * SQLite would make a start up where none is given, and the rowid would be a second name
	   * of it that no trigger hears of. */
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
	  /* Rows do not overlap, so the one that begins last before the new end decides. */
	  "CREATE TRIGGER allocation_overlap BEFORE INSERT ON allocation"
	  " WHEN (SELECT start + count FROM allocation WHERE start < NEW.start + NEW.count"
	  "  ORDER BY start DESC LIMIT 1) > NEW.start"
	  " BEGIN SELECT RAISE(ABORT, 'the range overlaps an allocation'); END;"
	  "CREATE TRIGGER allocation_range BEFORE UPDATE OF start, count ON allocation"
	  " BEGIN SELECT RAISE(ABORT, 'the range of an allocation never changes'); END;" },
	{ 2,
	  /* The table is made anew, as SQLite cannot change a CHECK. Its triggers go with it. */
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
	  "INSERT INTO allocation_new SELECT start, count, pod, pool, state, origin, namespace,"
	  " name, client_uid, created_at, released_at, release_order, iif(state = 0, NULL, 0),"
	  " NULL, NULL, NULL FROM allocation;"
	  "DROP TABLE allocation;"
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
	  /* Only the oldest events are ever removed, and never the newest one: so the sequences
	   * have no gap, and SQLite's choice of the next one is right. Later versions have more
	   * kinds and causes. */
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
	  /* The time is there so that a moment long ago is found without the rows. */
	  "CREATE INDEX event_range ON event (count, start, sequence, time) WHERE count IS NOT NULL;"
	  /* By blocks of sequences: which of them have an event of some time, whatever the clock
	   * did meanwhile? */
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
	  ") STRICT;" },
};

int store_legacy_version(void)
{
	return upgrades[ELEMENTS_OF(upgrades) - 1].version;
}

int store_legacy_build(sqlite3 *db, int64_t from, int64_t to)
{
	int r = SQLITE_OK;

	for (size_t i = 0; i < ELEMENTS_OF(upgrades) && r == SQLITE_OK; i++)
		if (upgrades[i].version > from && upgrades[i].version <= to)
			r = sqlite3_exec(db, upgrades[i].sql, NULL, NULL, NULL);
	return r;
}

int store_legacy_upgrade(sqlite3 *db, int64_t from)
{
	int r;

	if (from == store_legacy_version())
		return SQLITE_OK;
	r = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = store_legacy_build(db, from, store_legacy_version());
	if (r == SQLITE_OK)
		r = store_schema_sign(db, store_legacy_version(), 0);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return r;
}
