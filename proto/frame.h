/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Varlink framing: a message is a JSON object and one NUL byte. A buffer collects what was read,
 * which may be part of a message or several, and gives out one message at a time.
 */

#include <stdbool.h>
#include <stddef.h>

struct frame_buffer {
	char *data;
	size_t begin;	 /* first byte that was not given out yet */
	size_t end;	 /* behind the last byte that was read */
	size_t scanned;	 /* no NUL byte before this */
	size_t capacity; /* bytes allocated */
	size_t limit;	 /* most bytes of a message, its NUL not counted */
};

/* LIMIT may be changed at any time; the rest is the buffer's own. */
void frame_buffer_init(struct frame_buffer *buffer, size_t limit);
void frame_buffer_done(struct frame_buffer *buffer);

/*
 * Makes room to read into. Returns 0 and sets *ret_space and *ret_size (never 0); -ENOMEM. Does not
 * grow past what one message of the limit needs, so call it only when frame_buffer_next() found no
 * message.
 */
int frame_buffer_reserve(struct frame_buffer *buffer, char **ret_space, size_t *ret_size);

/* Says that SIZE bytes were put into the reserved space. */
void frame_buffer_commit(struct frame_buffer *buffer, size_t size);

/*
 * Takes the next message out. Returns 1 and sets *ret_text (terminated, valid until the next call
 * that is not frame_buffer_is_empty()) and *ret_length; 0 if there is no whole message yet;
 * -EMSGSIZE if the message is over the limit.
 */
int frame_buffer_next(struct frame_buffer *buffer, char **ret_text, size_t *ret_length);

/* Has frame_buffer_next() something to say, be it a message or -EMSGSIZE? */
bool frame_buffer_has_message(const struct frame_buffer *buffer);

/* Is there no started message in it? */
bool frame_buffer_is_empty(const struct frame_buffer *buffer);
