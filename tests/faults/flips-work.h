/* SPDX-License-Identifier: MIT */
#pragma once

/* What is done to a store: the same pool, the same pods, some time. */

#include "allocator.h"

#define WORK_UNIT 65536u
#define WORK_UNITS 60
#define WORK_PODS 90
#define WORK_BOOT "11111111-1111-1111-1111-111111111111"

/* Opens the store in a folder, with the allocator and its one pool over it. *ret_message as
 * store_open() has it. Returns 0, a positive enum store_error or a negative errno. */
int work_open(const char *folder, struct moment now, struct store **ret_store,
	      struct allocator **ret, char **ret_message);

/* Puts the pool of N units in place. */
int work_set_pool(struct allocator *allocator, uint32_t n_units, struct moment now);

/* One request for a pod: its range, which is then its own. Refusals are fine. Negative: failed. */
int work_allocate(struct allocator *allocator, const char *pod, struct moment now);

/* Of what there is to commit. */
int work_commit(struct allocator *allocator);

/* The moment with that number; all moments are far away from the time of the machine. */
struct moment work_moment(uint32_t number);

/* Random work in an empty folder; then the store is closed or left as it is. False: it failed. */
bool work(const char *folder, uint64_t *state, bool is_clean);
