/* SPDX-License-Identifier: MIT */

/*
 * The write-ahead log: its file, which keeps its size, and when it is brought home.
 *
 * A log is good only with the database that it was begun with: replayed over another copy it makes
 * a mixture that can look sound. So the first commit of each log raises a number in the database's
 * header. While that log lasts, the file itself has that number or the one before. A log that is
 * found at the start is brought home and goes on no further, or the file would change without its
 * number; and what it has may never have been synced by whoever was killed meanwhile.
 */

#include "store-private.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_SIZE 32
/* Pages after which the log is brought home, which costs two syncs; the rest is for the commit that
 * goes beyond. */
#define CHECKPOINT (STORE_LOG_SIZE / STORE_PAGE_SIZE / 4 * 3)
#define CHECKPOINT_IN_BACKUP (16 * STORE_LOG_SIZE / STORE_PAGE_SIZE)

/* Written and not only allocated: overwriting costs a commit half of what filling a new block does.
 */
static int write_zeros(int fd)
{
	static const char zeros[64 * 1024];

	for (off_t at = 0; at < STORE_LOG_SIZE; at += (off_t)sizeof(zeros))
		if (pwrite(fd, zeros, sizeof(zeros), at) != (ssize_t)sizeof(zeros))
			return -ENOSPC;
	return fdatasync(fd) < 0 ? -errno : 0;
}

/* Under its name it is there whole, or not: what a block held before could be an old log. */
void store_log_make(const struct store *store)
{
	_cleanup_(freep) char *new = NULL;
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if ((stat(store->log_path, &st) == 0 && st.st_size >= STORE_LOG_SIZE) ||
	    store_disk_is_tiny(store))
		return;
	if (asprintf(&new, "%s.new", store->log_path) < 0) {
		new = NULL;
		return;
	}
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write_zeros(fd) < 0 || rename(new, store->log_path) < 0)
		unlink(new);
	else
		store_sync_folder(store->dir);
}

int store_log_is_empty(const struct store *store, bool *ret, bool *ret_was_closed)
{
	static const char zeros[HEADER_SIZE];
	_cleanup_(closep) int fd = open(store->log_path, O_RDONLY | O_CLOEXEC);
	char data[HEADER_SIZE];
	ssize_t n = fd < 0 ? 0 : pread(fd, data, sizeof(data), 0);

	if (n < 0 || (fd < 0 && errno != ENOENT))
		return -errno;
	*ret_was_closed = n == HEADER_SIZE && memcmp(data, zeros, sizeof(data)) == 0;
	*ret = n < HEADER_SIZE || *ret_was_closed;
	return 0;
}

/* What SQLite takes for an empty log. The file keeps its blocks, which a full disk has not. */
void store_log_empty(const struct store *store)
{
	static const char zeros[HEADER_SIZE];
	_cleanup_(closep) int fd = open(store->log_path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && pwrite(fd, zeros, sizeof(zeros), 0) == sizeof(zeros))
		fdatasync(fd);
}

/* What was committed, durably in the file; what was not is given up. */
bool store_log_bring_home(struct store *store)
{
	int n_log = -1, n_done = -2;

	if (store_in_transaction(store))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_RESTART, &n_log,
					 &n_done) == SQLITE_OK &&
	       n_log == n_done && !store_has_moved(store);
}

/* SQLite calls it after each commit, with the pages that the log has then. */
static int count_pages(void *userdata, sqlite3 *db, const char *name, int n_pages)
{
	struct store *store = userdata;

	(void)db;
	(void)name;
	store->n_log_pages = n_pages;
	return SQLITE_OK;
}

static ino_t get_inode(const struct store *store)
{
	struct stat st;

	return stat(store->log_path, &st) < 0 ? 0 : st.st_ino;
}

bool store_log_has_moved(const struct store *store)
{
	return get_inode(store) != store->log_inode;
}

void store_log_attach(struct store *store, bool is_empty)
{
	store->log_inode = get_inode(store);
	store->is_log_new = is_empty;
	store->n_log_pages = 0;
	sqlite3_wal_hook(store->db, count_pages, store);
}

bool store_log_belongs(int64_t signature, const struct store_head *head)
{
	int behind = STORE_GENERATION_OF(signature) - STORE_GENERATION_OF(head->signature);

	return behind == 0 || behind == 1 || behind == -STORE_GENERATION_MAX;
}

int store_log_begin(struct store *store)
{
	int64_t signature;
	int r;

	if (!store->is_log_new)
		return 0;
	r = store_query(store->db, "PRAGMA user_version", &signature);
	if (r == SQLITE_OK)
		r = store_schema_sign(store->db, STORE_VERSION_OF(signature),
				      STORE_GENERATION_OF(signature) + 1);
	return r == SQLITE_OK ? 0 : store_errno(r);
}

int store_log_checkpoint(struct store *store)
{
	int n_log = -1, n_done = -2;
	int r = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_log,
					  &n_done);

	if (r != SQLITE_OK)
		return store_errno(r);
	if (n_log != n_done)
		return -EBUSY;
	store->is_log_new = true;
	return 0;
}

int store_settle(struct store *store)
{
	return store->is_log_new ? 0 : store_log_checkpoint(store);
}

/*
 * What cannot be brought home now is tried again after the next commit. A backup needs the file as
 * it is, and is given up when the log would become too large, or larger than its own blocks on a
 * full disk.
 */
void store_log_end(struct store *store)
{
	bool must_wait = store->backup_size > 0 && !store->is_tight;

	store->is_log_new = false;
	if (store->n_log_pages < (must_wait ? CHECKPOINT_IN_BACKUP : CHECKPOINT))
		return;
	store_backup_end(store);
	store_log_checkpoint(store);
}
