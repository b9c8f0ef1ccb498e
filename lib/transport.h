/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bytes over a stream socket. Only connecting and transport_wait() wait; the socket may be blocking
 * or not, no flag of it is changed. A deadline is a time of the monotonic clock in microseconds,
 * UINT64_MAX for none.
 */

#include "frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In place of a deadline: connect at once or not at all. */
#define TRANSPORT_NO_WAIT 0

/* The monotonic clock in microseconds. */
uint64_t monotonic_now(void);

/* The time that is USEC microseconds from now. */
uint64_t deadline_after(uint64_t usec);

/* Is PATH short enough for a socket's address? */
bool transport_path_ok(const char *path);

/*
 * Connects to the socket at PATH. Returns its descriptor or a negative errno: -ETIMEDOUT too, or
 * -EAGAIN where it must not wait and the peer has as many connections to take as it can queue.
 */
int transport_connect(const char *path, uint64_t deadline);

/* Waits for EVENTS of poll(2). Returns 0, -ETIMEDOUT or another negative errno. */
int transport_wait(int fd, short events, uint64_t deadline);

/* Sends what there is room for. Returns the number of bytes; -EAGAIN; -ECONNRESET: no peer. */
ssize_t transport_send(int fd, const char *data, size_t size);

/* Reads once. Returns 0; -EAGAIN; -ECONNRESET if the peer is gone; -ENOMEM. */
int transport_receive(int fd, struct frame_buffer *in);

/* Is the peer there and silent, as it should be between two calls? */
bool transport_is_idle(int fd);
