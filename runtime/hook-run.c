/* SPDX-License-Identifier: MIT */
#include "hook-run.h"

#include "cleanup.h"

#include <errno.h>
#include <inttypes.h>

#define RANGE "%" PRIu32 ":%" PRIu32

/* The units that an extent touches, by their number in the pool. */
struct stretch {
	uint32_t first, last;
};

/* What of the pool can be handed out: whole units. */
static struct id_range whole_units(const struct hook_pool *pool)
{
	return (struct id_range){ pool->range.start,
				  pool->range.count - pool->range.count % pool->unit };
}

static bool find_stretch(const struct hook_pool *pool, struct id_range extent, struct stretch *ret)
{
	struct id_range units = whole_units(pool);
	uint32_t first = extent.start > units.start ? extent.start : units.start;
	uint32_t end = id_range_end(extent) < id_range_end(units) ? id_range_end(extent)
								  : id_range_end(units);

	if (first >= end)
		return false;
	ret->first = (first - units.start) / pool->unit;
	ret->last = (end - 1 - units.start) / pool->unit;
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct stretch *a = left, *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

static struct id_range stretch_range(const struct hook_pool *pool, struct stretch stretch)
{
	return (struct id_range){ pool->range.start + stretch.first * pool->unit,
				  (stretch.last - stretch.first + 1) * pool->unit };
}

/* Makes one of all that the map has in the pool; there is at least one. */
static int join(const char *kind, const struct hook_pool *pool, struct stretch *stretches, size_t n,
		struct hook_run *ret, struct hook_failure *failure)
{
	struct stretch all;

	qsort(stretches, n, sizeof(*stretches), compare);
	all = stretches[0];
	for (size_t i = 1; i < n; i++) {
		struct id_range before = stretch_range(pool, all);
		struct id_range next = stretch_range(pool, stretches[i]);

		if (next.start > id_range_end(before))
			return hook_fail(failure, -EINVAL,
					 "its %ss are in two pieces of the pool %s, " RANGE
					 " and " RANGE
					 ", and a pod has one; start it with one range",
					 kind, pool->name, before.start, before.count, next.start,
					 next.count);
		if (stretches[i].last > all.last)
			all.last = stretches[i].last;
	}
	ret->pool = pool;
	ret->range = stretch_range(pool, all);
	return 0;
}

static int find_in_pool(const char *kind, const struct idmap *map, const struct hook_pool *pool,
			struct hook_run *ret, struct hook_failure *failure)
{
	struct stretch stretches[IDMAP_EXTENTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < map->n_hosts; i++)
		n += find_stretch(pool, map->hosts[i], &stretches[n]);
	return n == 0 ? 0 : join(kind, pool, stretches, n, ret, failure);
}

static int find(const char *kind, const struct idmap *map, const struct hook_pool *pools,
		size_t n_pools, struct hook_run *ret, struct hook_failure *failure)
{
	struct hook_run found = {};
	int r = 0;

	for (size_t i = 0; i < n_pools && r == 0; i++) {
		struct hook_run run = {};

		r = find_in_pool(kind, map, &pools[i], &run, failure);
		if (r == 0 && run.pool && found.pool)
			return hook_fail(failure, -EINVAL,
					 "its %ss are in two pools, " RANGE " of %s and " RANGE
					 " of %s, and a pod has one range; start it with one",
					 kind, found.range.start, found.range.count,
					 found.pool->name, run.range.start, run.range.count,
					 run.pool->name);
		if (run.pool)
			found = run;
	}
	*ret = found;
	return r;
}

static int refuse_one_kind(const struct hook_run *run, const char *kind, const char *other,
			   struct hook_failure *failure)
{
	return hook_fail(failure, -EINVAL,
			 "its %ss are in " RANGE " of the pool %s and its %ss in no pool; start it "
			 "with the same range for both",
			 kind, run->range.start, run->range.count, run->pool->name, other);
}

int run_find(const struct hook_maps *maps, const struct hook_pool *pools, size_t n_pools,
	     struct hook_run *ret, struct hook_failure *failure)
{
	struct hook_run uids = {}, gids = {};
	int r = find("UID", &maps->uids, pools, n_pools, &uids, failure);

	if (r == 0)
		r = find("GID", &maps->gids, pools, n_pools, &gids, failure);
	if (r < 0)
		return r;
	if (uids.pool && !gids.pool)
		return refuse_one_kind(&uids, "UID", "GID", failure);
	if (gids.pool && !uids.pool)
		return refuse_one_kind(&gids, "GID", "UID", failure);
	if (uids.pool && !id_range_equal(uids.range, gids.range))
		return hook_fail(failure, -EINVAL,
				 "its UIDs are in " RANGE " of the pool %s and its GIDs in " RANGE
				 " of %s; start it with the same range for both",
				 uids.range.start, uids.range.count, uids.pool->name,
				 gids.range.start, gids.range.count, gids.pool->name);
	*ret = uids;
	return 0;
}

bool run_overlaps(const struct idmap *map, struct id_range range)
{
	for (size_t i = 0; i < map->n_hosts; i++)
		if (id_range_overlaps(map->hosts[i], range))
			return true;
	return false;
}
