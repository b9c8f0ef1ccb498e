/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whose turn it is among many connections. They share an epoll of their own, as sd-event asks the
 * kernel anew for every event that it dispatches. Those that a socket makes ready come first, and
 * between them those that can go on without one (long answers, many calls at once), in turns and
 * for a slice of time: so nobody waits for long, however much another asks for.
 */

#include "connection.h"

struct turns {
	int epoll_fd;		  /* for connection_new(); -1 before turns_init() */
	struct connection *due;	  /* those who can go on, in this round */
	struct connection *later; /* and in the next one */
	int64_t priority;
	uint64_t ran_at; /* us of CLOCK_MONOTONIC: the last time that anybody had a turn */
	bool is_hurried;
	sd_event_source *epoll_source;
	sd_event_source *due_source;
};

/* Returns 0 or a negative errno; turns_done() is needed in both cases. */
int turns_init(struct turns *turns, sd_event *event, int64_t priority);
void turns_done(struct turns *turns);

/* Its turn comes; or does not, if it is over. */
void turns_add(struct turns *turns, struct connection *c);
void turns_remove(struct connection *c);

/*
 * To be called often while others of the loop are at work, who may never leave anything to those of
 * a lower priority: after some milliseconds the next turn comes before all else.
 */
void turns_hurry(struct turns *turns, uint64_t now);

/* us of CLOCK_MONOTONIC */
uint64_t turns_now(void);
