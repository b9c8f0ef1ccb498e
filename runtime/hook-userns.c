/* SPDX-License-Identifier: MIT */
#include "hook-userns.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Bytes of a line: three numbers of at most 10 digits. */
#define LINE_MAX_SIZE 40

static int write_file(const char *path, const char *text)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int write_map(pid_t pid, const char *name, const struct subidd_mapping *maps, size_t n)
{
	char path[64], text[ELEMENTS_OF(((struct hook_mappings *)0)->uids) * LINE_MAX_SIZE];
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%u %u %u\n",
					 maps[i].container_id, maps[i].host_id, maps[i].size);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return used < sizeof(text) ? write_file(path, text) : -E2BIG;
}

/* The child's part: enters the namespace, says so, and stays until the parent kills it or ends. */
static void inhabit(int parent)
{
	int answer = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;

	(void)!write(parent, &answer, sizeof(answer));
	(void)!read(parent, &answer, sizeof(answer));
	_exit(0);
}

/* Waits until the child is inside. */
static int await_child(int ready)
{
	int answer;
	ssize_t n = read(ready, &answer, sizeof(answer));

	if (n < 0)
		return -errno;
	return n == sizeof(answer) ? answer : -EPIPE;
}

static int fill(pid_t pid, const struct hook_mappings *mappings, int *ret_fd)
{
	char path[64];
	int r, fd;

	r = write_map(pid, "uid_map", mappings->uids, mappings->n_uids);
	if (r == 0)
		r = write_map(pid, "gid_map", mappings->gids, mappings->n_gids);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Makes the child; where that succeeds, *ret_ready tells that it is inside. */
static int start_child(pid_t *ret_pid, int *ret_ready)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[0]); /* else its end would never be seen */
		inhabit(ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	*ret_pid = pid;
	*ret_ready = ends[0];
	return 0;
}

int userns_open(const struct hook_mappings *mappings, int *ret_fd, struct hook_failure *failure)
{
	_cleanup_(closep) int ready = -1;
	pid_t pid = -1;
	int r;

	r = start_child(&pid, &ready);
	if (r == 0)
		r = await_child(ready);
	if (r == 0)
		r = fill(pid, mappings, ret_fd);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (r < 0)
		return hook_fail(failure, r, "a user namespace with the range cannot be made: %s",
				 strerror(-r));
	return 0;
}
