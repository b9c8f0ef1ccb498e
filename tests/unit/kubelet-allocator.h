/* SPDX-License-Identifier: MIT */
#pragma once

/* An allocator that only keeps account, behind the functions that the watcher calls. */

#include "kubelet-rig.h"

#define N_BLOCKS 65536

struct row {
	struct allocation allocation; /* active */
};

struct allocator {
	struct pool pool_items[2];
	struct pools pools;
	void *rows; /* tsearch(3), by pod */
	struct row *blocks[N_BLOCKS];
	size_t n_active;
	struct rig_counts counts;
	struct claims claims;
	bool is_broken;
};

struct allocator *allocator_make(void);
void allocator_drop(struct allocator *allocator);

/* The row of a pod, NULL if it has none. */
struct row *find_row(const struct allocator *allocator, const char *pod);
void add_row(struct allocator *allocator, const char *pool, const char *pod, struct id_range range,
	     enum allocation_origin origin);
void drop_row(struct allocator *allocator, struct row *row);
