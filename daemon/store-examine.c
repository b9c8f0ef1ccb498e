/* SPDX-License-Identifier: MIT */

/* Whose a database is, and whether it is sound: nothing here writes. */

#include "store-private.h"

#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int store_refuse_damaged(const char *path, const char *what, char **ret_message)
{
	return store_refuse(ret_message, STORE_E_CORRUPT,
			    "%s is damaged (%s): put a backup in its place with subidd --restore "
			    "FILE, it is not touched",
			    path, what);
}

int store_refuse_sqlite(sqlite3 *db, const char *path, int result, bool is_known,
			char **ret_message)
{
	int r = store_errno(result);

	if (r == -EUCLEAN && (result & 0xff) == SQLITE_NOTADB && !is_known)
		return store_refuse(
			ret_message, STORE_E_FOREIGN,
			"%s is not a database of subidd: move it away, it is not touched", path);
	if (r == -EBUSY)
		return store_refuse(ret_message, STORE_E_LOCKED,
				    "another program has %s open: subidd alone may use it", path);
	if (r == -EUCLEAN)
		return store_refuse_damaged(path,
					    result == SQLITE_IOERR_DATA
						    ? "a page is not what was written"
						    : sqlite3_errmsg(db),
					    ret_message);
	return store_refuse(ret_message, r, "cannot open %s: %s", path, sqlite3_errmsg(db));
}

int store_refuse_empty(const char *path, char **ret_message)
{
	return store_refuse(
		ret_message, STORE_E_LOST,
		"%s is empty, but " STORE_LOCK
		" beside it says that it was not: put a backup in its place with subidd "
		"--restore FILE, or remove both to begin anew",
		path);
}

int store_query(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*ret = sqlite3_column_int64(s, 0);
		r = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return r;
}

/* A database at work, for what looks at it. */
struct subject {
	sqlite3 *db;
	const char *path;
	bool is_known;
	char **ret_message;
};

static int refuse_sqlite(const struct subject *subject, int result)
{
	return store_refuse_sqlite(subject->db, subject->path, result, subject->is_known,
				   subject->ret_message);
}

/* Whose is it? A file without tables and without an application ID is one that was just begun. */
static int check_identity(const struct subject *subject, int64_t *ret_version)
{
	int64_t application = 0, version = 0, n_objects = 0;
	int r = store_query(subject->db, "PRAGMA application_id", &application);

	if (r == SQLITE_OK)
		r = store_query(subject->db, "PRAGMA user_version", &version);
	if (r == SQLITE_OK)
		r = store_query(subject->db, "SELECT count(*) FROM sqlite_schema", &n_objects);
	if (r != SQLITE_OK)
		return refuse_sqlite(subject, r);
	version = STORE_VERSION_OF(version);
	if (application == 0 && version == 0 && n_objects == 0 && subject->is_known)
		return store_refuse_empty(subject->path, subject->ret_message);
	if (application != STORE_APPLICATION_ID &&
	    !(application == 0 && version == 0 && n_objects == 0))
		return store_refuse(
			subject->ret_message, STORE_E_FOREIGN,
			"%s is the database of another program (application ID %lld): move it "
			"away, it is not touched",
			subject->path, (long long)application);
	if (version > store_schema_version())
		return store_refuse(
			subject->ret_message, STORE_E_NEWER,
			"%s has schema version %lld, this subidd knows %d at most: install the "
			"newer subidd again, it is not touched",
			subject->path, (long long)version, store_schema_version());
	*ret_version = version;
	return 0;
}

/* integrity_check and not quick_check, which does not look at UNIQUE. */
static int check_part(const struct subject *subject, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(subject->db, sql, -1, &s, NULL);
	const char *text = NULL;

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(s, 0);
	if (r != SQLITE_ROW)
		r = refuse_sqlite(subject, r);
	else if (!text)
		r = -ENOMEM;
	else if (strcmp(text, "ok") == 0)
		r = 0;
	else
		r = store_refuse_damaged(subject->path, text, subject->ret_message);
	sqlite3_finalize(s);
	return r;
}

/*
 * Everything but the history: its million events would take seconds, and what it says decides
 * nothing. The schema stands for the list of free pages as well.
 */
static int check_soundness(const struct subject *subject, int64_t version)
{
	static const struct {
		int since;
		const char *sql;
	} parts[] = {
		{ 0, "PRAGMA integrity_check(sqlite_schema)" },
		{ 1, "PRAGMA integrity_check(allocation)" },
		{ 2, "PRAGMA integrity_check(pool)" },
		{ 2, "PRAGMA integrity_check(clock)" },
		{ 3, "PRAGMA integrity_check(restored)" },
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTS_OF(parts) && r == 0; i++)
		if (version >= parts[i].since)
			r = check_part(subject, parts[i].sql);
	return r;
}

/* Without its trigger the schema would refuse nothing. */
static int check_schema(const struct subject *subject, int64_t version)
{
	bool is_same;
	char what[80];
	int r = store_schema_compare(subject->db, version, &is_same);

	if (r != SQLITE_OK)
		return refuse_sqlite(subject, r);
	if (is_same)
		return 0;
	snprintf(what, sizeof(what), "its schema is not the one of version %lld",
		 (long long)version);
	return store_refuse_damaged(subject->path, what, subject->ret_message);
}

/* A damaged number can make a valid row, which the trigger never saw. */
static int check_overlaps(const struct subject *subject)
{
	char what[80];
	int64_t start = 0;
	int r = store_query(subject->db,
			    "SELECT ifnull(min(start), -1) FROM (SELECT start,"
			    " lag(start + count) OVER (ORDER BY start) AS last_end FROM allocation)"
			    " WHERE last_end > start",
			    &start);

	if (r != SQLITE_OK)
		return refuse_sqlite(subject, r);
	if (start < 0)
		return 0;
	snprintf(what, sizeof(what), "two allocations have ID %lld", (long long)start);
	return store_refuse_damaged(subject->path, what, subject->ret_message);
}

int store_examine(sqlite3 *db, const char *path, bool is_known, bool is_whole, int64_t *ret_version,
		  char **ret_message)
{
	const struct subject subject = { db, path, is_known, ret_message };
	int r = check_identity(&subject, ret_version);

	if (r == 0)
		r = check_schema(&subject, *ret_version);
	if (r == 0 && !is_whole)
		r = check_soundness(&subject, *ret_version);
	if (r == 0 && !is_whole && *ret_version > 0)
		r = check_overlaps(&subject);
	return r;
}

/* That a pod has one row is seen to by the index in memory alone. */
static int check_pods(const struct subject *subject)
{
	int64_t n = 0;
	int r = store_query(subject->db, "SELECT count(pod) - count(DISTINCT pod) FROM allocation",
			    &n);

	if (r != SQLITE_OK)
		return refuse_sqlite(subject, r);
	return n == 0 ? 0
		      : store_refuse_damaged(subject->path, "a pod has two allocations",
					     subject->ret_message);
}

int store_examine_all(sqlite3 *db, const char *path, char **ret_message)
{
	const struct subject subject = { db, path, true, ret_message };
	int r = check_part(&subject, "PRAGMA integrity_check(1)");

	return r == 0 ? check_pods(&subject) : r;
}
