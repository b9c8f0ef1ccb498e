/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the allocator alone. */

#include "allocator.h"
#include "core/units.h"

/* Active allocations of one client's UID. */
struct user_count {
	uint32_t uid;
	uint32_t n_active;
};

/* What is derived from the store and the pools. */
struct derived {
	struct unit_map *maps; /* one a pool, empty for an invalid one */
	uint32_t *n_outside;   /* one a pool */
	size_t n_pools;
	struct user_count *users;
	size_t n_users;
	uint64_t last_order; /* of all releases */
};

struct allocator {
	struct store *store;
	struct pools pools;
	struct derived derived;
	bool is_stale;	   /* the derived part must be made anew before it is used */
	bool must_reopen;  /* the store failed to commit or to undo */
	bool in_batch;	   /* there are changes to commit */
	uint32_t quota;	   /* 0: none */
	char message[256]; /* of the last failure */
};

void derived_done(struct derived *derived);

/* Makes all of it from the store. Returns 0 or a negative errno. */
int derived_build(struct store *store, const struct pools *pools, struct derived *ret);

/* Counts a row that became another one (NULL: there was none, there is none). */
int derived_count(struct derived *derived, const struct pools *pools,
		  const struct allocation *before, const struct allocation *after);

/*
 * Looks each unit that the range touches up in the store, once its rows are what they will be: rows
 * need not be cut as the units are now.
 */
int derived_refresh(struct derived *derived, struct store *store, const struct pools *pools,
		    struct id_range range);

/* Active allocations of a client. */
uint32_t derived_n_active(const struct derived *derived, uint32_t uid);

/* Does the allocation lie in its pool as it is now? */
bool derived_in_pool(const struct pools *pools, const struct allocation *allocation);

/* Keeps what the store says before something else is asked of it, and returns R. */
int allocator_failed(struct allocator *allocator, int r);

/* Comes before every use: opens the store again and derives anew where something has failed. */
int allocator_ready(struct allocator *allocator);

/*
 * Bracket the rows of one request. What is between has changed nothing if it fails: end_change()
 * takes its result R and the range whose units it was about, and returns 0 or a negative errno.
 */
int allocator_begin_change(struct allocator *allocator);
int allocator_end_change(struct allocator *allocator, int r, struct id_range range);

/* One row becomes another one (NULL: there was none, there is none). */
int allocator_change_row(struct allocator *allocator, const struct allocation *before,
			 const struct allocation *after);
