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

#define LOG_HEADER_SIZE 32

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

/* What the head of a database file says, before SQLite looks at it. */
struct head {
	bool is_there;
	bool is_empty; /* SQLite takes one byte for none */
	bool is_ours;
	uint32_t version;
};

static uint32_t number_at(const char *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return be32toh(number);
}

/* The format of SQLite's files, "The Database Header": both numbers are set by pragmas. */
static int read_head(const char *path, struct head *ret, char **ret_message)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char data[100];
	struct stat st;
	ssize_t n;

	*ret = (struct head){ .is_there = fd >= 0 || errno != ENOENT };
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
		ret->version = number_at(data + 60);
	}
	return 0;
}

/* A file that is missing or empty is made only where the marker knows of none. */
static int make_first(struct store *store, const struct head *head, bool is_known,
		      char **ret_message)
{
	if (!is_known)
		return store_make(store, NULL, NULL, ret_message);
	if (head->is_there)
		return store_refuse_empty(store->path, ret_message);
	return store_refuse(ret_message, STORE_E_LOST,
			    "%s is gone, but " STORE_LOCK
			    " beside it says that it was there: put a backup in its place with "
			    "subidd --restore, or remove " STORE_LOCK " to begin anew",
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

/* Is there nothing in the log? Then the database was closed, and all of it is in its file. */
static int is_log_empty(const struct store *store, bool *ret)
{
	static const char zeros[LOG_HEADER_SIZE];
	_cleanup_(freep) char *path = store_log_path(store);
	_cleanup_(closep) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char data[LOG_HEADER_SIZE];
	ssize_t n = fd < 0 ? 0 : pread(fd, data, sizeof(data), 0);

	if (!path)
		return -ENOMEM;
	if (n < 0 || (fd < 0 && errno != ENOENT))
		return -errno;
	*ret = n < LOG_HEADER_SIZE || memcmp(data, zeros, sizeof(data)) == 0;
	return 0;
}

/* What SQLite takes for an empty log. The file keeps its blocks, which a full disk has not. */
static void empty_log(const struct store *store)
{
	static const char zeros[LOG_HEADER_SIZE];
	_cleanup_(freep) char *path = store_log_path(store);
	_cleanup_(closep) int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && pwrite(fd, zeros, sizeof(zeros), 0) == sizeof(zeros))
		fdatasync(fd);
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
		"place with subidd --restore",
		store->path, (unsigned long long)store->derived.last_event,
		(unsigned long long)marker->last_event);
}

static int open_current(struct store *store, const struct store_marker *marker, char **ret_message)
{
	int64_t version = 0;
	bool is_whole = false;
	int r = is_log_empty(store, &is_whole), result;

	if (r < 0)
		return store_refuse(ret_message, r, "cannot read the log of %s: %s", store->path,
				    strerror(-r));
	store_extend_log(store);
	result = store_connect(store->path, store->vfs.name, &store->db);
	if (result == SQLITE_OK)
		r = store_examine(store->db, store->path, true, is_whole, &version, ret_message);
	if (result == SQLITE_OK && r == 0)
		result = sqlite3_exec(
			store->db,
			"PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = " STORE_LOG_CHECKPOINT
			"; PRAGMA journal_size_limit = " STORE_LOG_SIZE,
			NULL, NULL, NULL);
	if (result == SQLITE_OK && r == 0)
		result = store_prepare(store);
	if (result != SQLITE_OK)
		return store_refuse_sqlite(store->db, store->path, result, true, ret_message);
	return r == 0 ? check_age(store, marker, ret_message) : r;
}

int store_database_open(struct store *store, const struct store_marker *marker, char **ret_message)
{
	struct head head;
	int r = read_head(store->path, &head, ret_message);

	if (r != 0)
		return r;
	if (!head.is_there || head.is_empty)
		r = make_first(store, &head, marker->is_known, ret_message);
	else if (!head.is_ours || head.version != (uint32_t)store_schema_version())
		r = take_over(store, marker->is_known, ret_message);
	if (r == 0)
		r = open_current(store, marker, ret_message);
	store->is_usable = r == 0;
	if (r == 0)
		store->durable_event = store->derived.last_event;
	return r;
}

/* What was committed, durably in the file; what was not is given up. */
static bool bring_home(struct store *store)
{
	int n_log = -1, n_done = -2;

	if (store_in_transaction(store))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_RESTART, &n_log,
					 &n_done) == SQLITE_OK &&
	       n_log == n_done && !store_has_moved(store);
}

void store_database_close(struct store *store)
{
	bool is_home = store->is_usable && store->db && bring_home(store);

	for (size_t i = 0; i < N_STATEMENTS; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	sqlite3_close(store->db);
	store->db = NULL;
	if (is_home)
		empty_log(store);
	store->is_usable = store->has_changed = false;
}
