/* SPDX-License-Identifier: MIT */
#include "node/process.h"

#include "node/clock.h"
#include "node/file.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

#define STAT_MAX 4096  /* bytes */
#define START_FIELD 22 /* of proc_pid_stat(5), counted from 1 */
#define NSEC_PER_SEC 1000000000

/* An error of pidfd_open(2) or of a file in /proc that says: there is no such process. */
static int map_error(int error)
{
	return error == -EINVAL || error == -ENOENT ? -ESRCH : error;
}

/* The file system knows no closing parenthesis but in the second field, the name. */
static int parse_start(const char *text, uint64_t *ret)
{
	const char *at = strrchr(text, ')');

	for (int field = 2; at && field < START_FIELD; field++)
		at = strchr(at + (field > 2), ' ');
	if (!at)
		return -EINVAL;
	at++;
	return decimal_parse(at, strcspn(at, " "), INT64_MAX, ret);
}

/* The start is shown in the reader's time namespace. */
static int read_start(uint32_t pid, uint64_t *ret)
{
	const int64_t nsec_per_tick = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	_cleanup_(freep) char *text = NULL;
	uint64_t start;
	int64_t offset;
	char path[32];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if ((r = file_read(path, STAT_MAX, &text, &size)) < 0)
		return map_error(r);
	if ((r = parse_start(text, &start)) < 0 || (r = clock_boot_offset(&offset)) < 0)
		return r;
	*ret = start - (uint64_t)(offset / nsec_per_tick);
	return 0;
}

/* Whatever was read of the PID before this was of the pidfd's process if that still lives. */
static int check_alive(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int n = poll(&poller, 1, 0);

	if (n < 0)
		return -errno;
	return n > 0 ? -ESRCH : 0;
}

/* Under hidepid= and ProtectProc= the files of one that lives may not be there. */
static int read_start_alive(uint32_t pid, int fd, uint64_t *ret)
{
	int r = read_start(pid, ret);

	return r == -ESRCH && check_alive(fd) == 0 ? -EPERM : r;
}

static int open_pid(uint32_t pid, struct process *ret, int *ret_fd)
{
	_cleanup_(closep) int fd = -1;
	struct process process = { .pid = pid };
	int r;

	if (pid == 0 || pid > INT_MAX)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return map_error(-errno);
	if ((r = read_start_alive(pid, fd, &process.start)) < 0 ||
	    (r = clock_boot_id(process.boot)) < 0 || (r = check_alive(fd)) < 0)
		return r;
	*ret = process;
	*ret_fd = take_fd(&fd);
	return 0;
}

int process_identify(uint32_t pid, struct process *ret)
{
	_cleanup_(closep) int fd = -1;

	return open_pid(pid, ret, &fd);
}

int process_open(const struct process *process, int *ret_fd)
{
	_cleanup_(closep) int fd = -1;
	struct process found = { 0 };
	int r = open_pid(process->pid, &found, &fd);

	if (r < 0)
		return r;
	if (!process_equal(&found, process))
		return -ESRCH;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int read_map(uint32_t pid, const char *name, struct idmap *ret)
{
	_cleanup_(freep) char *text = NULL;
	char path[32];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	r = file_read(path, IDMAP_TEXT_MAX, &text, &size);
	return r < 0 ? map_error(r) : idmap_parse(text, size, ret);
}

int process_read_maps(const struct process *process, struct idmap ret[2])
{
	_cleanup_(closep) int fd = -1;
	struct idmap maps[2];
	int r;

	if ((r = process_open(process, &fd)) < 0 ||
	    (r = read_map(process->pid, "uid_map", &maps[0])) < 0 ||
	    (r = read_map(process->pid, "gid_map", &maps[1])) < 0 || (r = check_alive(fd)) < 0)
		return r;
	memcpy(ret, maps, sizeof(maps));
	return 0;
}

int process_is_alive(const struct process *process)
{
	_cleanup_(closep) int fd = -1;
	int r = process_open(process, &fd);

	return r == -ESRCH ? 0 : r < 0 ? r : 1;
}
