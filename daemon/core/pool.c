/* SPDX-License-Identifier: MIT */
#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

const struct pool *pools_find(const struct pools *pools, const char *name)
{
	for (size_t i = 0; i < pools->n_items; i++)
		if (strcmp(pools->items[i].name, name) == 0)
			return &pools->items[i];
	return NULL;
}

uint32_t pool_capacity(const struct pool *pool)
{
	const struct id_range reserved = { RESERVED_START, RESERVED_COUNT };
	uint32_t n = 0;

	for (uint32_t i = 0; i < pool_n_units(pool); i++) {
		struct id_range unit = { pool->range.start + i * pool->unit, pool->unit };

		n += !id_range_overlaps(unit, reserved);
	}
	return n;
}

void pools_done(struct pools *pools)
{
	for (size_t i = 0; i < pools->n_items; i++) {
		findings_done(&pools->items[i].findings);
		free(pools->items[i].kubelet_pods);
	}
	free(pools->items);
	*pools = (struct pools){ 0 };
}
