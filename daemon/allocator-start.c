/* SPDX-License-Identifier: MIT */

/* Allocate with a start: a range that a container was started with is recorded for its pod. */

#include "allocator-private.h"

#include <stdio.h>
#include <string.h>

static const struct id_range reserved_range = { RESERVED_START, RESERVED_COUNT };

static const struct pool *find_around(const struct pools *pools, uint32_t id)
{
	for (size_t i = 0; i < pools->n_items; i++)
		if (id_range_contains(pools->items[i].range, id))
			return &pools->items[i];
	return NULL;
}

/* One that nothing is known of while it is invalid, so that any range may be its. */
static const struct pool *find_invalid(const struct pools *pools)
{
	for (size_t i = 0; i < pools->n_items; i++)
		if (!pools->items[i].valid)
			return &pools->items[i];
	return NULL;
}

/*
 * The pool named, or the one around the start, or that of the range that the pod holds, which may
 * be NULL if it is gone.
 */
static int find_pool(const struct allocator *allocator, const struct allocate_request *request,
		     struct subject *subject, struct refusal *ret_refusal)
{
	const struct pools *pools = &allocator->pools;
	const struct pool *pool = request->pool ? pools_find(pools, request->pool)
						: find_around(pools, request->start);

	if (!pool && request->pool) {
		snprintf(ret_refusal->pool, sizeof(ret_refusal->pool), "%s", request->pool);
		return ALLOCATOR_E_NO_SUCH_POOL;
	}
	if (!pool && subject_is_active(subject))
		pool = pools_find(pools, subject->own.pool);
	if (!pool && !(subject_is_active(subject) && subject->own.range.start == request->start))
		pool = find_invalid(pools);
	if (pool && !pool->valid) {
		snprintf(ret_refusal->pool, sizeof(ret_refusal->pool), "%s", pool->name);
		ret_refusal->finding = findings_first_error(&pool->findings);
		return ALLOCATOR_E_INVALID_POOL;
	}
	subject->pool = pool;
	return 0;
}

/* Is the range one that the pool could have given? */
static int check_range(const struct pool *pool, struct id_range range)
{
	if (!pool)
		return ALLOCATOR_E_BAD_START;
	if (range.count % pool->unit != 0)
		return ALLOCATOR_E_BAD_COUNT;
	if (!id_range_valid(range) || !id_range_within(range, pool->range) ||
	    (range.start - pool->range.start) % pool->unit != 0 ||
	    id_range_overlaps(range, reserved_range))
		return ALLOCATOR_E_BAD_START;
	return 0;
}

/* Rows that may stand in the way of a pod. */
struct search {
	const char *pod;
	struct unit_wait wait;
	struct refusal *refusal;
};

static int look(const struct allocation *row, void *userdata)
{
	struct search *search = userdata;
	struct unit_release release = { row->release_order, row->clock };

	if (strcmp(row->pod, search->pod) == 0 ||
	    (row->state == ALLOCATION_RELEASED && !unit_must_wait(release, search->wait)))
		return 0;
	snprintf(search->refusal->pod, sizeof(search->refusal->pod), "%s", row->pod);
	search->refusal->range = row->range;
	return ALLOCATOR_E_RANGE_TAKEN;
}

static bool is_explained(const struct allocate_request *request, struct id_range range)
{
	for (size_t i = 0; request->maps && i < 2; i++)
		if (!request->maps[i].is_full && idmap_overlaps(&request->maps[i], range))
			return true;
	return false;
}

/* What uses the range, seen from outside of the database, and is not the pod's own. */
static const struct claim *find_claim(const struct allocator *allocator,
				      const struct allocate_request *request, bool is_own,
				      struct id_range range)
{
	const struct claim *claim = claims_find(&allocator->kubelet_claims, range);

	if (claim || is_own || is_explained(request, range))
		return claim;
	claim = claims_find(&allocator->passes[1].claims, range);
	return claim ? claim : claims_find(&allocator->passes[0].claims, range);
}

/*
 * Is anything in the way? What lives in a range of the pod's that drains is the pod's, unless
 * another pod may have got it since the backup was made that was restored.
 */
static int check_taken(struct allocator *allocator, const struct allocate_request *request,
		       const struct subject *subject, struct id_range range, bool is_own,
		       struct refusal *ret_refusal)
{
	struct search search = { request->pod, allocator_wait(allocator, request->now),
				 ret_refusal };
	bool is_known = is_own && !derived_is_in_doubt(&allocator->derived, &subject->own);
	const struct claim *claim;
	int r = store_each_in(allocator->store, range, look, &search);

	if (r != 0)
		return r < 0 ? allocator_failed(allocator, r) : r;
	claim = find_claim(allocator, request,
			   is_known && subject->own.state == ALLOCATION_DRAINING, range);
	if (!claim && (is_known || !allocator->derived.restored.is_unproven))
		return 0;
	ret_refusal->range = claim ? claim->range : range;
	ret_refusal->pid = claim ? claim->pid : 0;
	return ALLOCATOR_E_RANGE_TAKEN;
}

/* The pod holds that very range. One of the kubelet's is tied to no process: its file decides. */
static int keep(struct allocator *allocator, const struct allocate_request *request,
		const struct subject *subject, struct allocation *ret)
{
	if (request->pool && strcmp(request->pool, subject->own.pool) != 0)
		return ALLOCATOR_E_POOL_MISMATCH;
	*ret = subject->own;
	if (!request->process || ret->origin == ORIGIN_KUBELET)
		return 0;
	return allocator_bind(allocator, request->pod, request->process, request->by, request->now,
			      ret);
}

int allocator_record(struct allocator *allocator, const struct allocate_request *request,
		     struct subject *subject, struct allocation *ret,
		     enum allocate_outcome *ret_outcome, struct refusal *ret_refusal)
{
	struct id_range range = { request->start, request->count };
	bool is_own;
	int r = find_pool(allocator, request, subject, ret_refusal);

	if (r != 0)
		return r;
	if (range.count == 0 && subject->pool)
		range.count = subject->pool->unit;
	is_own = subject->has_own && id_range_equal(subject->own.range, range);
	if (is_own && subject_is_active(subject)) {
		*ret_outcome = OUTCOME_EXISTING;
		return keep(allocator, request, subject, ret);
	}
	r = check_range(subject->pool, range);
	if (r != 0)
		return r;
	if (subject->has_own && !is_own && subject->own.state != ALLOCATION_RELEASED) {
		ret_refusal->range = subject->own.range;
		return ALLOCATOR_E_RANGE_MISMATCH;
	}
	r = check_taken(allocator, request, subject, range, is_own, ret_refusal);
	if (r != 0)
		return r;
	*ret_outcome = is_own ? OUTCOME_REVIVED : OUTCOME_CREATED;
	return is_own ? allocator_revive(allocator, request, subject, ret)
		      : allocator_create(allocator, request, subject, range, ret);
}
