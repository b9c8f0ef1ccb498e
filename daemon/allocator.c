/* SPDX-License-Identifier: MIT */
#include "allocator.h"

#include "allocator-private.h"
#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

DEFINE_CLEANUP(struct allocator *, allocator_free)

/*
 * In another boot, or on a clock that stands before what it wrote itself (a machine that was set
 * back to a snapshot), nothing is known of the time between: the clock goes on where it stood.
 */
static int set_clock(struct store *store, const char *boot_id, struct moment now, int64_t *ret)
{
	struct store_clock clock;
	uint64_t last = 0;
	int r = store_get_clock(store, &clock);

	if (r == 0)
		r = store_last_clock(store, &last);
	if (r < 0)
		return r;
	if (last < clock.last)
		last = clock.last;
	*ret = clock.offset;
	if (strcmp(clock.boot, boot_id) == 0 && (int64_t)now.boot + clock.offset >= (int64_t)last)
		return 0;
	*ret = clock.offset = (int64_t)last - (int64_t)now.boot;
	clock.last = last;
	snprintf(clock.boot, sizeof(clock.boot), "%s", boot_id);
	r = store_begin(store);
	if (r == 0)
		r = store_set_clock(store, &clock);
	if (r > 0)
		r = -EUCLEAN;
	return r < 0 ? r : store_commit(store);
}

int allocator_new(struct store *store, const char *boot_id, struct moment now,
		  struct allocator **ret)
{
	_cleanup_(allocator_freep) struct allocator *allocator = calloc(1, sizeof(*allocator));
	int r;

	if (!allocator)
		return -ENOMEM;
	r = set_clock(store, boot_id, now, &allocator->clock_offset);
	if (r == 0)
		r = store_last_event(store, &allocator->last_event);
	if (r < 0)
		return r;
	allocator->store = store;
	allocator->blind_since = UINT64_MAX;
	r = derived_build(allocator, &allocator->pools, &allocator->derived);
	if (r < 0) {
		allocator->store = NULL;
		return r;
	}
	*ret = take_ptr(allocator);
	return 0;
}

void allocator_free(struct allocator *allocator)
{
	if (!allocator)
		return;
	derived_done(&allocator->derived);
	pools_done(&allocator->pools);
	claims_done(&allocator->passes[0].claims);
	claims_done(&allocator->passes[1].claims);
	claims_done(&allocator->kubelet_claims);
	store_free(allocator->store);
	free(allocator);
}

int allocator_keep_clock(struct allocator *allocator, struct moment now)
{
	struct store_clock clock;
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_get_clock(allocator->store, &clock);
	if (r < 0)
		return allocator_failed(allocator, r);
	clock.last = allocator_clock(allocator, now.boot);
	r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	return allocator_end_change(allocator, store_set_clock(allocator->store, &clock));
}

/* What was before the clock began, in a pass for instance, was at its beginning. */
uint64_t allocator_clock(const struct allocator *allocator, uint64_t boot)
{
	int64_t clock = (int64_t)boot + allocator->clock_offset;

	return clock > 0 ? (uint64_t)clock : 0;
}

struct unit_wait allocator_wait(const struct allocator *allocator, struct moment now)
{
	return (struct unit_wait){ allocator->settings.reuse_delay,
				   allocator_clock(allocator, now.boot) };
}

const struct pools *allocator_pools(const struct allocator *allocator)
{
	return &allocator->pools;
}

void allocator_set_settings(struct allocator *allocator, const struct allocator_settings *settings)
{
	allocator->settings = *settings;
}

const char *allocator_message(const struct allocator *allocator)
{
	return allocator->message;
}

/* Leaves an event if the pool is not what it was when it was last seen. */
static int note_pool(struct allocator *allocator, const struct pool *pool, struct moment now)
{
	struct event event = { .time = now.wall, .kind = EVENT_POOL_CHANGED, .range = pool->range };
	struct store_pool seen = {}, is = { .range = pool->range, .unit = pool->unit };
	int r = store_get_pool(allocator->store, pool->name, &seen);

	if (r < 0 || (r == 0 && id_range_equal(seen.range, is.range) && seen.unit == is.unit))
		return r;
	snprintf(is.name, sizeof(is.name), "%s", pool->name);
	snprintf(event.pool, sizeof(event.pool), "%s", pool->name);
	r = store_put_pool(allocator->store, &is);
	return r != 0 ? r : allocator_add_event(allocator, &event);
}

static int note_pools(struct allocator *allocator, const struct pools *pools, struct moment now)
{
	int r = allocator_begin_change(allocator);

	if (r < 0)
		return r;
	for (size_t i = 0; i < pools->n_items && r == 0; i++)
		r = note_pool(allocator, &pools->items[i], now);
	return allocator_end_change(allocator, r);
}

int allocator_set_pools(struct allocator *allocator, struct pools *pools, struct moment now)
{
	struct pools before = allocator->pools;
	struct derived derived;
	int r = allocator_ready(allocator);

	if (r == 0)
		r = derived_build(allocator, pools, &derived);
	if (r < 0)
		return allocator_failed(allocator, r);
	r = note_pools(allocator, pools, now);
	if (r < 0) {
		derived_done(&derived);
		return r;
	}
	derived_done(&allocator->derived);
	allocator->derived = derived;
	allocator->pools = *pools;
	*pools = before;
	return 0;
}

struct pool_usage allocator_usage(const struct allocator *allocator, size_t pool, struct moment now)
{
	const struct unit_map *map = &allocator->derived.maps[pool];
	uint32_t n_waiting = unit_map_n_waiting(map, allocator_wait(allocator, now));
	const uint32_t *n = map->n_in_state;

	return (struct pool_usage){
		.capacity = map->n_units - n[UNIT_RESERVED],
		.active = n[UNIT_ACTIVE],
		.draining = n[UNIT_DRAINING],
		.released = n[UNIT_RELEASED],
		.foreign = n[UNIT_FOREIGN],
		.waiting = n_waiting,
		.free = n[UNIT_FRESH] + n[UNIT_RELEASED] - n_waiting,
		.n_outside = allocator->derived.n_outside[pool],
	};
}

/* Completes what the store answered. */
static int answer(struct allocator *allocator, int r, struct allocation *row,
		  struct allocation *ret)
{
	if (r < 0)
		return allocator_failed(allocator, r);
	if (r > 0)
		return ALLOCATOR_E_NOT_FOUND;
	row->in_pool = derived_in_pool(&allocator->pools, row);
	*ret = *row;
	return 0;
}

int allocator_get(struct allocator *allocator, const char *pod, struct allocation *ret)
{
	struct allocation row;
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_get(allocator->store, pod, &row);
	return answer(allocator, r, &row, ret);
}

int allocator_lookup(struct allocator *allocator, uint32_t id, struct allocation *ret)
{
	struct allocation row;
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_lookup(allocator->store, id, &row);
	return answer(allocator, r, &row, ret);
}

struct each {
	struct allocator *allocator;
	store_row_fn row;
	void *userdata;
};

static int each_row(const struct allocation *row, void *userdata)
{
	struct each *each = userdata;
	struct allocation allocation = *row;

	if (!*row->pod)
		return 0;
	allocation.in_pool = derived_in_pool(&each->allocator->pools, row);
	return each->row(&allocation, each->userdata);
}

int allocator_each_found(struct allocator *allocator, store_find_fn find, uint32_t first,
			 store_row_fn row, void *userdata)
{
	struct each each = { allocator, row, userdata };
	int r = allocator_ready(allocator);

	if (r == 0)
		r = find(allocator->store, first, each_row, &each);
	return r < 0 ? allocator_failed(allocator, r) : r;
}

int allocator_each(struct allocator *allocator, uint32_t first, store_row_fn row, void *userdata)
{
	return allocator_each_found(allocator, store_each_from, first, row, userdata);
}

int allocator_store_facts(struct allocator *allocator, struct store_facts *ret)
{
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_get_facts(allocator->store, ret);
	return r < 0 ? allocator_failed(allocator, r) : 0;
}
