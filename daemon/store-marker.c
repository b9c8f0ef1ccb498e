/* SPDX-License-Identifier: MIT */

/*
 * The marker in the lock file: that there is a database, who had it last, and how far it was.
 *
 * "PID SEQUENCE" and a newline, always 32 bytes; versions before wrote the PID alone. It is written
 * after each commit and never synced but for the first time: what it says has been durable then, so
 * that a database that is behind it has lost something.
 */

#include "store-private.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MARKER_SIZE 32

/* Takes a number and the spaces before it; 0 if there is none. */
static uint64_t take_number(const char **text)
{
	size_t length;
	uint64_t number = 0;

	*text += strspn(*text, " ");
	length = strspn(*text, "0123456789");
	decimal_parse(*text, length, INT64_MAX, &number);
	*text += length;
	return number;
}

int store_marker_read(int fd, struct store_marker *ret)
{
	char data[MARKER_SIZE + 1];
	const char *text = data;
	ssize_t n = pread(fd, data, MARKER_SIZE, 0);

	if (n < 0)
		return -errno;
	data[n] = 0;
	*ret = (struct store_marker){ .is_known = n > 0 };
	ret->pid = take_number(&text);
	ret->last_event = take_number(&text);
	return 0;
}

int store_hand_over(const struct store *store, int fd)
{
	struct stat folder;

	if (geteuid() != 0)
		return 0;
	return stat(store->dir, &folder) < 0 ? -1 : fchown(fd, folder.st_uid, folder.st_gid);
}

int store_sync_folder(const char *dir)
{
	_cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int store_marker_write(struct store *store, bool is_first)
{
	char text[MARKER_SIZE + 1];

	snprintf(text, sizeof(text), "%10d %20llu\n", getpid(),
		 (unsigned long long)store->durable_event);
	errno = 0;
	if (pwrite(store->lock_fd, text, MARKER_SIZE, 0) != MARKER_SIZE)
		return errno ? -errno : -EIO;
	if (!is_first)
		return 0;
	return fsync(store->lock_fd) < 0 ? -errno : store_sync_folder(store->dir);
}
