/* SPDX-License-Identifier: MIT */

/*
 * New database files: an empty one, one with the rows of a version before, or of a backup. Each is
 * made under another name, brought to the disk whole, and then renamed.
 */

#include "store-private.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* What of a database of version 2 or later goes into a new one. */
static const struct {
	const char *from, *to;
} copies[] = {
	{ "SELECT start, count, pod, pool, state, origin, namespace, name, client_uid, created_at,"
	  " released_at, release_order, clock, pid, process_start, boot FROM allocation"
	  " ORDER BY start",
	  "INSERT INTO allocation (start, count, pod, pool, state, origin, namespace, name,"
	  " client_uid, created_at, released_at, release_order, clock, pid, process_start, boot)"
	  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" },
	{ "SELECT sequence, time, kind, cause, pod, pool, start, count, namespace, name,"
	  " client_uid, client_pid, pid, other_pod, sequence >> 10 FROM event ORDER BY sequence",
	  "INSERT INTO event (sequence, time, kind, cause, pod, pool, start, count, namespace, name,"
	  " client_uid, client_pid, pid, other_pod, block)"
	  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" },
	{ "SELECT name, start, count, unit FROM pool",
	  "INSERT INTO pool (name, start, count, unit) VALUES (?, ?, ?, ?)" },
	{ "SELECT boot, offset, last FROM clock",
	  "INSERT INTO clock (only, boot, offset, last) VALUES (1, ?, ?, ?)" },
};

static int copy_rows(sqlite3_stmt *from, sqlite3_stmt *to)
{
	int r;

	while ((r = sqlite3_step(from)) == SQLITE_ROW) {
		r = SQLITE_OK;
		for (int i = 0; i < sqlite3_column_count(from) && r == SQLITE_OK; i++)
			r = sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		if (r == SQLITE_OK)
			r = sqlite3_step(to);
		sqlite3_reset(to);
		if (r != SQLITE_DONE)
			return r;
	}
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int copy_table(sqlite3 *from, const char *from_sql, sqlite3 *to, const char *to_sql)
{
	sqlite3_stmt *select = NULL, *insert = NULL;
	int r = sqlite3_prepare_v2(from, from_sql, -1, &select, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_prepare_v2(to, to_sql, -1, &insert, NULL);
	if (r == SQLITE_OK)
		r = copy_rows(select, insert);
	sqlite3_finalize(select);
	sqlite3_finalize(insert);
	return r;
}

/* The schema and the rows in one transaction. A long history must not all be in memory. */
static int fill(sqlite3 *db, sqlite3 *from, const char *finish)
{
	int r = sqlite3_exec(db, "PRAGMA cache_spill = ON; BEGIN", NULL, NULL, NULL);

	if (r == SQLITE_OK)
		r = store_schema_make(db);
	for (size_t i = 0; from && i < ELEMENTS_OF(copies) && r == SQLITE_OK; i++)
		r = copy_table(from, copies[i].from, db, copies[i].to);
	if (r == SQLITE_OK && finish)
		r = sqlite3_exec(db, finish, NULL, NULL, NULL);
	return r == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : r;
}

/* Closing brings all of it from the log into the file, and removes the log. */
static int build(struct store *store, const char *path, sqlite3 *from, const char *finish,
		 char **ret_message)
{
	int reserved = STORE_PAGE_RESERVED, n_log = 0, n_done = -1;
	sqlite3 *db = NULL;
	int r = store_connect(path, store->vfs.name, &db);

	if (r == SQLITE_OK)
		r = sqlite3_file_control(db, NULL, SQLITE_FCNTL_RESERVE_BYTES, &reserved);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL,
				 NULL, NULL);
	if (r == SQLITE_OK)
		r = fill(db, from, finish);
	if (r == SQLITE_OK)
		r = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &n_log,
					      &n_done);
	if (r == SQLITE_OK && n_log != n_done)
		r = SQLITE_BUSY;
	if (r == SQLITE_OK)
		r = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (r != SQLITE_OK) {
		int error = store_errno(r);

		store_refuse(ret_message, 0, "cannot make %s: %s", path, sqlite3_errmsg(db));
		sqlite3_close(db);
		return error;
	}
	sqlite3_close(db);
	return 0;
}

static int remove_file(const char *path, const char *suffix)
{
	_cleanup_(freep) char *file = NULL;

	if (asprintf(&file, "%s%s", path, suffix) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	return unlink(file) < 0 && errno != ENOENT ? -errno : 0;
}

/* A log that is left from another database would be taken for that of the new one. */
static int remove_logs(const char *path)
{
	int r = remove_file(path, "-wal");

	return r < 0 ? r : remove_file(path, "-journal");
}

/* What a making that was interrupted has left, or this one that has failed. */
static int clear(const char *path)
{
	int r = remove_logs(path);

	return r < 0 ? r : remove_file(path, "");
}

/* SQLite would let all read it, and gives its log the mode that the database has. */
static int make_file(const struct store *store, const char *path, char **ret_message)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || store_hand_over(store, fd) < 0)
		return store_refuse(ret_message, -errno, "cannot make %s: %m", path);
	return 0;
}

static char *new_path(const struct store *store)
{
	char *path;

	return asprintf(&path, "%s.new", store->path) < 0 ? NULL : path;
}

int store_make_new(struct store *store, sqlite3 *from, const char *finish, char **ret_message)
{
	_cleanup_(freep) char *path = new_path(store);
	int r;

	if (!path)
		return -ENOMEM;
	r = clear(path);
	if (r == 0)
		r = make_file(store, path, ret_message);
	if (r == 0)
		r = build(store, path, from, finish, ret_message);
	if (r != 0)
		clear(path);
	return r;
}

int store_take_new(struct store *store, char **ret_message)
{
	_cleanup_(freep) char *path = new_path(store);
	int r;

	if (!path)
		return -ENOMEM;
	r = remove_logs(store->path);
	if (r == 0)
		r = store_sync_folder(store->dir);
	if (r == 0 && rename(path, store->path) < 0)
		r = store_refuse(ret_message, -errno, "cannot rename %s to %s: %m", path,
				 store->path);
	if (r == 0)
		r = store_sync_folder(store->dir);
	if (r != 0)
		clear(path);
	return r;
}

void store_drop_new(const struct store *store)
{
	_cleanup_(freep) char *path = new_path(store);

	if (path)
		clear(path);
}

int store_make(struct store *store, sqlite3 *from, const char *finish, char **ret_message)
{
	int r = store_make_new(store, from, finish, ret_message);

	return r == 0 ? store_take_new(store, ret_message) : r;
}
