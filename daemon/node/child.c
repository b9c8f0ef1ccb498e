/* SPDX-License-Identifier: MIT */
#include "node/child.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#define MS_PER_S 1000
#define NS_PER_MS 1000000

enum { POLL_OUTPUT, POLL_ERRORS, POLL_EXIT, N_POLLS };

static const char *const clean_environment[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static void spawn_actions_destroyp(posix_spawn_file_actions_t *actions)
{
	posix_spawn_file_actions_destroy(actions);
}

static void spawn_attributes_destroyp(posix_spawnattr_t *attributes)
{
	posix_spawnattr_destroy(attributes);
}

/* As posix_spawn(3) does, these two return 0 or an errno that is positive. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	if ((r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
							      POSIX_SPAWN_SETSIGDEF |
							      POSIX_SPAWN_SETSIGMASK)) ||
	    (r = posix_spawnattr_setpgroup(attributes, 0)) ||
	    (r = posix_spawnattr_setsigdefault(attributes, &all)))
		return r;
	return posix_spawnattr_setsigmask(attributes, &none);
}

static int start(const char *const *argv, int output, int errors, pid_t *ret)
{
	_cleanup_(spawn_actions_destroyp) posix_spawn_file_actions_t actions;
	_cleanup_(spawn_attributes_destroyp) posix_spawnattr_t attributes;
	int r;

	posix_spawn_file_actions_init(&actions); /* cannot fail in glibc, nor can the next one */
	posix_spawnattr_init(&attributes);
	if ((r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
						  0)) ||
	    (r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)) ||
	    (r = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)) ||
	    (r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)))
		return r;
	r = set_attributes(&attributes);
	if (r != 0)
		return r;
	return posix_spawn(ret, argv[0], &actions, &attributes, (char *const *)argv,
			   (char *const *)clean_environment);
}

/* Takes what is there to read; at the end of the stream its descriptor becomes -1. */
static void stream_read(struct child_stream *stream)
{
	char surplus[4096];

	for (;;) {
		size_t room = CHILD_OUTPUT_MAX - stream->size;
		ssize_t n = read(stream->fd, room ? stream->text + stream->size : surplus,
				 room ? room : sizeof(surplus));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(take_fd(&stream->fd));
			return;
		}
		stream->size += room ? (size_t)n : 0;
		stream->cut |= !room;
		if (stream->cut)
			return;
	}
}

/* Until the process has ended, the answer is too long, or the time is over. */
static int collect(int pidfd, int64_t deadline, struct child_result *result)
{
	for (;;) {
		struct pollfd polls[N_POLLS] = {
			[POLL_OUTPUT] = { .fd = result->output.fd, .events = POLLIN },
			[POLL_ERRORS] = { .fd = result->errors.fd, .events = POLLIN },
			[POLL_EXIT] = { .fd = pidfd, .events = POLLIN },
		};
		int64_t left = deadline - now_ms();

		if (left <= 0 || result->output.cut) {
			result->timed_out = left <= 0;
			return 0;
		}
		if (poll(polls, N_POLLS, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (polls[POLL_OUTPUT].revents)
			stream_read(&result->output);
		if (polls[POLL_ERRORS].revents)
			stream_read(&result->errors);
		if (polls[POLL_EXIT].revents) {
			if (result->output.fd >= 0)
				stream_read(&result->output);
			if (result->errors.fd >= 0)
				stream_read(&result->errors);
			return 0;
		}
	}
}

/* The group is killed before its leader is reaped: until then its number cannot be another's. */
static int end(pid_t pid, int *ret_status)
{
	pid_t reaped;

	kill(-pid, SIGKILL);
	do
		reaped = waitpid(pid, ret_status, 0);
	while (reaped < 0 && errno == EINTR);
	return reaped < 0 ? -errno : 0;
}

static int stream_open(struct child_stream *stream, int *ret_write_end)
{
	int fds[2];

	stream->text = calloc(1, CHILD_OUTPUT_MAX + 1);
	if (!stream->text)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	stream->fd = fds[0];
	*ret_write_end = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int watch(pid_t pid, unsigned int timeout_ms, struct child_result *result)
{
	int64_t deadline = now_ms() + timeout_ms;
	_cleanup_(closep) int pidfd = pidfd_open(pid, 0);
	int r, ended;

	r = pidfd < 0 ? -errno : collect(pidfd, deadline, result);
	ended = end(pid, &result->status);
	return r < 0 ? r : ended;
}

int child_run(const char *const *argv, unsigned int timeout_ms, struct child_result *ret)
{
	_cleanup_(child_result_done) struct child_result result = { .output.fd = -1,
								    .errors.fd = -1 };
	_cleanup_(closep) int output = -1;
	_cleanup_(closep) int errors = -1;
	pid_t pid;
	int r;

	if ((r = stream_open(&result.output, &output)) < 0 ||
	    (r = stream_open(&result.errors, &errors)) < 0)
		return r;
	r = start(argv, output, errors, &pid);
	if (r != 0)
		return -r;
	close(take_fd(&output));
	close(take_fd(&errors));
	r = watch(pid, timeout_ms, &result);
	if (r < 0)
		return r;
	closep(&result.output.fd);
	closep(&result.errors.fd);
	result.output.fd = result.errors.fd = -1;
	*ret = result;
	result = (struct child_result){ .output.fd = -1, .errors.fd = -1 };
	return 0;
}

void child_result_done(struct child_result *result)
{
	closep(&result->output.fd);
	closep(&result->errors.fd);
	free(result->output.text);
	free(result->errors.text);
	*result = (struct child_result){ .output.fd = -1, .errors.fd = -1 };
}
