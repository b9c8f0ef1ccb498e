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

bool touched_units(const struct pool *pool, struct id_range range, uint32_t *ret_first,
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

/* What a unit is that no row speaks of. */
static enum unit_state base_state(const struct derived *derived)
{
	return derived->restored.is_unproven ? UNIT_DRAINING : UNIT_FRESH;
}

bool derived_is_in_doubt(const struct derived *derived, const struct allocation *row)
{
	return row->state == ALLOCATION_DRAINING &&
	       row->release_order <= derived->restored.release_order;
}

static void fill(const struct pool *pool, struct unit_map *map, struct id_range range,
		 enum unit_state state, struct unit_release release)
{
	uint32_t first, n;

	if (touched_units(pool, range, &first, &n))
		unit_map_fill(map, first, n, state, release);
}

static struct unit_release release_of(const struct allocation *row)
{
	return (struct unit_release){ row->release_order, row->clock };
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
	if (row->state == ALLOCATION_DRAINING)
		derived->n_draining += (uint32_t)change;
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
		     unit_state_of[row->state], release_of(row));
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

static void fill_claims(const struct pool *pool, struct unit_map *map, const struct claims *claims)
{
	for (size_t i = 0; i < claims->n_items; i++)
		fill(pool, map, claims->items[i].range, UNIT_FOREIGN, (struct unit_release){});
}

static int make_maps(const struct allocator *allocator, const struct pools *pools,
		     struct derived *derived)
{
	derived->maps = calloc(pools->n_items + 1, sizeof(*derived->maps));
	derived->n_outside = calloc(pools->n_items + 1, sizeof(*derived->n_outside));
	if (!derived->maps || !derived->n_outside)
		return -ENOMEM;
	derived->n_pools = pools->n_items;
	for (size_t i = 0; i < pools->n_items; i++) {
		struct unit_map *map = &derived->maps[i];
		int r = unit_map_init(map, pool_n_units(&pools->items[i]));

		if (r < 0)
			return r;
		fill(&pools->items[i], map, pools->items[i].range, base_state(derived),
		     (struct unit_release){});
		fill(&pools->items[i], map, reserved_range, UNIT_RESERVED, (struct unit_release){});
		fill_claims(&pools->items[i], map, &allocator->passes[0].claims);
		fill_claims(&pools->items[i], map, &allocator->passes[1].claims);
		fill_claims(&pools->items[i], map, &allocator->kubelet_claims);
	}
	return 0;
}

int derived_build(const struct allocator *allocator, const struct pools *pools, struct derived *ret)
{
	_cleanup_(derived_done) struct derived derived = {};
	struct build build = { pools, &derived };
	int r = store_get_restored(allocator->store, &derived.restored);

	derived.last_order = derived.restored.release_order;
	if (r == 0)
		r = make_maps(allocator, pools, &derived);
	if (r == 0)
		r = store_each_from(allocator->store, 0, add_row, &build);
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
		enum unit_state state;	     /* the strongest of the rows that touch the unit */
		struct unit_release release; /* the latest of them */
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
		if (row->release_order > u->release.order)
			u->release = release_of(row);
	}
	return 0;
}

static struct id_range unit_range(const struct pool *pool, uint32_t first, uint32_t n)
{
	return (struct id_range){ pool->range.start + first * pool->unit, n * pool->unit };
}

static bool is_claimed(const struct allocator *allocator, const struct pool *pool, uint32_t unit)
{
	struct id_range range = unit_range(pool, unit, 1);

	return claims_find(&allocator->passes[0].claims, range) ||
	       claims_find(&allocator->passes[1].claims, range) ||
	       claims_find(&allocator->kubelet_claims, range);
}

/*
 * Looks at the units of a range. ROW, if it is not NULL, is what has just been written there: where
 * it fills all of the units, no other row can touch them and the store need not be asked.
 */
static int refresh_units(const struct allocator *allocator, const struct pool *pool,
			 struct unit_map *map, struct id_range range, const struct allocation *row)
{
	struct id_range looked_at;
	_cleanup_(freep) struct unit_view *units = NULL;
	struct view view = { .pool = pool };
	int r;

	if (!touched_units(pool, range, &view.first, &view.n))
		return 0;
	units = view.units = calloc(view.n, sizeof(*units));
	if (!units)
		return -ENOMEM;
	for (uint32_t i = 0; i < view.n; i++)
		units[i].state = base_state(&allocator->derived);
	looked_at = unit_range(pool, view.first, view.n);
	if (row && id_range_within(looked_at, row->range))
		r = view_row(row, &view);
	else
		r = store_each_in(allocator->store, looked_at, view_row, &view);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < view.n; i++) {
		uint32_t unit = view.first + i;

		if (unit_map_state(map, unit) == UNIT_RESERVED)
			continue;
		if (units[i].state < UNIT_FOREIGN && is_claimed(allocator, pool, unit))
			units[i].state = UNIT_FOREIGN;
		unit_map_set(map, unit, units[i].state, units[i].release);
	}
	return 0;
}

int derived_refresh(struct allocator *allocator, struct id_range range,
		    const struct allocation *row)
{
	const struct pools *pools = &allocator->pools;
	int r = 0;

	for (size_t i = 0; i < pools->n_items && r == 0; i++)
		r = refresh_units(allocator, &pools->items[i], &allocator->derived.maps[i], range,
				  row);
	return r;
}

/* Frees the foreign units of a run that nobody claims any more; that takes a look at their rows. */
static int unclaim(const struct allocator *allocator, const struct pool *pool, struct unit_map *map,
		   uint32_t first, uint32_t n)
{
	uint32_t end = first + n;
	int r = 0;

	for (uint32_t unit = first; unit < end && r == 0; unit++) {
		uint32_t begin = unit;

		while (unit < end && unit_map_state(map, unit) == UNIT_FOREIGN &&
		       !is_claimed(allocator, pool, unit))
			unit++;
		if (unit > begin)
			r = refresh_units(allocator, pool, map,
					  unit_range(pool, begin, unit - begin), NULL);
	}
	return r;
}

static void claim(struct unit_map *map, uint32_t first, uint32_t n)
{
	for (uint32_t unit = first; unit < first + n; unit++)
		if (unit_map_state(map, unit) < UNIT_FOREIGN)
			unit_map_set(map, unit, UNIT_FOREIGN, (struct unit_release){});
}

static int refresh_pool_claims(struct allocator *allocator, size_t pool_index,
			       const struct claims *old, const struct claims *new)
{
	const struct pool *pool = &allocator->pools.items[pool_index];
	struct unit_map *map = &allocator->derived.maps[pool_index];
	uint32_t first, n;
	int r = 0;

	for (size_t i = 0; i < new->n_items; i++)
		if (touched_units(pool, new->items[i].range, &first, &n))
			claim(map, first, n);
	for (size_t i = 0; i < old->n_items && r == 0; i++)
		if (touched_units(pool, old->items[i].range, &first, &n))
			r = unclaim(allocator, pool, map, first, n);
	return r;
}

int derived_refresh_claims(struct allocator *allocator, const struct claims *old,
			   const struct claims *new)
{
	int r = 0;

	for (size_t i = 0; i < allocator->pools.n_items && r == 0; i++)
		r = refresh_pool_claims(allocator, i, old, new);
	return r;
}

int derived_count(struct allocator *allocator, const struct allocation *before,
		  const struct allocation *after)
{
	struct derived *derived = &allocator->derived;
	int r = 0;

	if (before)
		r = count_row(derived, &allocator->pools, before, -1);
	if (after && r == 0)
		r = count_row(derived, &allocator->pools, after, 1);
	return r;
}
