/* SPDX-License-Identifier: MIT */

/* Opening the database, which may have to be made or taken over first, and closing it. */

#include "store-private.h"

#include "cleanup.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

int store_connect(const char *path, const char *vfs, sqlite3 **ret)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int r = sqlite3_open_v2(path, ret, flags, vfs);

	return r == SQLITE_OK ? harden(*ret) : r;
}

static uint32_t number_at(const char *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return be32toh(number);
}

/* The format of SQLite's files, "The Database Header": both numbers are set by pragmas. */
int store_read_head(const char *path, struct store_head *ret, char **ret_message)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char data[100];
	struct stat st;
	ssize_t n;

	*ret = (struct store_head){ .is_there = fd >= 0 || errno != ENOENT };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return store_refuse(ret_message, -errno, "cannot use %s: %m", path);
	if (!S_ISREG(st.st_mode))
		return store_refuse(ret_message, STORE_E_FOREIGN, "%s is no regular file", path);
	n = pread(fd, data, sizeof(data), 0);
	if (n < 0)
		return store_refuse(ret_message, -errno, "cannot read %s: %m", path);
	ret->is_empty = st.st_size <= 1;
	if (n == sizeof(data) && memcmp(data, "SQLite format 3", 16) == 0) {
		ret->is_ours = number_at(data + 68) == STORE_APPLICATION_ID;
		ret->signature = number_at(data + 60);
	}
	return 0;
}

/* A file that is missing or empty is made only where the marker knows of none. */
static int make_first(struct store *store, const struct store_head *head, bool is_known,
		      char **ret_message)
{
	if (!is_known)
		return store_make(store, NULL, NULL, ret_message);
	if (head->is_there)
		return store_refuse_empty(store->path, ret_message);
	return store_refuse(ret_message, STORE_E_LOST,
			    "%s is gone, but " STORE_LOCK
			    " beside it says that it was there: put a backup in its place with "
			    "subidd --restore FILE, or remove " STORE_LOCK " to begin anew",
			    store->path);
}

/* Without checksums, or of somebody else. Its log must be gone before another file has its name. */
static int take_over(struct store *store, bool is_known, char **ret_message)
{
	sqlite3 *db = NULL;
	int64_t version = 0;
	int result = store_connect(store->path, NULL, &db), r = 0;

	if (result == SQLITE_OK)
		r = store_examine(db, store->path, is_known, false, &version, ret_message);
	if (result == SQLITE_OK && r == 0 && version == store_schema_version())
		r = store_refuse_damaged(store->path, "only its log says what it is", ret_message);
	if (result == SQLITE_OK && r == 0)
		result = sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
				      NULL, NULL, NULL);
	if (result == SQLITE_OK && r == 0)
		result = store_legacy_upgrade(db, version);
	if (result == SQLITE_OK && r == 0)
		result = sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (result != SQLITE_OK)
		r = store_refuse_sqlite(db, store->path, result, is_known, ret_message);
	if (r == 0)
		r = store_make(store, db, NULL, ret_message);
	sqlite3_close(db);
	return r;
}

/* A log that was lost or cut off leaves a database that looks sound, but is an older one. */
static int check_age(struct store *store, const struct store_marker *marker, char **ret_message)
{
	char what[STORE_WHAT_SIZE];
	int r;

	store->derived.is_stale = true;
	r = store_derive(store, what);
	if (r > 0)
		return store_refuse_damaged(store->path, what, ret_message);
	if (r < 0)
		return r == -ENOMEM ? r
				    : store_refuse_sqlite(store->db, store->path,
							  sqlite3_extended_errcode(store->db), true,
							  ret_message);
	if (store->derived.last_event >= marker->last_event)
		return 0;
	return store_refuse(
		ret_message, STORE_E_LOST,
		"%s is older than it was: its last change is number %llu, and " STORE_LOCK
		" beside it says that there was number %llu; put the newest backup in its "
		"place with subidd --restore FILE",
		store->path, (unsigned long long)store->derived.last_event,
		(unsigned long long)marker->last_event);
}

/* The log's hook takes the place of SQLite's own checkpoints. */
static int set_durability(sqlite3 *db)
{
	char sql[80];

	snprintf(sql, sizeof(sql), "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = %d",
		 STORE_LOG_SIZE);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* The log must have been begun with this very file, see store-log.c. */
static int check_log(struct store *store, const struct store_head *head, char **ret_message)
{
	int64_t signature = 0;
	int result = store_query(store->db, "PRAGMA user_version", &signature);

	if (result != SQLITE_OK)
		return store_refuse_sqlite(store->db, store->path, result, true, ret_message);
	/* of another version's log, more is said later */
	if (STORE_VERSION_OF(signature) != store_schema_version() ||
	    store_log_belongs(signature, head))
		return 0;
	return store_refuse(
		ret_message, STORE_E_LOST,
		"%s is not the file that the log beside it belongs to: it was replaced by "
		"another copy; put the newest backup in its place with subidd --restore FILE",
		store->path);
}

static int open_current(struct store *store, const struct store_head *head,
			const struct store_marker *marker, char **ret_message)
{
	int64_t version = 0;
	bool is_empty = false, is_whole = false;
	int r = store_log_is_empty(store, &is_empty, &is_whole), result;

	if (r < 0)
		return store_refuse(ret_message, r, "cannot read the log of %s: %s", store->path,
				    strerror(-r));
	if (is_empty)
		store_log_make(store);
	result = store_connect(store->path, store->vfs.name, &store->db);
	if (result == SQLITE_OK)
		r = check_log(store, head, ret_message);
	if (result == SQLITE_OK && r == 0)
		r = store_examine(store->db, store->path, true, is_whole, &version, ret_message);
	if (result == SQLITE_OK && r == 0)
		result = set_durability(store->db);
	if (result == SQLITE_OK && r == 0)
		result = store_prepare(store);
	if (result != SQLITE_OK)
		return store_refuse_sqlite(store->db, store->path, result, true, ret_message);
	if (r == 0)
		r = check_age(store, marker, ret_message);
	store_log_attach(store, is_empty);
	/* on a disk that takes nothing, what is known can still be asked for */
	if (r == 0)
		store_settle(store);
	return r;
}

int store_database_open(struct store *store, const struct store_marker *marker, char **ret_message)
{
	struct store_head head;
	int r = store_read_head(store->path, &head, ret_message);

	if (r != 0)
		return r;
	if (marker->last_event == STORE_RESTORING)
		return store_refuse(ret_message, STORE_E_LOST,
				    "the restoring of %s was begun and has not come to its end: "
				    "run subidd --restore FILE again",
				    store->path);
	if (!head.is_there || head.is_empty)
		r = make_first(store, &head, marker->is_known, ret_message);
	else if (!head.is_ours || STORE_VERSION_OF(head.signature) != store_schema_version())
		r = take_over(store, marker->is_known, ret_message);
	if (r == 0)
		r = store_read_head(store->path, &head, ret_message);
	if (r == 0)
		r = open_current(store, &head, marker, ret_message);
	store->is_usable = r == 0;
	if (r == 0)
		store->durable_event = store->is_log_new ? store->derived.last_event
							 : marker->last_event;
	return r;
}

void store_database_close(struct store *store)
{
	bool is_home;

	store_backup_end(store);
	is_home = store->is_usable && store->db && store_log_bring_home(store);

	for (size_t i = 0; i < N_STATEMENTS; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	sqlite3_close(store->db);
	store->db = NULL;
	if (is_home)
		store_log_empty(store);
	store->most_pages = 0; /* SQLite's bound goes with the connection */
	store->is_usable = store->has_changed = false;
}
