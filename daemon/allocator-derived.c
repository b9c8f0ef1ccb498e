/* SPDX-License-Identifier: MIT */

/* What the allocator keeps in memory: unit maps and counts, all derived from the store. */

#include "allocator-private.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

static const struct id_range reserved_range = { RESERVED_START, RESERVED_COUNT };

static const enum unit_state unit_state_of[] = {
	[ALLOCATION_ACTIVE] = UNIT_ACTIVE,
	[ALLOCATION_DRAINING] = UNIT_DRAINING,
	[ALLOCATION_RELEASED] = UNIT_RELEASED,
};
_Static_assert(ELEMENTS_OF(unit_state_of) == N_ALLOCATION_STATES, "a unit state for each");

bool derived_in_pool(const struct pools *pools, const struct allocation *allocation)
{
	const struct pool *pool = pools_find(pools, allocation->pool);

	return pool && pool->valid && id_range_within(allocation->range, pool->range);
}

/* The units of the pool that a range touches. Returns whether there are any. */
static bool touched_units(const struct pool *pool, struct id_range range, uint32_t *ret_first,
			  uint32_t *ret_n)
{
	uint32_t start, end;

	if (!pool->valid || !id_range_overlaps(pool->range, range))
		return false;
	start = range.start > pool->range.start ? range.start : pool->range.start;
	end = id_range_end(range) < id_range_end(pool->range) ? id_range_end(range)
							      : id_range_end(pool->range);
	*ret_first = (start - pool->range.start) / pool->unit;
	*ret_n = (end - 1 - pool->range.start) / pool->unit - *ret_first + 1;
	return true;
}

static void fill(const struct pool *pool, struct unit_map *map, struct id_range range,
		 enum unit_state state, uint64_t release_order)
{
	uint32_t first, n;

	if (touched_units(pool, range, &first, &n))
		unit_map_fill(map, first, n, state, release_order);
}

static int count_user(struct derived *derived, uint32_t uid, int change)
{
	struct user_count *users;

	for (size_t i = 0; i < derived->n_users; i++)
		if (derived->users[i].uid == uid) {
			derived->users[i].n_active += (uint32_t)change;
			return 0;
		}
	users = reallocarray(derived->users, derived->n_users + 1, sizeof(*users));
	if (!users)
		return -ENOMEM;
	derived->users = users;
	users[derived->n_users++] = (struct user_count){ uid, (uint32_t)change };
	return 0;
}

uint32_t derived_n_active(const struct derived *derived, uint32_t uid)
{
	for (size_t i = 0; i < derived->n_users; i++)
		if (derived->users[i].uid == uid)
			return derived->users[i].n_active;
	return 0;
}

/* Counts a row in (CHANGE 1) or out (-1). */
static int count_row(struct derived *derived, const struct pools *pools,
		     const struct allocation *row, int change)
{
	const struct pool *pool = pools_find(pools, row->pool);

	if (row->release_order > derived->last_order)
		derived->last_order = row->release_order;
	if (pool && *row->pod && !derived_in_pool(pools, row))
		derived->n_outside[pool - pools->items] += (uint32_t)change;
	return row->state == ALLOCATION_ACTIVE ? count_user(derived, row->client_uid, change) : 0;
}

struct build {
	const struct pools *pools;
	struct derived *derived;
};

static int add_row(const struct allocation *row, void *userdata)
{
	struct build *build = userdata;

	for (size_t i = 0; i < build->pools->n_items; i++)
		fill(&build->pools->items[i], &build->derived->maps[i], row->range,
		     unit_state_of[row->state], row->release_order);
	return count_row(build->derived, build->pools, row, 1);
}

void derived_done(struct derived *derived)
{
	for (size_t i = 0; i < derived->n_pools; i++)
		unit_map_done(&derived->maps[i]);
	free(derived->maps);
	free(derived->n_outside);
	free(derived->users);
	*derived = (struct derived){};
}

static int make_maps(const struct pools *pools, struct derived *derived)
{
	derived->maps = calloc(pools->n_items + 1, sizeof(*derived->maps));
	derived->n_outside = calloc(pools->n_items + 1, sizeof(*derived->n_outside));
	if (!derived->maps || !derived->n_outside)
		return -ENOMEM;
	derived->n_pools = pools->n_items;
	for (size_t i = 0; i < pools->n_items; i++) {
		int r = unit_map_init(&derived->maps[i], pool_n_units(&pools->items[i]));

		if (r < 0)
			return r;
		fill(&pools->items[i], &derived->maps[i], reserved_range, UNIT_RESERVED, 0);
	}
	return 0;
}

int derived_build(struct store *store, const struct pools *pools, struct derived *ret)
{
	_cleanup_(derived_done) struct derived derived = {};
	struct build build = { pools, &derived };
	int r = make_maps(pools, &derived);

	if (r == 0)
		r = store_each_from(store, 0, add_row, &build);
	for (size_t i = 0; i < pools->n_items && r == 0; i++)
		r = unit_map_seal(&derived.maps[i]);
	if (r != 0)
		return r;
	*ret = derived;
	derived = (struct derived){};
	return 0;
}

/* What the rows make of a run of units. */
struct view {
	const struct pool *pool;
	uint32_t first, n;
	struct unit_view {
		enum unit_state state;	/* the strongest of the rows that touch the unit */
		uint64_t release_order; /* the latest of them */
	} * units;
};

static int view_row(const struct allocation *row, void *userdata)
{
	struct view *view = userdata;
	enum unit_state state = unit_state_of[row->state];
	uint32_t first, n;

	if (!touched_units(view->pool, row->range, &first, &n))
		return 0;
	for (uint32_t i = first; i < first + n; i++) {
		struct unit_view *u;

		if (i < view->first || i - view->first >= view->n)
			continue;
		u = &view->units[i - view->first];
		if (state > u->state)
			u->state = state;
		if (row->release_order > u->release_order)
			u->release_order = row->release_order;
	}
	return 0;
}

static int refresh_units(struct store *store, const struct pool *pool, struct unit_map *map,
			 struct id_range range)
{
	_cleanup_(freep) struct unit_view *units = NULL;
	struct view view = { .pool = pool };
	int r;

	if (!touched_units(pool, range, &view.first, &view.n))
		return 0;
	units = view.units = calloc(view.n, sizeof(*units));
	if (!units)
		return -ENOMEM;
	range = (struct id_range){ pool->range.start + view.first * pool->unit,
				   view.n * pool->unit };
	r = store_each_in(store, range, view_row, &view);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < view.n; i++)
		if (unit_map_state(map, view.first + i) != UNIT_RESERVED)
			unit_map_set(map, view.first + i, units[i].state, units[i].release_order);
	return 0;
}

int derived_refresh(struct derived *derived, struct store *store, const struct pools *pools,
		    struct id_range range)
{
	int r = 0;

	for (size_t i = 0; i < pools->n_items && r == 0; i++)
		r = refresh_units(store, &pools->items[i], &derived->maps[i], range);
	return r;
}

int derived_count(struct derived *derived, const struct pools *pools,
		  const struct allocation *before, const struct allocation *after)
{
	int r = 0;

	if (before)
		r = count_row(derived, pools, before, -1);
	if (after && r == 0)
		r = count_row(derived, pools, after, 1);
	return r;
}
