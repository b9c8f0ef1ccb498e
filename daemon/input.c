/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <errno.h>
#include <sys/socket.h>

#define KEPT_CAPACITY 16384

int input_read(struct frame_buffer *input, int fd, bool *is_at_end)
{
	char *space;
	size_t size;
	ssize_t n;
	int r = frame_buffer_reserve(input, &space, &size);

	if (r < 0)
		return r;
	n = recv(fd, space, size, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		*is_at_end = true;
	frame_buffer_commit(input, (size_t)n);
	return 0;
}

void input_trim(struct frame_buffer *input)
{
	if (frame_buffer_is_empty(input) && input->capacity > KEPT_CAPACITY)
		frame_buffer_done(input);
}
