/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include "cleanup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

uint64_t deadline_after(uint64_t usec)
{
	uint64_t t = now();

	return usec < UINT64_MAX - t ? t + usec : UINT64_MAX;
}

static uint64_t time_left(uint64_t deadline)
{
	uint64_t t = now();

	return t < deadline ? deadline - t : 0;
}

/* Waits for EVENTS. Returns 0, -ETIMEDOUT or another negative errno. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		uint64_t usec = time_left(deadline);
		struct timespec left = {
			.tv_sec = (time_t)(usec / USEC_PER_SEC),
			.tv_nsec = (long)(usec % USEC_PER_SEC * 1000),
		};

		r = ppoll(&p, 1, deadline == UINT64_MAX ? NULL : &left, NULL);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

bool transport_path_ok(const char *path)
{
	return strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

/*
 * A non-blocking connect(2) to a socket whose backlog is full fails at once and there is nothing to
 * poll for, so a blocking one is done, which Linux limits by SO_SNDTIMEO.
 */
static int set_connect_timeout(int fd, uint64_t deadline)
{
	uint64_t usec = time_left(deadline);
	struct timeval left = {
		.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_usec = (suseconds_t)(usec % USEC_PER_SEC),
	};

	if (deadline == UINT64_MAX)
		return 0;
	if (usec == 0)
		return -ETIMEDOUT;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0 ? -errno : 0;
}

int transport_connect(const char *path, uint64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;
	int r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path));
	do {
		r = set_connect_timeout(fd, deadline);
		if (r < 0)
			return r;
		r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return take_fd(&fd);
}

/* What is left to do after a failed send(2) or recv(2): 0 to try again, or a negative errno. */
static int recover(int fd, short events, uint64_t deadline)
{
	switch (errno) {
	case EINTR:
		return 0;
	case EAGAIN:
		return wait_for(fd, events, deadline);
	case EPIPE:
		return -ECONNRESET;
	}
	return -errno;
}

int transport_send(int fd, const char *data, size_t size, uint64_t deadline)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			int r = recover(fd, POLLOUT, deadline);

			if (r < 0)
				return r;
			continue;
		}
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads once. Returns 0, also if it was in vain, or a negative errno. */
static int receive_some(int fd, struct frame_buffer *in, uint64_t deadline)
{
	char *space;
	size_t size;
	ssize_t n;
	int r;

	r = frame_buffer_reserve(in, &space, &size);
	if (r < 0)
		return r;
	n = recv(fd, space, size, MSG_DONTWAIT);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return recover(fd, POLLIN, deadline);
	frame_buffer_commit(in, (size_t)n);
	return 0;
}

int transport_receive(int fd, struct frame_buffer *in, uint64_t deadline, char **ret_text,
		      size_t *ret_length)
{
	int r;

	for (;;) {
		r = frame_buffer_next(in, ret_text, ret_length);
		if (r != 0)
			return r < 0 ? r : 0;
		r = receive_some(fd, in, deadline);
		if (r < 0)
			return r;
	}
}

bool transport_is_idle(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}
