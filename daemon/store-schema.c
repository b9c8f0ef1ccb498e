/* SPDX-License-Identifier: MIT */

/* The schema: its versions, the way from one to the next, and whether a database has it. */

#include "store-private.h"

#include "cleanup.h"

#include <stdio.h>
#include <string.h>

/* Each step takes the schema from the version before to its own; never change one that was
 * released. */
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
};

int store_schema_version(void)
{
	return upgrades[ELEMENTS_OF(upgrades) - 1].version;
}

static int run_steps(sqlite3 *db, int64_t from)
{
	int r = SQLITE_OK;

	for (size_t i = 0; i < ELEMENTS_OF(upgrades) && r == SQLITE_OK; i++)
		if (upgrades[i].version > from)
			r = sqlite3_exec(db, upgrades[i].sql, NULL, NULL, NULL);
	return r;
}

int store_schema_upgrade(sqlite3 *db, int64_t from)
{
	char pragmas[128];
	int r;

	if (from == store_schema_version())
		return SQLITE_OK;
	snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 STORE_APPLICATION_ID, store_schema_version());
	r = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = run_steps(db, from);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return r;
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

int store_schema_compare(sqlite3 *db, bool *ret_is_same)
{
	_cleanup_(freep) char *found = NULL;
	_cleanup_(freep) char *expected = NULL;
	sqlite3 *model = NULL;
	int r = sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				NULL);

	if (r == SQLITE_OK)
		r = run_steps(model, 0);
	if (r == SQLITE_OK)
		r = describe(model, &expected);
	sqlite3_close(model);
	if (r == SQLITE_OK)
		r = describe(db, &found);
	if (r == SQLITE_OK)
		*ret_is_same = strcmp(found, expected) == 0;
	return r;
}
