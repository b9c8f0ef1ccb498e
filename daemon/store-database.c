/* SPDX-License-Identifier: MIT */

/* Opening the database: settings, whose it is, whether it is sound, and its schema. */

#include "store-private.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A failure of SQLite: a damaged file is an outcome of its own, all else is unexpected. */
static int refuse_sqlite(struct store *store, int result, bool is_known, char **ret_message)
{
	int r = store_errno(result);

	if (r == -EUCLEAN && (result & 0xff) == SQLITE_NOTADB && !is_known)
		return store_refuse(
			ret_message, STORE_E_FOREIGN,
			"%s is not a database of subidd: move it away, it is not touched",
			store->path);
	if (r == -EBUSY)
		return store_refuse(ret_message, STORE_E_LOCKED,
				    "another program has %s open: subidd alone may use it",
				    store->path);
	if (r == -EUCLEAN)
		return store_refuse(
			ret_message, STORE_E_CORRUPT,
			"%s is damaged (%s): put a backup in its place, it is not touched",
			store->path, sqlite3_errmsg(store->db));
	return store_refuse(ret_message, r, "cannot open %s: %s", store->path,
			    sqlite3_errmsg(store->db));
}

static int get_number(struct store *store, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		*ret = sqlite3_column_int64(s, 0);
		r = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return r;
}

/* What may be set before the database is read. */
static int harden(sqlite3 *db)
{
	/* what turns out not to be ours keeps its write-ahead log as well */
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
	};

	for (size_t i = 0; i < ELEMENTS_OF(options); i++) {
		int r = sqlite3_db_config(db, options[i].option, options[i].value, NULL);

		if (r != SQLITE_OK)
			return r;
	}
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	return sqlite3_exec(db,
			    "PRAGMA locking_mode = EXCLUSIVE;"
			    "PRAGMA cell_size_check = ON;"
			    "PRAGMA mmap_size = 0;"
			    "PRAGMA cache_spill = OFF;"
			    "PRAGMA temp_store = MEMORY;",
			    NULL, NULL, NULL);
}

static int refuse_empty(struct store *store, char **ret_message)
{
	return store_refuse(ret_message, STORE_E_LOST,
			    "%s is empty, but " STORE_LOCK
			    " beside it says that it was not: put a backup in its place, or remove "
			    "both to begin anew",
			    store->path);
}

/* Whose is it? A file without tables and without an application ID is one that was just begun. */
static int check_identity(struct store *store, bool is_known, int64_t *ret_version,
			  char **ret_message)
{
	int64_t application = 0, version = 0, n_objects = 0;
	int r = get_number(store, "PRAGMA application_id", &application);

	if (r == SQLITE_OK)
		r = get_number(store, "PRAGMA user_version", &version);
	if (r == SQLITE_OK)
		r = get_number(store, "SELECT count(*) FROM sqlite_schema", &n_objects);
	if (r != SQLITE_OK)
		return refuse_sqlite(store, r, is_known, ret_message);
	if (application == 0 && version == 0 && n_objects == 0 && is_known)
		return refuse_empty(store, ret_message);
	if (application != STORE_APPLICATION_ID &&
	    !(application == 0 && version == 0 && n_objects == 0))
		return store_refuse(
			ret_message, STORE_E_FOREIGN,
			"%s is the database of another program (application ID %lld): move it "
			"away, it is not touched",
			store->path, (long long)application);
	if (version > store_schema_version())
		return store_refuse(
			ret_message, STORE_E_NEWER,
			"%s has schema version %lld, this subidd knows %d at most: install the "
			"newer subidd again, it is not touched",
			store->path, (long long)version, store_schema_version());
	*ret_version = version;
	return 0;
}

/* integrity_check and not quick_check, which does not look at UNIQUE. */
static int check_part(struct store *store, const char *sql, char **ret_message)
{
	sqlite3_stmt *s = NULL;
	int r = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);
	const char *text = NULL;

	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(s, 0);
	if (r != SQLITE_ROW)
		r = refuse_sqlite(store, r, true, ret_message);
	else if (!text)
		r = -ENOMEM;
	else if (strcmp(text, "ok") == 0)
		r = 0;
	else
		r = store_refuse(ret_message, STORE_E_CORRUPT,
				 "%s is damaged (%s): put a backup in its place, it is not touched",
				 store->path, text);
	sqlite3_finalize(s);
	return r;
}

/*
 * Everything but the history: its million events would take seconds, and what it says decides
 * nothing. The schema stands for the list of free pages as well.
 */
static int check_soundness(struct store *store, int64_t version, char **ret_message)
{
	static const char *const parts[] = {
		"PRAGMA integrity_check(sqlite_schema)",
		"PRAGMA integrity_check(allocation)",
		"PRAGMA integrity_check(pool)",
		"PRAGMA integrity_check(clock)",
	};
	size_t n_parts = version >= 2 ? ELEMENTS_OF(parts) : (size_t)version + 1;
	int r = 0;

	for (size_t i = 0; i < n_parts && r == 0; i++)
		r = check_part(store, parts[i], ret_message);
	return r;
}

/* Without its trigger the schema would refuse nothing. */
static int check_schema(struct store *store, int64_t version, char **ret_message)
{
	bool is_same;
	int r = store_schema_compare(store->db, version, &is_same);

	if (r != SQLITE_OK)
		return refuse_sqlite(store, r, true, ret_message);
	if (is_same)
		return 0;
	return store_refuse(ret_message, STORE_E_CORRUPT,
			    "%s is damaged (its schema is not the one of version %lld): put a "
			    "backup in its place, it is not touched",
			    store->path, (long long)version);
}

/* A damaged number can make a valid row, which the trigger never saw. */
static int check_overlaps(struct store *store, char **ret_message)
{
	int64_t start = 0;
	int r = get_number(store,
			   "SELECT ifnull(min(start), -1) FROM (SELECT start,"
			   " lag(start + count) OVER (ORDER BY start) AS last_end FROM allocation)"
			   " WHERE last_end > start",
			   &start);

	if (r != SQLITE_OK)
		return refuse_sqlite(store, r, true, ret_message);
	if (start < 0)
		return 0;
	return store_refuse(ret_message, STORE_E_CORRUPT,
			    "%s is damaged (two allocations have ID %lld): put a backup in its "
			    "place, it is not touched",
			    store->path, (long long)start);
}

/* SQLite would let all read it, and gives its log the mode that the database has. */
static int make_file(struct store *store, char **ret_message)
{
	_cleanup_(closep) int fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return store_refuse(ret_message, -errno, "cannot make %s: %m", store->path);
	return 0;
}

/*
 * A file that is missing or empty is made only where the marker knows of none. SQLite takes one
 * byte for none, and removes the log of an empty database when it opens it.
 */
static int check_file(struct store *store, bool is_known, char **ret_message)
{
	struct stat st;

	if (stat(store->path, &st) < 0) {
		if (errno != ENOENT)
			return store_refuse(ret_message, -errno, "cannot use %s: %m", store->path);
		if (!is_known)
			return make_file(store, ret_message);
		return store_refuse(ret_message, STORE_E_LOST,
				    "%s is gone, but " STORE_LOCK
				    " beside it says that it was there: put a backup in its "
				    "place, or remove " STORE_LOCK " to begin anew",
				    store->path);
	}
	if (!S_ISREG(st.st_mode))
		return store_refuse(ret_message, STORE_E_FOREIGN, "%s is no regular file",
				    store->path);
	return st.st_size <= 1 && is_known ? refuse_empty(store, ret_message) : 0;
}

/* Everything that must not write: settings, identity, soundness. */
static int examine(struct store *store, bool is_known, int64_t *ret_version, char **ret_message)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int r = sqlite3_open_v2(store->path, &store->db, flags, NULL);

	if (r == SQLITE_OK)
		r = harden(store->db);
	if (r != SQLITE_OK)
		return refuse_sqlite(store, r, is_known, ret_message);
	r = check_identity(store, is_known, ret_version, ret_message);
	if (r == 0)
		r = check_schema(store, *ret_version, ret_message);
	if (r == 0)
		r = check_soundness(store, *ret_version, ret_message);
	if (r == 0 && *ret_version > 0)
		r = check_overlaps(store, ret_message);
	return r;
}

int store_database_open(struct store *store, bool is_known, char **ret_message)
{
	int64_t version = 0;
	int r = check_file(store, is_known, ret_message);

	if (r == 0)
		r = examine(store, is_known, &version, ret_message);
	if (r != 0)
		return r;
	r = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL,
			 NULL, NULL);
	if (r == SQLITE_OK)
		r = store_schema_upgrade(store->db, version);
	if (r == SQLITE_OK)
		r = store_prepare(store);
	if (r == SQLITE_OK)
		r = sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return r == SQLITE_OK ? 0 : refuse_sqlite(store, r, is_known, ret_message);
}

void store_database_close(struct store *store)
{
	for (size_t i = 0; i < N_STATEMENTS; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	sqlite3_close(store->db);
	store->db = NULL;
}
