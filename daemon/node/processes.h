/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A pass over all processes of the node: which host IDs are in use? Each process's uid_map and
 * gid_map is read, zombies' too; an ordinary user may do that.
 *
 * A claim is made for each range of a map that is not full; for the IDs of a process whose map is
 * empty, as it lives with IDs of the namespace around it; and for the owner of a process where its
 * own map does not name him, as he changed his IDs without a user namespace. What ends below
 * FIRST_FREE_ID is in no pool and makes no claim.
 *
 * The pass goes up through the PIDs as they are at that time. New PIDs are above the older ones, so
 * somebody who forks and exits all the time can only run towards its end: where a listed process
 * has gone, what was listed behind it is forgotten and listed again from there. Only when the PIDs
 * start over at the bottom can such a chain be missed.
 */

#include "core/claims.h"

#include <stdbool.h>
#include <stdint.h>

#define PROCESSES_FOLDER "/proc"

struct processes;

/*
 * Begins a pass over FOLDER, PROCESSES_FOLDER but in tests. Returns 0 or a negative errno: then
 * there is no pass, and nothing is known.
 */
int processes_open(const char *folder, struct processes **ret);

/*
 * Looks at one more process, if it has not gone. Returns 1; 0 if there are no more; or a negative
 * errno: then the pass is incomplete and only good to be freed.
 */
int processes_step(struct processes *pass);

/* Takes what the pass has found out of it, once it is at its end. Returns 0 or -ENOMEM. */
int processes_finish(struct processes *pass, struct claims *ret);

/*
 * Why the pass cannot be relied on, for people; NULL if it can. It is blind if the map of PID 1 or
 * its own cannot be read or is not the full one: the daemon is in a user namespace, or /proc is
 * hidden from it. What a blind pass finds is there, but there may be more. Known from the
 * beginning; the text is the pass's.
 */
const char *processes_blindness(const struct processes *pass);

uint32_t processes_count(const struct processes *pass); /* that it has looked at */
uint64_t processes_cost(const struct processes *pass);	/* us that its calls took so far */

/*
 * Are these the processes of a PID namespace of its own, and not those of the node? No pass can
 * tell that others are missing.
 */
bool processes_are_contained(void);

/* Accepts NULL. */
void processes_free(struct processes *pass);
