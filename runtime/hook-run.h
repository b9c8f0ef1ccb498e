/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where in the pools the host IDs of a user namespace lie. What a container maps of a pool must be
 * in one run of whole units, the same for UIDs and GIDs, because that is what can belong to a pod;
 * it need not map all of those. What it maps besides, in no pool, is not looked at here.
 *
 * Pure: no I/O.
 */

#include "core/idmap.h"
#include "hook-failure.h"

#include <stdint.h>

/* A valid pool. */
struct hook_pool {
	const char *name;
	struct id_range range;
	uint32_t unit;
};

/* What the container's first process has. */
struct hook_maps {
	struct idmap uids, gids;
};

struct hook_run {
	const struct hook_pool *pool; /* NULL: there is none */
	struct id_range range;
};

/* Returns 0; -EINVAL with its reason, which names the extents. */
int run_find(const struct hook_maps *maps, const struct hook_pool *pools, size_t n_pools,
	     struct hook_run *ret, struct hook_failure *failure);

/* Does any ID of the map lie in the range? */
bool run_overlaps(const struct idmap *map, struct id_range range);
