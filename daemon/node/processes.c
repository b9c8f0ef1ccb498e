/* SPDX-License-Identifier: MIT */
#include "node/processes.h"

#include "core/idmap.h"
#include "core/pool.h"

#include "cleanup.h"
#include "decimal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LISTED_SIZE 2048	      /* bytes of names that are listed at a time: some 64 PIDs */
#define TEXT_MAX (IDMAP_TEXT_MAX + 1) /* one byte too many is seen and refused */
#define GONE_MAX 3		      /* times that one listed process may not be there */

struct processes {
	int folder;
	_Alignas(struct dirent64) char listed[LISTED_SIZE];
	size_t n_listed, at; /* bytes of the list; where the next entry begins */
	off64_t here, next;  /* positions in the folder, of the current and of the next entry */
	uint32_t pid;	     /* the current process */
	uint32_t gone;	     /* the last one that was listed and not there */
	uint32_t n_gone;     /* times in a row that it was not */
	struct idmap uids, gids;
	struct claims_draft claims;
	uint32_t n_processes;
	uint64_t cost; /* ns */
	char blindness[256];
	char text[TEXT_MAX + 1];
};

static uint64_t now_nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * Reads a file of a process, up to ROOM bytes and a NUL behind them. A process that ends meanwhile
 * is ESRCH, whether it was missed by the path (ENOENT), by the opening of a map (EINVAL) or by a
 * reading (ESRCH).
 */
static int read_path(const struct processes *pass, const char *path, char *buffer, size_t room,
		     size_t *ret_size)
{
	_cleanup_(closep) int fd = -1;
	size_t size = 0;

	fd = openat(pass->folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == EINVAL ? -ESRCH : -errno;
	while (size < room) {
		ssize_t n = read(fd, buffer + size, room - size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		size += n > 0 ? (size_t)n : 0;
	}
	buffer[size] = '\0';
	*ret_size = size;
	return 0;
}

/* The same for the current process. */
static int read_file(const struct processes *pass, const char *name, char *buffer, size_t room,
		     size_t *ret_size)
{
	char path[32];

	snprintf(path, sizeof(path), "%u/%s", pass->pid, name);
	return read_path(pass, path, buffer, room, ret_size);
}

static int read_map(struct processes *pass, const char *name, struct idmap *ret)
{
	size_t size = 0;
	int r = read_file(pass, name, pass->text, TEXT_MAX, &size);

	return r < 0 ? r : idmap_parse(pass->text, size, ret);
}

/* Leaves the name of the command empty if it cannot be read any more: the claim counts. */
static void read_command(const struct processes *pass, char ret[CLAIM_COMMAND_MAX + 1])
{
	size_t size = 0;

	if (read_file(pass, "comm", ret, CLAIM_COMMAND_MAX, &size) < 0)
		return;
	if (size > 0 && ret[size - 1] == '\n')
		ret[size - 1] = '\0';
	for (char *c = ret; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static int add_claim(struct processes *pass, struct id_range range)
{
	struct claim *claim;
	bool is_new;
	int r;

	if (!id_range_valid(range) || id_range_end(range) <= FIRST_FREE_ID)
		return 0;
	r = claims_draft_add(&pass->claims, range, pass->pid, &claim, &is_new);
	if (r == 0 && is_new)
		read_command(pass, claim->command);
	return r;
}

static int add_id(struct processes *pass, uint32_t id)
{
	return add_claim(pass, (struct id_range){ id, 1 });
}

static int add_map(struct processes *pass, const struct idmap *map)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < map->n_hosts && !map->is_full; i++)
		r = add_claim(pass, map->hosts[i]);
	return r;
}

/* Adds the numbers behind KEY, which has its line's begin in it: a name has no newlines. */
static int add_status_line(struct processes *pass, const char *key)
{
	const char *at = strstr(pass->text, key);
	int r = 0;

	if (!at)
		return -EINVAL;
	at += strlen(key);
	for (int i = 0; r == 0 && i < 4; i++) {
		size_t length = strspn(at, "0123456789");
		uint64_t id;

		if (decimal_parse(at, length, UINT32_MAX, &id) < 0)
			return -EINVAL;
		r = add_id(pass, (uint32_t)id);
		at += length + (at[length] == '\t');
	}
	return r;
}

/* The real, effective, saved and file system IDs (proc_pid_status(5)); they stand near the top. */
static int add_status(struct processes *pass)
{
	size_t size;
	int r = read_file(pass, "status", pass->text, TEXT_MAX, &size);

	if (r == 0)
		r = add_status_line(pass, "\nUid:\t");
	return r < 0 ? r : add_status_line(pass, "\nGid:\t");
}

/* The map's own range tells of such an owner already. */
static bool map_names(const struct idmap *map, uint32_t id)
{
	return !map->is_full && idmap_contains(map, id);
}

/*
 * The folder of a process belongs to its effective IDs, whereas the files in it belong to root once
 * those have been changed.
 */
static int look_at_process(struct processes *pass)
{
	struct stat owner;
	char path[16];
	int r;

	snprintf(path, sizeof(path), "%u", pass->pid);
	if (fstatat(pass->folder, path, &owner, 0) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if ((r = read_map(pass, "uid_map", &pass->uids)) < 0 ||
	    (r = read_map(pass, "gid_map", &pass->gids)) < 0 ||
	    (r = add_map(pass, &pass->uids)) < 0 || (r = add_map(pass, &pass->gids)) < 0)
		return r;
	if ((pass->uids.is_empty || pass->gids.is_empty) && (r = add_status(pass)) < 0)
		return r;
	if (!map_names(&pass->uids, owner.st_uid) && (r = add_id(pass, owner.st_uid)) < 0)
		return r;
	return map_names(&pass->gids, owner.st_gid) ? 0 : add_id(pass, owner.st_gid);
}

/* Fills the list if nothing is left of it. Returns 1, 0 at the end, or a negative errno. */
static int list(struct processes *pass)
{
	ssize_t n;

	if (pass->at < pass->n_listed)
		return 1;
	n = getdents64(pass->folder, pass->listed, sizeof(pass->listed));
	if (n <= 0)
		return n < 0 ? -errno : 0;
	pass->n_listed = (size_t)n;
	pass->at = 0;
	return 1;
}

/* Goes on to the next process. Returns 1, 0 at the end, or a negative errno. */
static int list_process(struct processes *pass)
{
	int r;

	while ((r = list(pass)) > 0) {
		const struct dirent64 *entry = (const void *)(pass->listed + pass->at);
		uint64_t pid;

		pass->at += entry->d_reclen;
		pass->here = pass->next;
		pass->next = entry->d_off;
		if (decimal_parse(entry->d_name, strlen(entry->d_name), INT32_MAX, &pid) == 0) {
			pass->pid = (uint32_t)pid;
			return 1;
		}
	}
	return r;
}

/*
 * A process that was listed has gone, and may have left a child that was not there yet: lists again
 * from its place on. Returns 1 or a negative errno.
 */
static int list_again(struct processes *pass)
{
	pass->n_gone = pass->pid == pass->gone ? pass->n_gone + 1 : 1;
	pass->gone = pass->pid;
	if (pass->n_gone > GONE_MAX)
		return *pass->blindness ? 1 : -EAGAIN;
	if (lseek64(pass->folder, pass->here, SEEK_SET) < 0)
		return -errno;
	pass->next = pass->here;
	pass->at = pass->n_listed = 0;
	return 1;
}

static int step(struct processes *pass)
{
	int r = list_process(pass);

	if (r <= 0)
		return r;
	r = look_at_process(pass);
	if (r == -ESRCH)
		return list_again(pass);
	if (r < 0 && !(*pass->blindness && (r == -EACCES || r == -EPERM)))
		return r;
	pass->n_processes++;
	return 1;
}

/* Looks whether a map is the full one. */
static int check_sight(struct processes *pass, const char *folder, const char *name)
{
	size_t size;
	int r = read_path(pass, name, pass->text, TEXT_MAX, &size);

	if (r == -ESRCH || r == -EACCES || r == -EPERM) {
		snprintf(pass->blindness, sizeof(pass->blindness),
			 "%s/%s cannot be read (%s): is ProtectProc= or hidepid= set?", folder,
			 name, r == -ESRCH ? "it is not there" : strerrordesc_np(-r));
		return 0;
	}
	if (r == 0)
		r = idmap_parse(pass->text, size, &pass->uids);
	if (r == 0 && !pass->uids.is_full)
		snprintf(pass->blindness, sizeof(pass->blindness),
			 "%s/%s is not the full map: is PrivateUsers= set?", folder, name);
	return r;
}

/*
 * Where PrivateUsers= maps root to root, the map of a PID 1 outside looks like the full one, though
 * the others cannot be read as they are: so our own count as well.
 */
static int open_pass(struct processes *pass, const char *folder)
{
	static const char *const maps[] = { "1/uid_map", "1/gid_map", "self/uid_map",
					    "self/gid_map" };
	int r = 0;

	pass->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pass->folder < 0)
		return -errno;
	for (size_t i = 0; i < ELEMENTS_OF(maps) && r == 0 && !*pass->blindness; i++)
		r = check_sight(pass, folder, maps[i]);
	return r;
}

DEFINE_CLEANUP(struct processes *, processes_free)

int processes_open(const char *folder, struct processes **ret)
{
	uint64_t began = now_nsec();
	_cleanup_(processes_freep) struct processes *pass = calloc(1, sizeof(*pass));
	int r;

	if (!pass)
		return -ENOMEM;
	r = open_pass(pass, folder);
	if (r < 0)
		return r;
	pass->cost = now_nsec() - began;
	*ret = take_ptr(pass);
	return 0;
}

int processes_step(struct processes *pass)
{
	uint64_t began = now_nsec();
	int r = step(pass);

	pass->cost += now_nsec() - began;
	return r;
}

int processes_finish(struct processes *pass, struct claims *ret)
{
	uint64_t began = now_nsec();
	int r = claims_draft_finish(&pass->claims, ret);

	pass->cost += now_nsec() - began;
	return r;
}

const char *processes_blindness(const struct processes *pass)
{
	return *pass->blindness ? pass->blindness : NULL;
}

uint32_t processes_count(const struct processes *pass)
{
	return pass->n_processes;
}

uint64_t processes_cost(const struct processes *pass)
{
	return pass->cost / 1000;
}

/* The number of the initial one is a constant of the kernel (PROC_PID_INIT_INO). */
bool processes_are_contained(void)
{
	char name[64];
	ssize_t n = readlink(PROCESSES_FOLDER "/self/ns/pid", name, sizeof(name) - 1);

	if (n < 0)
		return false;
	name[n] = '\0';
	return strcmp(name, "pid:[4026531836]") != 0;
}

void processes_free(struct processes *pass)
{
	if (!pass)
		return;
	closep(&pass->folder);
	claims_draft_done(&pass->claims);
	free(pass);
}
