/* SPDX-License-Identifier: MIT */
#include "subid-ask.h"

#include "cleanup.h"
#include "frame.h"
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define POD_MAX 128
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define STATUS_CALL "{\"method\":\"io.subidd.Allocator.GetStatus\"}"
#define GET_CALL "{\"method\":\"io.subidd.Allocator.Get\",\"parameters\":{\"pod\":\"%s\"}}"

/* Sends a call with its NUL byte. Returns 0 or a negative errno. */
static int send_call(const struct ask *ask, int fd, const char *call)
{
	size_t left = strlen(call) + 1;
	ssize_t n;

	for (; left > 0; left -= (size_t)n, call += n) {
		n = transport_send(fd, call, left);
		if (n == -EAGAIN)
			n = transport_wait(fd, POLLOUT, ask->deadline);
		if (n < 0)
			return (int)n;
	}
	return 0;
}

/* Receives the reply, which is the buffer's own. */
static int receive_reply(const struct ask *ask, int fd, struct frame_buffer *in, char **ret_text,
			 size_t *ret_length)
{
	int r;

	while ((r = frame_buffer_next(in, ret_text, ret_length)) == 0) {
		r = transport_wait(fd, POLLIN, ask->deadline);
		if (r == 0)
			r = transport_receive(fd, in);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return r < 0 ? r : 0;
}

static int exchange(const struct ask *ask, const char *call, struct frame_buffer *in,
		    char **ret_text, size_t *ret_length)
{
	_cleanup_(closep) int fd = -1;
	int r;

	if (!transport_path_ok(ask->socket))
		return -ENAMETOOLONG;
	fd = transport_connect(ask->socket, ask->deadline);
	if (fd < 0)
		return fd;
	r = send_call(ask, fd, call);
	return r < 0 ? r : receive_reply(ask, fd, in, ret_text, ret_length);
}

int ask_pools(const struct ask *ask, struct reply_pools *ret)
{
	_cleanup_(frame_buffer_done) struct frame_buffer in = { .limit = ASK_REPLY_MAX };
	size_t length;
	char *text;
	int r;

	r = exchange(ask, STATUS_CALL, &in, &text, &length);
	return r < 0 ? r : reply_read_pools(text, length, ret);
}

/* The grammar of pods, none of which needs an escape. */
static bool is_pod(const char *name)
{
	size_t length = strnlen(name, POD_MAX + 1);

	return length > 0 && length <= POD_MAX && strchr(LETTERS DIGITS, *name) &&
	       strspn(name, LETTERS DIGITS "._-") == length;
}

int ask_pod(const struct ask *ask, const char *pod, struct id_range *ret)
{
	_cleanup_(frame_buffer_done) struct frame_buffer in = { .limit = ASK_REPLY_MAX };
	char call[sizeof(GET_CALL) + POD_MAX], *text;
	size_t length;
	int r;

	if (!is_pod(pod))
		return 0;
	snprintf(call, sizeof(call), GET_CALL, pod);
	r = exchange(ask, call, &in, &text, &length);
	return r < 0 ? r : reply_read_pod(text, length, pod, ret);
}
