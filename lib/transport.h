/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Messages over a stream socket, with a deadline. The socket may be blocking or not: no flag of it
 * is changed. A deadline is a time of the monotonic clock in microseconds, UINT64_MAX for none.
 */

#include "frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The time that is USEC microseconds from now. */
uint64_t deadline_after(uint64_t usec);

/* Is PATH short enough for a socket's address? */
bool transport_path_ok(const char *path);

/* Connects to the socket at PATH. Returns its descriptor or a negative errno, -ETIMEDOUT too. */
int transport_connect(const char *path, uint64_t deadline);

/* Sends all SIZE bytes. Returns 0; -ETIMEDOUT; -ECONNRESET if the peer is gone. */
int transport_send(int fd, const char *data, size_t size, uint64_t deadline);

/*
 * Receives the next message. Returns 0 and sets *ret_text (terminated, valid until the next use of
 * the buffer) and *ret_length; -ETIMEDOUT; -ECONNRESET if the peer is gone; -EMSGSIZE; -ENOMEM.
 */
int transport_receive(int fd, struct frame_buffer *in, uint64_t deadline, char **ret_text,
		      size_t *ret_length);

/* Is the peer there and silent, as it should be between two calls? */
bool transport_is_idle(int fd);
