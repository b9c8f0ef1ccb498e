/* SPDX-License-Identifier: MIT */
#include "output.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define KEPT_CAPACITY 16384 /* a larger buffer is given back once it is empty */

static int reserve(struct output *output, size_t size)
{
	size_t capacity = output->capacity ? output->capacity : 1024;
	char *data;

	if (output->begin > 0) {
		memmove(output->data, output->data + output->begin, output_size(output));
		output->end -= output->begin;
		output->begin = 0;
	}
	while (capacity - output->end < size)
		capacity *= 2;
	if (capacity == output->capacity)
		return 0;
	data = realloc(output->data, capacity);
	if (!data)
		return -ENOMEM;
	output->data = data;
	output->capacity = capacity;
	return 0;
}

int output_append(struct output *output, struct json_object *message)
{
	_cleanup_(json_putp) struct json_object *taken = message;
	size_t length;
	const char *text = taken ? json_text(taken, &length) : NULL;

	if (!text || reserve(output, length + 1) < 0)
		return -ENOMEM;
	memcpy(output->data + output->end, text, length + 1);
	output->end += length + 1;
	return 0;
}

int output_flush(struct output *output, int fd)
{
	while (output_size(output) > 0) {
		ssize_t n = send(fd, output->data + output->begin, output_size(output),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		output->begin += (size_t)n;
	}
	output->begin = output->end = 0;
	if (output->capacity > KEPT_CAPACITY)
		output_done(output);
	return 0;
}

void output_truncate(struct output *output, size_t size)
{
	output->end = output->begin + size;
}

void output_done(struct output *output)
{
	free(output->data);
	*output = (struct output){};
}
