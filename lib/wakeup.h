/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One descriptor for somebody else's event loop, which can be read when there is something to do,
 * whatever socket that is about and also when it is about time. It is made when it is asked for,
 * and all functions do nothing as long as it is not.
 */

#include <stdint.h>

struct wakeup {
	int epoll, timer;
	short events;	/* that the socket is watched for; 0: it is not */
	uint64_t armed; /* monotonic us; UINT64_MAX: never */
};

void wakeup_init(struct wakeup *wakeup);
void wakeup_done(struct wakeup *wakeup);

/* Returns the descriptor, the wakeup's own, or a negative errno. */
int wakeup_open(struct wakeup *wakeup);

/* Watches FD for EVENTS of poll(2), 0 for none, in place of what it did. Returns 0 or errno. */
int wakeup_watch(struct wakeup *wakeup, int fd, short events);

/* Lets the descriptor be readable from a moment of the monotonic clock on. */
void wakeup_at(struct wakeup *wakeup, uint64_t usec);
