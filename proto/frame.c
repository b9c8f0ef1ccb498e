/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096

void frame_buffer_init(struct frame_buffer *buffer, size_t limit)
{
	*buffer = (struct frame_buffer){ .limit = limit };
}

void frame_buffer_done(struct frame_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct frame_buffer){ .limit = buffer->limit };
}

static void move_to_front(struct frame_buffer *buffer)
{
	if (buffer->begin == 0)
		return;
	memmove(buffer->data, buffer->data + buffer->begin, buffer->end - buffer->begin);
	buffer->end -= buffer->begin;
	buffer->scanned -= buffer->begin;
	buffer->begin = 0;
}

/* Doubles the capacity, up to the limit and one more byte: its NUL, or the proof that it is passed.
 */
static int grow(struct frame_buffer *buffer)
{
	size_t capacity = buffer->capacity ? buffer->capacity * 2 : FIRST_CAPACITY;
	char *data;

	if (capacity > buffer->limit + 1)
		capacity = buffer->limit + 1;
	data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int frame_buffer_reserve(struct frame_buffer *buffer, char **ret_space, size_t *ret_size)
{
	if (buffer->end == buffer->capacity)
		move_to_front(buffer);
	if (buffer->end == buffer->capacity) {
		int r = grow(buffer);

		if (r < 0)
			return r;
	}
	*ret_space = buffer->data + buffer->end;
	*ret_size = buffer->capacity - buffer->end;
	return 0;
}

void frame_buffer_commit(struct frame_buffer *buffer, size_t size)
{
	buffer->end += size;
}

int frame_buffer_next(struct frame_buffer *buffer, char **ret_text, size_t *ret_length)
{
	char *nul = NULL;
	size_t length;

	if (buffer->scanned < buffer->end)
		nul = memchr(buffer->data + buffer->scanned, 0, buffer->end - buffer->scanned);
	length = (nul ? (size_t)(nul - buffer->data) : buffer->end) - buffer->begin;
	if (length > buffer->limit)
		return -EMSGSIZE;
	if (!nul) {
		buffer->scanned = buffer->end;
		return 0;
	}
	*ret_text = buffer->data + buffer->begin;
	*ret_length = length;
	buffer->begin += length + 1;
	buffer->scanned = buffer->begin;
	if (buffer->begin == buffer->end)
		buffer->begin = buffer->end = buffer->scanned = 0;
	return 1;
}

bool frame_buffer_has_message(const struct frame_buffer *buffer)
{
	size_t size = buffer->end - buffer->scanned;

	return buffer->end - buffer->begin > buffer->limit ||
	       (size > 0 && memchr(buffer->data + buffer->scanned, 0, size));
}

bool frame_buffer_is_empty(const struct frame_buffer *buffer)
{
	return buffer->begin == buffer->end;
}
