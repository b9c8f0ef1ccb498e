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

uint64_t monotonic_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

uint64_t deadline_after(uint64_t usec)
{
	uint64_t t = monotonic_now();

	return usec < UINT64_MAX - t ? t + usec : UINT64_MAX;
}

static uint64_t time_left(uint64_t deadline)
{
	uint64_t t = monotonic_now();

	return t < deadline ? deadline - t : 0;
}

int transport_wait(int fd, short events, uint64_t deadline)
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

	if (deadline == UINT64_MAX || deadline == TRANSPORT_NO_WAIT)
		return 0;
	if (usec == 0)
		return -ETIMEDOUT;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0 ? -errno : 0;
}

int transport_connect(const char *path, uint64_t deadline)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (deadline == TRANSPORT_NO_WAIT ? SOCK_NONBLOCK : 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;
	int r;

	fd = socket(AF_UNIX, type, 0);
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
		return errno == EAGAIN && deadline != TRANSPORT_NO_WAIT ? -ETIMEDOUT : -errno;
	return take_fd(&fd);
}

ssize_t transport_send(int fd, const char *data, size_t size)
{
	ssize_t n;

	do {
		n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return n;
}

int transport_receive(int fd, struct frame_buffer *in)
{
	char *space;
	size_t size;
	ssize_t n;
	int r;

	r = frame_buffer_reserve(in, &space, &size);
	if (r < 0)
		return r;
	do {
		n = recv(fd, space, size, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	frame_buffer_commit(in, (size_t)n);
	return 0;
}

bool transport_is_idle(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}
