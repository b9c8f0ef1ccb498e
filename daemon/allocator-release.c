/* SPDX-License-Identifier: MIT */

/* The end of an allocation, and what ends it: a client, a list of pods that live, a process. */

#include "allocator-private.h"

#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE 64 /* that are kept in memory while a list is gone through */

int allocator_check_owner(const struct allocation *row, struct requester by)
{
	if (row->origin == ORIGIN_KUBELET)
		return ALLOCATOR_E_KUBELET;
	return by.is_privileged || by.uid == row->client_uid ? 0 : (int)ALLOCATOR_E_NOT_OWNER;
}

int allocator_begin_drain(struct allocator *allocator, struct allocation *row, enum event_kind kind,
			  enum event_cause cause, const struct requester *by, struct moment now)
{
	struct event event = allocator_event(kind, row, by, now);
	struct allocation draining = *row;
	int r;

	event.cause = cause;
	draining.state = ALLOCATION_DRAINING;
	draining.released_at = now.wall;
	draining.release_order = allocator->derived.last_order + 1;
	draining.clock = allocator_clock(allocator, now.boot);
	draining.process = (struct process){};
	r = allocator_change_row(allocator, row, &draining);
	if (r == 0)
		r = allocator_add_event(allocator, &event);
	if (r == 0)
		*row = draining;
	return r;
}

/* Releases one allocation as a change of its own. */
static int release(struct allocator *allocator, struct allocation *row, enum event_cause cause,
		   const struct requester *by, struct moment now)
{
	int r = allocator_begin_change(allocator);

	if (r < 0)
		return r;
	r = allocator_begin_drain(allocator, row, EVENT_RELEASED, cause, by, now);
	return allocator_end_change(allocator, r);
}

int allocator_release(struct allocator *allocator, const char *pod, struct requester by,
		      struct moment now, struct allocation *ret, bool *ret_released)
{
	struct allocation row;
	bool is_active;
	int r = allocator_get(allocator, pod, &row);

	if (r != 0)
		return r;
	is_active = row.state == ALLOCATION_ACTIVE;
	if (is_active)
		r = allocator_check_owner(&row, by);
	if (is_active && r == 0)
		r = release(allocator, &row, CAUSE_REQUEST, &by, now);
	if (r != 0)
		return r;
	*ret_released = is_active;
	*ret = row;
	return 0;
}

/* A piece of the allocations that a list does not hold. */
struct sweep {
	const struct reconcile_request *request;
	struct allocation *rows;
	size_t n_rows;
	uint32_t next; /* where the next piece begins */
};

static int compare_pods(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

static bool must_release(const struct reconcile_request *request, const struct allocation *row)
{
	return row->state == ALLOCATION_ACTIVE && allocator_check_owner(row, request->by) == 0 &&
	       (!request->pool || strcmp(request->pool, row->pool) == 0) &&
	       row->created_at < request->created_before &&
	       (request->n_pods == 0 || !bsearch(row->pod, request->pods, request->n_pods,
						 sizeof(*request->pods), compare_pods));
}

static int sweep_row(const struct allocation *row, void *userdata)
{
	struct sweep *sweep = userdata;

	sweep->next = row->range.start;
	if (!must_release(sweep->request, row))
		return 0;
	if (sweep->n_rows == ROWS_AT_ONCE)
		return 1;
	sweep->rows[sweep->n_rows++] = *row;
	return 0;
}

static int sweep_piece(struct allocator *allocator, struct sweep *sweep, store_row_fn released,
		       void *userdata)
{
	const struct reconcile_request *request = sweep->request;
	int r = 0;

	for (size_t i = 0; i < sweep->n_rows && r == 0; i++) {
		if (!request->is_dry_run)
			r = allocator_begin_drain(allocator, &sweep->rows[i], EVENT_RELEASED,
						  CAUSE_RECONCILE, &request->by, request->now);
		if (r == 0)
			r = released(&sweep->rows[i], userdata);
	}
	return r;
}

static int sweep_all(struct allocator *allocator, struct sweep *sweep, store_row_fn released,
		     void *userdata)
{
	int left, r;

	do {
		sweep->n_rows = 0;
		left = store_each_from(allocator->store, sweep->next, sweep_row, sweep);
		r = left < 0 ? left : sweep_piece(allocator, sweep, released, userdata);
	} while (left == 1 && r == 0);
	return r;
}

int allocator_reconcile(struct allocator *allocator, const struct reconcile_request *request,
			store_row_fn released, void *userdata)
{
	_cleanup_(freep) struct allocation *rows = NULL;
	struct sweep sweep = { .request = request };
	int r = allocator_ready(allocator);

	if (r < 0)
		return r;
	if (request->pool && !pools_find(&allocator->pools, request->pool))
		return ALLOCATOR_E_NO_SUCH_POOL;
	rows = sweep.rows = calloc(ROWS_AT_ONCE, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	if (request->is_dry_run) {
		r = sweep_all(allocator, &sweep, released, userdata);
		return r < 0 ? allocator_failed(allocator, r) : r;
	}
	r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	return allocator_end_change(allocator, sweep_all(allocator, &sweep, released, userdata));
}

int allocator_tie(struct allocator *allocator, struct allocation *row,
		  const struct process *process, struct requester by, struct moment now)
{
	struct allocation tied = *row;
	struct event event;
	int r;

	tied.process = *process;
	event = allocator_event(EVENT_BOUND, &tied, &by, now);
	r = allocator_change_row(allocator, row, &tied);
	if (r == 0)
		r = allocator_add_event(allocator, &event);
	if (r == 0)
		*row = tied;
	return r;
}

int allocator_bind(struct allocator *allocator, const char *pod, const struct process *process,
		   struct requester by, struct moment now, struct allocation *ret)
{
	struct allocation row;
	int r = allocator_get(allocator, pod, &row);

	if (r == 0 && row.state != ALLOCATION_ACTIVE)
		r = ALLOCATOR_E_NOT_FOUND;
	if (r == 0)
		r = allocator_check_owner(&row, by);
	if (r == 0 && !process_equal(&row.process, process)) {
		r = allocator_begin_change(allocator);
		if (r < 0)
			return r;
		r = allocator_end_change(allocator,
					 allocator_tie(allocator, &row, process, by, now));
	}
	if (r == 0)
		*ret = row;
	return r;
}

int allocator_process_ended(struct allocator *allocator, const char *pod,
			    const struct process *process, struct moment now, bool *ret_released)
{
	struct allocation row;
	bool is_tied;
	int r = allocator_get(allocator, pod, &row);

	is_tied = r == 0 && process_equal(&row.process, process);
	if (is_tied)
		r = release(allocator, &row, CAUSE_PROCESS_ENDED, NULL, now);
	if (r < 0)
		return r;
	*ret_released = is_tied;
	return 0;
}

int allocator_each_bound(struct allocator *allocator, store_row_fn row, void *userdata)
{
	return allocator_each_found(allocator, store_each_bound, 0, row, userdata);
}
