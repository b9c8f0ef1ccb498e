/* SPDX-License-Identifier: MIT */
#pragma once

/* What /proc says of user namespaces: those of containers, and of all that lives in a range. */

#include "hook-run.h"

/*
 * Reads the maps of a process. Returns 1; 0 if they limit to nothing, because it lives in the
 * initial user namespace or in one like it, or in our own one; -ESRCH if there is no such process;
 * or another negative errno.
 */
int proc_read_maps(uint32_t pid, struct hook_maps *ret);

/* Are we in a user namespace ourselves, where host IDs cannot be told? */
bool proc_is_contained(void);

/* Do the two live in the same user namespace? False as well if one of them has gone. */
bool proc_share_namespace(uint32_t a, uint32_t b);

/* Does the process live, and does its map touch the range? */
bool proc_lives_in(uint32_t pid, struct id_range range);

struct hook_intruder {
	uint32_t pid;
	char command[16];
};

/*
 * Looks for a process that is in another user namespace than PID, and whose map or whose own IDs
 * touch the range. Returns 1 and the first one; 0 if there is none; or a negative errno.
 */
int proc_find_intruder(uint32_t pid, struct id_range range, struct hook_intruder *ret);
