/* SPDX-License-Identifier: MIT */
#include "allocator.h"

#include "allocator-private.h"
#include "cleanup.h"

#include <errno.h>

DEFINE_CLEANUP(struct allocator *, allocator_free)

int allocator_new(struct store *store, struct allocator **ret)
{
	_cleanup_(allocator_freep) struct allocator *allocator = calloc(1, sizeof(*allocator));
	int r;

	if (!allocator)
		return -ENOMEM;
	r = derived_build(store, &allocator->pools, &allocator->derived);
	if (r < 0)
		return r;
	allocator->store = store;
	*ret = take_ptr(allocator);
	return 0;
}

void allocator_free(struct allocator *allocator)
{
	if (!allocator)
		return;
	derived_done(&allocator->derived);
	pools_done(&allocator->pools);
	store_free(allocator->store);
	free(allocator);
}

const struct pools *allocator_pools(const struct allocator *allocator)
{
	return &allocator->pools;
}

void allocator_set_quota(struct allocator *allocator, uint32_t limit)
{
	allocator->quota = limit;
}

const char *allocator_message(const struct allocator *allocator)
{
	return allocator->message;
}

int allocator_set_pools(struct allocator *allocator, struct pools *pools)
{
	struct pools before = allocator->pools;
	struct derived derived;
	int r = allocator_ready(allocator);

	if (r == 0)
		r = derived_build(allocator->store, pools, &derived);
	if (r < 0)
		return allocator_failed(allocator, r);
	derived_done(&allocator->derived);
	allocator->derived = derived;
	allocator->pools = *pools;
	*pools = before;
	return 0;
}

struct pool_usage allocator_usage(const struct allocator *allocator, size_t pool)
{
	const struct unit_map *map = &allocator->derived.maps[pool];
	const uint32_t *n = map->n_in_state;

	return (struct pool_usage){
		.capacity = map->n_units - n[UNIT_RESERVED],
		.active = n[UNIT_ACTIVE],
		.draining = n[UNIT_DRAINING],
		.released = n[UNIT_RELEASED],
		.foreign = n[UNIT_FOREIGN],
		.free = n[UNIT_FRESH] + n[UNIT_RELEASED],
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

int allocator_each(struct allocator *allocator, uint32_t first, store_row_fn row, void *userdata)
{
	struct each each = { allocator, row, userdata };
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_each_from(allocator->store, first, each_row, &each);
	return r < 0 ? allocator_failed(allocator, r) : r;
}

int allocator_store_facts(struct allocator *allocator, struct store_facts *ret)
{
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_get_facts(allocator->store, ret);
	return r < 0 ? allocator_failed(allocator, r) : 0;
}

int allocator_release(struct allocator *allocator, const char *pod, struct requester by,
		      uint64_t now, struct allocation *ret, bool *ret_released)
{
	struct allocation row, released;
	int r = allocator_get(allocator, pod, &row);

	if (r != 0)
		return r;
	released = row;
	if (row.state == ALLOCATION_ACTIVE) {
		if (!by.is_privileged && by.uid != row.client_uid)
			return ALLOCATOR_E_NOT_OWNER;
		released.state = ALLOCATION_RELEASED;
		released.released_at = now;
		released.release_order = allocator->derived.last_order + 1;
		r = allocator_begin_change(allocator);
		if (r < 0)
			return r;
		r = allocator_end_change(
			allocator, allocator_change_row(allocator, &row, &released), row.range);
		if (r < 0)
			return r;
	}
	*ret_released = row.state == ALLOCATION_ACTIVE;
	*ret = released;
	return 0;
}
