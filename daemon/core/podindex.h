/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where the row of a pod is: its start, by a hash of the pod's key.
 *
 * It does not hold the keys: whoever asks looks at the rows that it names, of which nearly always
 * one is the pod's. Eight bytes a pod, at most three quarters full.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pod_index {
	uint64_t seed; /* secret, so that nobody can choose keys that meet */
	size_t n_items, n_slots;
	struct pod_slot *slots;
};

/* Frees what it holds and leaves it empty; the seed stays. */
void pod_index_done(struct pod_index *index);

/* Adds a pod that is not in it yet. Returns 0 or -ENOMEM. */
int pod_index_add(struct pod_index *index, const char *pod, uint32_t start);

/* Removes it; fine if it is not there. */
void pod_index_remove(struct pod_index *index, const char *pod, uint32_t start);

/* Is that row named for that pod? */
bool pod_index_has(const struct pod_index *index, const char *pod, uint32_t start);

/*
 * Gives one more row that may be the pod's; *at is 0 before the first. False: there is none. The
 * index must not change between the calls.
 */
bool pod_index_next(const struct pod_index *index, const char *pod, size_t *at,
		    uint32_t *ret_start);
