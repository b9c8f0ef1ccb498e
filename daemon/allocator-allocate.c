/* SPDX-License-Identifier: MIT */

/* Allocate: which pool, which range, and the rows that make it so. */

#include "allocator-private.h"

#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const allocate_outcome_names[] = {
	[OUTCOME_CREATED] = "created",
	[OUTCOME_EXISTING] = "existing",
	[OUTCOME_REVIVED] = "revived",
};
_Static_assert(ELEMENTS_OF(allocate_outcome_names) == N_ALLOCATE_OUTCOMES, "a name for each");

static int find_own(struct allocator *allocator, const char *pod, struct subject *subject)
{
	int r = store_get(allocator->store, pod, &subject->own);

	if (r < 0)
		return allocator_failed(allocator, r);
	subject->has_own = r == 0;
	return 0;
}

/*
 * The pool named, or the pod's own, or the only one. NULL for a pod that holds a range of a pool
 * that is gone and names none: it is answered what it has.
 */
static int find_pool(struct allocator *allocator, const struct allocate_request *request,
		     struct subject *subject, struct refusal *ret_refusal)
{
	const struct pools *pools = &allocator->pools;
	bool is_held = subject_is_active(subject);
	const char *name = request->pool;

	if (!name && subject->has_own && pools_find(pools, subject->own.pool))
		name = subject->own.pool;
	if (!name && is_held)
		return 0;
	if (!name && pools->n_items != 1)
		return ALLOCATOR_E_POOL_NEEDED;
	if (!name)
		name = pools->items[0].name;
	snprintf(ret_refusal->pool, sizeof(ret_refusal->pool), "%s", name);
	subject->pool = pools_find(pools, name);
	if (!subject->pool)
		return ALLOCATOR_E_NO_SUCH_POOL;
	if (is_held && strcmp(name, subject->own.pool) != 0)
		return ALLOCATOR_E_POOL_MISMATCH;
	if (!subject->pool->valid) {
		ret_refusal->finding = findings_first_error(&subject->pool->findings);
		return ALLOCATOR_E_INVALID_POOL;
	}
	subject->pool_index = (size_t)(subject->pool - pools->items);
	return 0;
}

/*
 * Can the pod get its old range back? It must still be whole, as its units are, and in nobody's
 * use. What lives in a range that drains is the pod's own, but the kubelet may have taken it, or
 * another pod in the time that a backup does not know of.
 */
static bool can_revive(const struct allocator *allocator, const struct subject *subject,
		       uint32_t wanted)
{
	const struct pool *pool = subject->pool;
	const struct unit_map *map = &allocator->derived.maps[subject->pool_index];
	struct id_range range = subject->own.range;
	enum unit_state state = subject->own.state == ALLOCATION_DRAINING ? UNIT_DRAINING
									  : UNIT_RELEASED;
	uint32_t first;

	if (!subject->has_own || strcmp(subject->own.pool, pool->name) != 0 ||
	    (wanted != 0 && wanted != range.count) || !id_range_within(range, pool->range) ||
	    (range.start - pool->range.start) % pool->unit != 0 || range.count % pool->unit != 0 ||
	    claims_find(&allocator->kubelet_claims, range) ||
	    derived_is_in_doubt(&allocator->derived, &subject->own))
		return false;
	first = (range.start - pool->range.start) / pool->unit;
	for (uint32_t i = 0; i < range.count / pool->unit; i++)
		if (unit_map_state(map, first + i) != state)
			return false;
	return true;
}

static void set_labels(struct allocation *allocation, const struct allocate_request *request)
{
	if (request->namespace)
		snprintf(allocation->namespace, sizeof(allocation->namespace), "%s",
			 request->namespace);
	if (request->name)
		snprintf(allocation->name, sizeof(allocation->name), "%s", request->name);
}

/* The event, and the process if there is one, behind a row that was given. */
static int complete(struct allocator *allocator, const struct allocate_request *request,
		    enum event_kind kind, struct allocation *row)
{
	struct event event = allocator_event(kind, row, &request->by, request->now);
	int r = allocator_add_event(allocator, &event);

	if (r == 0 && request->process)
		r = allocator_tie(allocator, row, request->process, request->by, request->now);
	return r;
}

int allocator_revive(struct allocator *allocator, const struct allocate_request *request,
		     const struct subject *subject, struct allocation *ret)
{
	struct allocation row = subject->own;
	int r;

	row.state = ALLOCATION_ACTIVE;
	row.origin = ORIGIN_REQUEST;
	snprintf(row.pool, sizeof(row.pool), "%s", subject->pool->name);
	row.client_uid = request->by.uid;
	row.created_at = request->now.wall;
	row.released_at = row.release_order = row.clock = 0;
	set_labels(&row, request);
	r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	r = allocator_change_row(allocator, &subject->own, &row);
	if (r == 0)
		r = complete(allocator, request, EVENT_REVIVED, &row);
	r = allocator_end_change(allocator, r);
	if (r == 0)
		*ret = row;
	return r;
}

int allocator_create(struct allocator *allocator, const struct allocate_request *request,
		     const struct subject *subject, struct id_range range, struct allocation *ret)
{
	struct allocation row = {
		.range = range,
		.state = ALLOCATION_ACTIVE,
		.origin = ORIGIN_REQUEST,
		.client_uid = request->by.uid,
		.created_at = request->now.wall,
	};
	int r = allocator_begin_change(allocator);

	if (r < 0)
		return r;
	snprintf(row.pod, sizeof(row.pod), "%s", request->pod);
	snprintf(row.pool, sizeof(row.pool), "%s", subject->pool->name);
	set_labels(&row, request);
	if (subject->has_own)
		r = allocator_disown(allocator, &subject->own);
	if (r == 0)
		r = allocator_clear_range(allocator, range, row.pod, &request->by, request->now);
	if (r == 0)
		r = allocator_change_row(allocator, NULL, &row);
	if (r == 0)
		r = complete(allocator, request, EVENT_ALLOCATED, &row);
	r = allocator_end_change(allocator, r);
	if (r == 0)
		*ret = row;
	return r;
}

static int choose_range(const struct allocator *allocator, const struct subject *subject,
			struct moment now, struct id_range *ret, struct refusal *ret_refusal)
{
	const struct pool *pool = subject->pool;
	uint32_t first;
	int r = unit_map_choose(&allocator->derived.maps[subject->pool_index],
				subject->count / pool->unit, allocator_wait(allocator, now),
				&first);

	if (r < 0)
		return r;
	if (r == 0) {
		ret_refusal->usage = allocator_usage(allocator, subject->pool_index, now);
		return ALLOCATOR_E_EXHAUSTED;
	}
	*ret = (struct id_range){ pool->range.start + first * pool->unit, subject->count };
	return 0;
}

/* A pod that has no range now gets its old one back, or a new one. */
static int give(struct allocator *allocator, const struct allocate_request *request,
		struct subject *subject, struct allocation *ret, enum allocate_outcome *ret_outcome,
		struct refusal *ret_refusal)
{
	struct id_range range;
	int r;

	if (request->count % subject->pool->unit != 0)
		return ALLOCATOR_E_BAD_COUNT;
	if (!request->by.is_privileged && allocator->settings.quota > 0 &&
	    derived_n_active(&allocator->derived, request->by.uid) >= allocator->settings.quota) {
		ret_refusal->limit = allocator->settings.quota;
		return ALLOCATOR_E_QUOTA;
	}
	if (can_revive(allocator, subject, request->count)) {
		r = allocator_revive(allocator, request, subject, ret);
		if (r == 0)
			*ret_outcome = OUTCOME_REVIVED;
		return r;
	}
	subject->count = request->count ? request->count : subject->pool->unit;
	r = choose_range(allocator, subject, request->now, &range, ret_refusal);
	if (r == 0)
		r = allocator_create(allocator, request, subject, range, ret);
	if (r == 0)
		*ret_outcome = OUTCOME_CREATED;
	return r;
}

/* A pod that has its range is answered what it has; it may be tied to a process now. */
static int confirm(struct allocator *allocator, const struct allocate_request *request,
		   const struct subject *subject, struct allocation *ret,
		   struct refusal *ret_refusal)
{
	*ret = subject->own;
	if (request->count != 0 && request->count != ret->range.count) {
		ret_refusal->have = ret->range.count;
		ret_refusal->want = request->count;
		return ALLOCATOR_E_COUNT_MISMATCH;
	}
	if (!request->process)
		return 0;
	return allocator_bind(allocator, request->pod, request->process, request->by, request->now,
			      ret);
}

/* The range is the daemon's choice. */
static int choose(struct allocator *allocator, const struct allocate_request *request,
		  struct subject *subject, struct allocation *ret,
		  enum allocate_outcome *ret_outcome, struct refusal *ret_refusal)
{
	int r = find_pool(allocator, request, subject, ret_refusal);

	if (r != 0)
		return r;
	if (!subject_is_active(subject))
		return give(allocator, request, subject, ret, ret_outcome, ret_refusal);
	r = confirm(allocator, request, subject, ret, ret_refusal);
	if (r == 0)
		*ret_outcome = OUTCOME_EXISTING;
	return r;
}

int allocator_allocate(struct allocator *allocator, const struct allocate_request *request,
		       struct allocation *ret, enum allocate_outcome *ret_outcome,
		       struct refusal *ret_refusal)
{
	struct subject subject = {};
	int r = allocator_ready(allocator);

	*ret_refusal = (struct refusal){};
	if (r == 0)
		r = find_own(allocator, request->pod, &subject);
	if (r != 0)
		return r;
	r = request->start
		    ? allocator_record(allocator, request, &subject, ret, ret_outcome, ret_refusal)
		    : choose(allocator, request, &subject, ret, ret_outcome, ret_refusal);
	if (r == 0)
		ret->in_pool = derived_in_pool(&allocator->pools, ret);
	return r;
}
