/* SPDX-License-Identifier: MIT */

/* What has happened, and who had an ID at a moment in the past. */

#include "allocator-private.h"

#include <errno.h>
#include <string.h>

int allocator_each_event(struct allocator *allocator, const struct event_query *query,
			 store_event_fn event, void *userdata)
{
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_each_event(allocator->store, query, event, userdata);
	return r < 0 ? allocator_failed(allocator, r) : r;
}

uint64_t allocator_last_event(const struct allocator *allocator)
{
	return allocator->last_event;
}

int allocator_events_after(struct allocator *allocator, uint64_t sequence, store_event_fn event,
			   void *userdata)
{
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_each_event_between(allocator->store, sequence + 1, allocator->last_event,
					     event, userdata);
	return r < 0 ? allocator_failed(allocator, r) : r;
}

/* The allocation of an ID at a moment, pieced together from its events, newest first. */
struct past {
	struct allocation allocation;
	bool is_known; /* its state; then its beginning is looked for */
	bool is_found;
};

static void set_state(struct past *past, enum allocation_state state)
{
	if (!past->is_known)
		past->allocation.state = state;
	past->is_known = true;
}

static int begin(struct past *past, const struct event *event)
{
	struct allocation *a = &past->allocation;

	set_state(past, ALLOCATION_ACTIVE);
	memcpy(a->pod, event->pod, sizeof(a->pod));
	memcpy(a->pool, event->pool, sizeof(a->pool));
	memcpy(a->namespace, event->namespace, sizeof(a->namespace));
	memcpy(a->name, event->name, sizeof(a->name));
	a->range = event->range;
	a->origin = event->kind == EVENT_ADOPTED ? ORIGIN_KUBELET : ORIGIN_REQUEST;
	a->client_uid = event->client_uid;
	a->created_at = event->time;
	past->is_found = true;
	return 1;
}

static int look_back(const struct event *event, void *userdata)
{
	struct past *past = userdata;

	switch (event->kind) {
	case EVENT_ALLOCATED:
	case EVENT_REVIVED:
	case EVENT_ADOPTED:
		return begin(past, event);
	case EVENT_BOUND:
		if (!past->is_known)
			past->allocation.process.pid = event->pid;
		set_state(past, ALLOCATION_ACTIVE);
		return 0;
	case EVENT_RELEASED:
	case EVENT_VANISHED:
		if (past->allocation.released_at == 0)
			past->allocation.released_at = event->time;
		set_state(past, ALLOCATION_DRAINING);
		return 0;
	case EVENT_DRAINED:
		set_state(past, ALLOCATION_RELEASED);
		return 0;
	case EVENT_REUSED:
		return 1;
	case EVENT_CONFLICT:
	case EVENT_POOL_CHANGED:
	case EVENT_RESTORED:
	case N_EVENT_KINDS:
		return 0;
	}
	return 0;
}

/* Nobody comes back to a range after the pod has got another one: the newest of its own counts. */
static int look_for_another(const struct event *event, void *userdata)
{
	struct past *past = userdata;

	if (event->kind != EVENT_ALLOCATED && event->kind != EVENT_REVIVED &&
	    event->kind != EVENT_ADOPTED)
		return 0;
	past->is_found = id_range_equal(event->range, past->allocation.range);
	return 1;
}

/* An allocation that is older than the history: as it is now, if it was there already. */
static int lookup_old(struct allocator *allocator, uint32_t id, uint64_t at, struct past *past)
{
	struct allocation row;
	int r = store_lookup(allocator->store, id, &row);

	if (r != 0 || row.created_at > at)
		return r < 0 ? r : 0;
	if (!past->is_known)
		past->allocation.state = ALLOCATION_ACTIVE;
	row.state = past->allocation.state;
	row.released_at = past->allocation.released_at;
	row.process = past->allocation.process;
	past->allocation = row;
	past->is_found = true;
	return 0;
}

int allocator_lookup_at(struct allocator *allocator, uint32_t id, uint64_t at,
			struct allocation *ret)
{
	struct event_query query = { .has_id = true, .id = id, .until = at, .before = UINT64_MAX };
	struct past past = {};
	int r = allocator_ready(allocator);

	if (r == 0)
		r = store_each_event(allocator->store, &query, look_back, &past);
	if (r == 0)
		r = lookup_old(allocator, id, at, &past);
	if (r >= 0 && past.is_found) {
		query = (struct event_query){ .pod = past.allocation.pod,
					      .until = at,
					      .before = UINT64_MAX };
		r = store_each_event(allocator->store, &query, look_for_another, &past);
	}
	if (r < 0)
		return allocator_failed(allocator, r);
	if (!past.is_found)
		return ALLOCATOR_E_NOT_FOUND;
	past.allocation.in_pool = derived_in_pool(&allocator->pools, &past.allocation);
	*ret = past.allocation;
	return 0;
}
