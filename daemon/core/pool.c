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

void pools_done(struct pools *pools)
{
	for (size_t i = 0; i < pools->n_items; i++)
		findings_done(&pools->items[i].findings);
	free(pools->items);
	*pools = (struct pools){ 0 };
}
