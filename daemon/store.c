/* SPDX-License-Identifier: MIT */

/* The folder and its lock; transactions. */

#include "store.h"

#include "cleanup.h"
#include "store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

DEFINE_CLEANUP(struct store *, store_free)

static int make_folder(const char *dir, char **ret_message)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return store_refuse(ret_message, -errno, "cannot make the state folder %s: %m",
				    dir);
	if (stat(dir, &st) < 0)
		return store_refuse(ret_message, -errno, "cannot use the state folder %s: %m", dir);
	if (!S_ISDIR(st.st_mode))
		return store_refuse(ret_message, -ENOTDIR, "the state folder %s is no folder", dir);
	if ((st.st_mode & 077) && chmod(dir, 0700) < 0)
		return store_refuse(ret_message, -errno,
				    "cannot keep others out of the state folder %s: %m", dir);
	return 0;
}

static int take_lock(struct store *store, const char *path, struct store_marker *ret,
		     char **ret_message)
{
	char pid[24] = "unknown";
	bool is_taken;
	int r;

	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0 || store_hand_over(store, store->lock_fd) < 0)
		return store_refuse(ret_message, -errno, "cannot open the lock %s: %m", path);
	is_taken = flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (!is_taken && errno != EWOULDBLOCK)
		return store_refuse(ret_message, -errno, "cannot lock %s: %m", path);
	r = store_marker_read(store->lock_fd, ret);
	if (r < 0)
		return store_refuse(ret_message, r, "cannot read the lock %s: %s", path,
				    strerror(-r));
	if (is_taken)
		return 0;
	if (ret->pid > 0)
		snprintf(pid, sizeof(pid), "%llu", (unsigned long long)ret->pid);
	return store_refuse(
		ret_message, STORE_E_LOCKED,
		"another subidd uses the state folder %s (the last one that opened it has PID %s)",
		store->dir, pid);
}

/* It is used by one thread at a time. A program that uses SQLite already keeps its own settings. */
static void configure_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int make_store(const char *dir, struct store **ret)
{
	_cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->lock_fd = -1;
	store->dir = strdup(dir);
	if (asprintf(&store->path, "%s/" STORE_FILE, dir) < 0)
		store->path = NULL;
	if (asprintf(&store->log_path, "%s/" STORE_FILE "-wal", dir) < 0)
		store->log_path = NULL;
	if (!store->dir || !store->path || !store->log_path)
		return -ENOMEM;
	configure_sqlite();
	if (store_vfs_register(&store->vfs) != SQLITE_OK)
		return -ENOMEM;
	*ret = take_ptr(store);
	return 0;
}

int store_take_folder(const char *dir, struct store **ret, struct store_marker *ret_marker,
		      char **ret_message)
{
	_cleanup_(store_freep) struct store *store = NULL;
	_cleanup_(freep) char *lock = NULL;
	int r = make_store(dir, &store);

	*ret_message = NULL;
	if (r < 0)
		return r;
	if (asprintf(&lock, "%s/" STORE_LOCK, dir) < 0) {
		lock = NULL;
		return -ENOMEM;
	}
	r = make_folder(dir, ret_message);
	if (r == 0)
		r = take_lock(store, lock, ret_marker, ret_message);
	if (r == 0)
		*ret = take_ptr(store);
	return r;
}

int store_open(const char *dir, struct store **ret, char **ret_message)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct store_marker marker = {};
	int r = store_take_folder(dir, &store, &marker, ret_message);

	if (r == 0)
		r = store_database_open(store, &marker, ret_message);
	if (r != 0)
		return r;
	r = store_marker_write(store, !marker.is_known);
	if (r < 0)
		return store_refuse(ret_message, r, "cannot write the lock in %s: %s", dir,
				    strerror(-r));
	*ret = take_ptr(store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store_database_close(store);
	store_vfs_unregister(&store->vfs);
	pod_index_done(&store->derived.pods);
	closep(&store->lock_fd);
	free(store->log_path);
	free(store->path);
	free(store->dir);
	free(store);
}

/*
 * Closing writes what was committed into the database itself: after a write or a sync that has
 * failed, nothing may build on what the log is said to hold.
 */
int store_reopen(struct store *store)
{
	struct store_marker marker = { .is_known = true, .last_event = store->durable_event };
	_cleanup_(freep) char *message = NULL;
	int r;

	store_database_close(store);
	r = store_database_open(store, &marker, &message);
	return r > 0 ? -EUCLEAN : r;
}

static int run(struct store *store, enum statement statement)
{
	sqlite3_stmt *s = store->statements[statement];
	int r = sqlite3_step(s);

	sqlite3_reset(s);
	return r == SQLITE_DONE ? 0 : store_errno(r);
}

int store_begin(struct store *store)
{
	int r = store_ensure_room(store);

	if (r == 0)
		r = run(store, STATEMENT_BEGIN);
	if (r < 0)
		return r;
	r = store_log_begin(store);
	if (r < 0 && store_in_transaction(store))
		run(store, STATEMENT_ROLLBACK);
	return r;
}

/* The marker only helps to find out later that something was lost: it is no part of a commit. */
int store_commit(struct store *store)
{
	int r = run(store, STATEMENT_COMMIT);

	if (r == 0 && (store_has_moved(store) || store_log_has_moved(store)))
		r = -ESTALE;
	if (r < 0)
		return r;
	store->has_changed = false;
	store->durable_event = store->derived.last_event;
	store_marker_write(store, false);
	store_log_end(store);
	return 0;
}

bool store_in_transaction(const struct store *store)
{
	return store->db && !sqlite3_get_autocommit(store->db);
}

int store_mark(struct store *store)
{
	return run(store, STATEMENT_MARK);
}

int store_keep(struct store *store)
{
	return run(store, STATEMENT_KEEP);
}

/* Undoing leaves the mark itself in place, so it is taken away as well. */
int store_undo(struct store *store)
{
	int r = run(store, STATEMENT_UNDO);

	store->derived.is_stale = true;
	return r < 0 ? r : run(store, STATEMENT_KEEP);
}
