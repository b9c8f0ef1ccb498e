/* SPDX-License-Identifier: MIT */
#include "hook-proc.h"

#include "node/file.h"

#include "cleanup.h"
#include "decimal.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 64
#define LINK_SIZE 64 /* user:[4026531837] */

static void closedirp(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* FOLDER is that of a process in /proc; that a process has ended is ESRCH, whatever was read. */
static int read_map(const char *folder, const char *name, struct idmap *ret)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_SIZE];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%s/%s", folder, name);
	r = file_read(path, IDMAP_TEXT_MAX, &text, &size);
	if (r < 0)
		return r == -ENOENT || r == -EINVAL ? -ESRCH : r;
	return idmap_parse(text, size, ret);
}

static int read_maps(const char *folder, struct hook_maps *ret)
{
	int r = read_map(folder, "uid_map", &ret->uids);

	return r < 0 ? r : read_map(folder, "gid_map", &ret->gids);
}

static int read_namespace(const char *folder, char ret[LINK_SIZE])
{
	char path[PATH_SIZE];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/ns/user", folder);
	n = readlink(path, ret, LINK_SIZE - 1);
	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ret[n] = '\0';
	return 0;
}

static void print_pid(uint32_t pid, char ret[16])
{
	snprintf(ret, 16, "%u", pid);
}

int proc_read_maps(uint32_t pid, struct hook_maps *ret)
{
	char folder[16], theirs[LINK_SIZE], ours[LINK_SIZE];
	int r;

	print_pid(pid, folder);
	if ((r = read_maps(folder, ret)) < 0 || (r = read_namespace(folder, theirs)) < 0 ||
	    (r = read_namespace("self", ours)) < 0)
		return r;
	return strcmp(theirs, ours) != 0 && !(ret->uids.is_full && ret->gids.is_full);
}

bool proc_is_contained(void)
{
	struct hook_maps maps;

	return read_maps("self", &maps) == 0 && !(maps.uids.is_full && maps.gids.is_full);
}

bool proc_share_namespace(uint32_t a, uint32_t b)
{
	char folder[16], first[LINK_SIZE], second[LINK_SIZE];

	print_pid(a, folder);
	if (read_namespace(folder, first) < 0)
		return false;
	print_pid(b, folder);
	return read_namespace(folder, second) == 0 && strcmp(first, second) == 0;
}

static bool is_in(const struct hook_maps *maps, struct id_range range)
{
	return (!maps->uids.is_full && run_overlaps(&maps->uids, range)) ||
	       (!maps->gids.is_full && run_overlaps(&maps->gids, range));
}

bool proc_lives_in(uint32_t pid, struct id_range range)
{
	struct hook_maps maps;
	char folder[16];

	print_pid(pid, folder);
	return read_maps(folder, &maps) == 0 && is_in(&maps, range);
}

/* Leaves the name of the command empty if it cannot be read any more. */
static void read_command(const char *folder, struct hook_intruder *ret)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_SIZE];
	size_t size;

	ret->command[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%s/comm", folder);
	if (file_read(path, PATH_SIZE, &text, &size) < 0)
		return;
	for (size_t i = 0; i < sizeof(ret->command) - 1 && text[i] && text[i] != '\n'; i++) {
		bool is_printable = text[i] >= 0x20 && text[i] <= 0x7e;

		ret->command[i] = '?';
		if (is_printable)
			ret->command[i] = text[i];
		ret->command[i + 1] = '\0';
	}
}

/* One may have taken an ID without a user namespace, or live in one that has no map yet. */
static int is_owned_in(const char *folder, struct id_range range)
{
	struct stat owner;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%s", folder);
	if (stat(path, &owner) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return id_range_contains(range, owner.st_uid) || id_range_contains(range, owner.st_gid);
}

static int lives_in(const char *folder, struct id_range range)
{
	struct hook_maps maps;
	int r = read_maps(folder, &maps);

	if (r < 0)
		return r;
	return is_in(&maps, range) ? 1 : is_owned_in(folder, range);
}

/* Returns 1 if the process is one; 0 also if it has gone. */
static int look_at(const char *folder, const char *namespace, struct id_range range)
{
	char other[LINK_SIZE];
	int r = lives_in(folder, range);

	if (r > 0) {
		r = read_namespace(folder, other);
		if (r == 0)
			r = strcmp(other, namespace) != 0;
	}
	return r == -ESRCH ? 0 : r;
}

int proc_find_intruder(uint32_t pid, struct id_range range, struct hook_intruder *ret)
{
	_cleanup_(closedirp) DIR *processes = opendir("/proc");
	char folder[16], namespace[LINK_SIZE];
	const struct dirent *entry;
	uint64_t other;
	int r;

	if (!processes)
		return -errno;
	print_pid(pid, folder);
	r = read_namespace(folder, namespace);
	while (r == 0 && (errno = 0, entry = readdir(processes))) {
		if (decimal_parse(entry->d_name, strlen(entry->d_name), INT32_MAX, &other) < 0)
			continue;
		r = look_at(entry->d_name, namespace, range);
		if (r == 1) {
			ret->pid = (uint32_t)other;
			read_command(entry->d_name, ret);
		}
	}
	return r == 0 && errno ? -errno : r;
}
