/* SPDX-License-Identifier: MIT */

/* The folder, its lock and the marker in it; transactions. */

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

/*
 * The lock file holds the PID of the last daemon that had a database here, in a fixed width so that
 * it is never empty again: that it is not empty is the marker that there must be a database.
 */
static int read_marker(int fd, bool *ret_is_known, char (*ret_pid)[16])
{
	ssize_t n = pread(fd, *ret_pid, sizeof(*ret_pid) - 1, 0);

	if (n < 0)
		return -errno;
	(*ret_pid)[n] = 0;
	(*ret_pid)[strcspn(*ret_pid, "\n")] = 0;
	*ret_is_known = n > 0;
	return 0;
}

static int take_lock(const char *dir, const char *path, struct store *store, bool *ret_is_known,
		     char **ret_message)
{
	char pid[16];
	int r;

	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return store_refuse(ret_message, -errno, "cannot open the lock %s: %m", path);
	r = read_marker(store->lock_fd, ret_is_known, &pid);
	if (r < 0)
		return store_refuse(ret_message, r, "cannot read the lock %s: %s", path,
				    strerror(-r));
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return store_refuse(ret_message, -errno, "cannot lock %s: %m", path);
	return store_refuse(
		ret_message, STORE_E_LOCKED,
		"another subidd uses the state folder %s (the last one that opened it has PID %s)",
		dir, *ret_is_known ? pid + strspn(pid, " ") : "unknown");
}

static int sync_folder(const char *dir)
{
	_cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* Only the first marker needs to be durable: from then on it cannot become empty. */
static int write_marker(const char *dir, struct store *store, bool is_known)
{
	char pid[16];
	int length = snprintf(pid, sizeof(pid), "%10d\n", getpid());

	if (pwrite(store->lock_fd, pid, (size_t)length, 0) != length)
		return errno ? -errno : -EIO;
	if (is_known)
		return 0;
	if (fsync(store->lock_fd) < 0)
		return -errno;
	return sync_folder(dir);
}

int store_open(const char *dir, struct store **ret, char **ret_message)
{
	_cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));
	_cleanup_(freep) char *lock = NULL;
	bool is_known = false;
	int r;

	*ret_message = NULL;
	if (!store)
		return -ENOMEM;
	store->lock_fd = -1;
	if (asprintf(&lock, "%s/" STORE_LOCK, dir) < 0) {
		lock = NULL;
		return -ENOMEM;
	}
	if (asprintf(&store->path, "%s/" STORE_FILE, dir) < 0) {
		store->path = NULL;
		return -ENOMEM;
	}
	r = make_folder(dir, ret_message);
	if (r == 0)
		r = take_lock(dir, lock, store, &is_known, ret_message);
	if (r == 0)
		r = store_database_open(store, is_known, ret_message);
	if (r != 0)
		return r;
	r = write_marker(dir, store, is_known);
	if (r < 0)
		return store_refuse(ret_message, r, "cannot write the lock %s: %s", lock,
				    strerror(-r));
	*ret = take_ptr(store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	store_database_close(store);
	closep(&store->lock_fd);
	free(store->path);
	free(store);
}

int store_reopen(struct store *store)
{
	_cleanup_(freep) char *message = NULL;
	int r;

	store_database_close(store);
	r = store_database_open(store, true, &message);
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
	return run(store, STATEMENT_BEGIN);
}

int store_commit(struct store *store)
{
	int r = run(store, STATEMENT_COMMIT);

	return r == 0 && store_has_moved(store) ? -ESTALE : r;
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

	return r < 0 ? r : run(store, STATEMENT_KEEP);
}
