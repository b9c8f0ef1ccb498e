/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ranges of host IDs that somebody uses, as seen from outside of the database: the maps of live
 * processes, or files of the kubelet that cannot be allocations. Ranges may overlap and nest. Those
 * that are equal are kept once.
 */

#include "core/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLAIM_COMMAND_MAX 15 /* TASK_COMM_LEN without its NUL */

struct claim {
	struct id_range range;
	uint32_t pid; /* of a process that maps it; 0: none */
	char command[CLAIM_COMMAND_MAX + 1];
};

/* Sorted by start, then by count. All zero is an empty set. */
struct claims {
	struct claim *items;
	uint32_t *max_ends; /* the largest end of the items up to the one of that index */
	size_t n_items;
};

/* The set while it grows. All zero is an empty one. */
struct claims_draft {
	void *tree; /* tsearch(3) */
	size_t n_items;
};

/*
 * Adds a range, which must be valid, unless it is there; *ret_is_new tells. The claim is the
 * draft's; a new one has an empty command. Returns 0 or -ENOMEM.
 */
int claims_draft_add(struct claims_draft *draft, struct id_range range, uint32_t pid,
		     struct claim **ret, bool *ret_is_new);

/* Makes the set and leaves the draft empty. Returns 0, or -ENOMEM and leaves the draft as it is. */
int claims_draft_finish(struct claims_draft *draft, struct claims *ret);
void claims_draft_done(struct claims_draft *draft);

/* The first claim in their order that overlaps the range, NULL if there is none. O(log n). */
const struct claim *claims_find(const struct claims *claims, struct id_range range);

void claims_done(struct claims *claims);
