/* SPDX-License-Identifier: MIT */
#pragma once

/* Allocate with a start, asked in few words. */

#include "allocator-life.h"

/* What may come with a start. */
struct wish {
	const char *pool;
	uint32_t pid;	     /* to tie it to */
	const char *maps[2]; /* of that process, its uid_map and its gid_map */
	bool is_full;	     /* the second one is that of the node */
};

/* Nothing but the range. */
extern const struct wish plain;

/* RANGE as range_of() takes it; its count may be 0. */
int record(const char *pod, const char *range, struct wish wish);

/* The pod must get that range with that outcome. */
void expect_recorded(const char *pod, const char *range, enum allocate_outcome expected);

/* It must be refused and change nothing. No event may be left that events() has not told. */
void expect_refused(const char *pod, const char *range, struct wish wish, int error);

/* That range is in the way, of POD, which is empty if it is no pod's, and of the process PID. */
void expect_taken(const char *asking, const char *range, struct wish wish, const char *pod,
		  const char *taken, uint32_t pid);
