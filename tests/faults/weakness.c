/* SPDX-License-Identifier: MIT */
#include "weakness.h"

#include "disk.h"
#include "testing.h"

#include <sqlite3.h>

#define PAGES_PER_PAGE 20 /* of the log, as lives are short */

const char *const weakness_names[] = {
	[WEAKNESS_NONE] = "none",
	[WEAKNESS_NORMAL] = "synchronous=NORMAL",
	[WEAKNESS_DELETE] = "journal_mode=DELETE",
};
_Static_assert(ELEMENTS_OF(weakness_names) == N_WEAKNESSES, "a name for each weakness");

static enum weakness weakness;

/* What a connection begins with, and the pragmas that would undo it. */
static const struct {
	const char *sql, *kept[2];
} beginnings[] = {
	[WEAKNESS_NONE] = { "", {} },
	[WEAKNESS_NORMAL] = { "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL",
			      { "synchronous" } },
	[WEAKNESS_DELETE] = { "", { "journal_mode", "locking_mode" } },
};

/* SQLite asks before each of them: they have no effect. */
static int authorize(void *userdata, int action, const char *name, const char *value,
		     const char *database, const char *trigger)
{
	(void)userdata;
	(void)database;
	(void)trigger;
	if (action != SQLITE_PRAGMA || !value)
		return SQLITE_OK;
	for (size_t i = 0; i < ELEMENTS_OF(beginnings[0].kept); i++)
		if (beginnings[weakness].kept[i] &&
		    sqlite3_stricmp(name, beginnings[weakness].kept[i]) == 0)
			return SQLITE_IGNORE;
	return SQLITE_OK;
}

static int (*count_pages)(void *userdata, sqlite3 *db, const char *name, int n_pages);

static int count_more(void *userdata, sqlite3 *db, const char *name, int n_pages)
{
	return count_pages(userdata, db, name, PAGES_PER_PAGE * n_pages);
}

/* The linker puts it in the place of SQLite's own. */
void *__real_sqlite3_wal_hook(sqlite3 *db, int (*hook)(void *, sqlite3 *, const char *, int),
			      void *userdata);
void *__wrap_sqlite3_wal_hook(sqlite3 *db, int (*hook)(void *, sqlite3 *, const char *, int),
			      void *userdata);

void *__wrap_sqlite3_wal_hook(sqlite3 *db, int (*hook)(void *, sqlite3 *, const char *, int),
			      void *userdata)
{
	count_pages = hook;
	return __real_sqlite3_wal_hook(db, count_more, userdata);
}

/* Called for each connection. The functions of the C API are called through the program. */
static int begin_connection(sqlite3 *db, const char **message, const void *api)
{
	(void)message;
	(void)api;
	sqlite3_exec(db, beginnings[weakness].sql, NULL, NULL, NULL);
	sqlite3_set_authorizer(db, authorize, NULL);
	return SQLITE_OK;
}

void weakness_begin(enum weakness how)
{
	weakness = how;
	/* SQLite would take a log that is there for one to be used */
	disk_forbid(how == WEAKNESS_DELETE ? "-wal" : NULL);
	sqlite3_auto_extension((void (*)(void))begin_connection);
}

void weakness_end(void)
{
	sqlite3_cancel_auto_extension((void (*)(void))begin_connection);
	disk_forbid(NULL);
}
