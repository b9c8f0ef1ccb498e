/* SPDX-License-Identifier: MIT */

/* Changes: the transaction, its rows and events, and what to do when the store fails. */

#include "allocator-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PRUNED_AT_ONCE 256   /* events, some milliseconds */
#define UNINDEXED_MOST 32768 /* events, ten milliseconds for whoever asks for a pod's */
#define UNINDEXED_FEW 1024

int allocator_failed(struct allocator *allocator, int r)
{
	snprintf(allocator->message, sizeof(allocator->message), "%s (%s)",
		 store_message(allocator->store), strerror(-r));
	return r;
}

/* What is there beyond that which is known to be durable is nothing to answer for until it is. */
static int reopen(struct allocator *allocator)
{
	uint64_t last_event = 0;
	int r = store_reopen(allocator->store);

	if (r == 0)
		r = store_last_event(allocator->store, &last_event);
	if (r == 0 && last_event != allocator->last_event)
		r = store_settle(allocator->store);
	if (r < 0)
		return r;
	allocator->last_event = last_event;
	allocator->must_reopen = false;
	return 0;
}

int allocator_ready(struct allocator *allocator)
{
	struct derived derived;
	int r = 0;

	if (allocator->must_reopen)
		r = reopen(allocator);
	if (r == 0 && !allocator->is_stale)
		return 0;
	if (r == 0)
		r = derived_build(allocator, &allocator->pools, &derived);
	if (r < 0)
		return allocator_failed(allocator, r);
	derived_done(&allocator->derived);
	allocator->derived = derived;
	allocator->is_stale = false;
	return 0;
}

int allocator_add_event(struct allocator *allocator, const struct event *event)
{
	int r = store_insert_event(allocator->store, event);

	if (r != 0)
		return r;
	allocator->n_events++;
	allocator->event_time = event->time;
	return 0;
}

/* Those of the batch stay in any case: whoever follows what happens has not seen them. */
static int prune(struct allocator *allocator, uint64_t now, uint32_t most, uint32_t *ret_n)
{
	const struct allocator_settings *settings = &allocator->settings;
	bool has_age = settings->history_age > 0 && now > settings->history_age;
	uint64_t kept = settings->history_events > 0 ? settings->history_events : UINT64_MAX;

	return store_prune_events(allocator->store, has_age ? now - settings->history_age : 0,
				  kept > allocator->n_events ? kept : allocator->n_events, most,
				  ret_n);
}

/*
 * Old events make room for those of the batch; of very many, allocator_prune() does the rest, as
 * allocator_index_events() does for those that are not in the indexes. On a full disk they do so
 * whatever their age: what is allocated now counts for more.
 */
static int prune_batch(struct allocator *allocator)
{
	uint32_t most = allocator->n_events < PRUNED_AT_ONCE / 2 ? 2 * allocator->n_events
								 : PRUNED_AT_ONCE,
		 n;

	if (most == 0)
		return 0;
	if (store_n_unindexed(allocator->store) > UNINDEXED_MOST) {
		int r = store_index_events(allocator->store, most);

		if (r < 0)
			return r;
	}
	if (store_is_tight(allocator->store))
		return store_prune_events(allocator->store, UINT64_MAX, allocator->n_events, most,
					  &n);
	return prune(allocator, allocator->event_time, most, &n);
}

bool allocator_is_pending(const struct allocator *allocator)
{
	return allocator->in_batch;
}

/* Makes the batch durable, or fails; *ret_last is its last event once its commit was tried. It
 * stays as it is if the batch has none: then nothing would tell whether it is there. */
static int commit_batch(struct allocator *allocator, uint64_t *ret_last)
{
	uint64_t last;
	int r = prune_batch(allocator);

	if (r < 0)
		return r;
	r = store_last_event(allocator->store, &last);
	if (r < 0)
		return r;
	if (allocator->n_events > 0)
		*ret_last = last;
	r = store_commit(allocator->store);
	if (r == 0)
		allocator->last_event = last;
	return r;
}

/*
 * A commit that failed may be there all the same: the store is opened again, and its last event
 * tells.
 */
int allocator_commit(struct allocator *allocator)
{
	bool is_whole = store_in_transaction(allocator->store) && !allocator->must_reopen;
	uint64_t last_event = 0;
	int r = is_whole ? commit_batch(allocator, &last_event) : -EIO;

	allocator->in_batch = false;
	allocator->n_events = 0;
	if (r == 0)
		return 0;
	/* of a batch that was lost before, the message says why already */
	if (is_whole)
		allocator_failed(allocator, r);
	allocator->is_stale = allocator->must_reopen = true;
	if (last_event == 0 || r == -ESTALE || reopen(allocator) < 0)
		return r;
	return allocator->last_event == last_event ? 0 : r;
}

/*
 * A full disk or an I/O error can make SQLite roll the whole transaction back. Then the requests
 * before this one are lost with it, and all must fail until allocator_commit() has said so.
 */
int allocator_begin_change(struct allocator *allocator)
{
	int r = 0;

	if (!allocator->in_batch) {
		r = store_begin(allocator->store);
		if (r < 0)
			return allocator_failed(allocator, r);
		allocator->in_batch = true;
	}
	if (!store_in_transaction(allocator->store)) {
		snprintf(allocator->message, sizeof(allocator->message),
			 "a change at the same time could not be written");
		return -EIO;
	}
	r = store_mark(allocator->store);
	return r < 0 ? allocator_failed(allocator, r) : 0;
}

/*
 * A refusal by the schema here means that memory and store differ. What cannot be undone must not
 * be committed either: then the whole batch is given up.
 */
int allocator_end_change(struct allocator *allocator, int r)
{
	if (r > 0)
		r = -EUCLEAN;
	if (r == 0)
		r = store_keep(allocator->store);
	if (r == 0)
		return 0;
	allocator_failed(allocator, r);
	if (store_in_transaction(allocator->store) && store_undo(allocator->store) < 0)
		allocator->must_reopen = true;
	allocator->is_stale = true;
	return r;
}

int allocator_prune(struct allocator *allocator, struct moment now, uint32_t most)
{
	uint32_t n = 0;
	int r = allocator_ready(allocator);

	if (r == 0)
		r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	r = allocator_end_change(allocator, prune(allocator, now.wall, most, &n));
	return r < 0 ? r : (int)n;
}

bool allocator_must_index(const struct allocator *allocator)
{
	return store_n_unindexed(allocator->store) >= UNINDEXED_FEW;
}

int allocator_index_events(struct allocator *allocator, uint32_t most)
{
	int r = allocator_ready(allocator);

	if (r == 0 && !allocator_must_index(allocator))
		return 0;
	if (r == 0)
		r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	r = allocator_end_change(allocator, store_index_events(allocator->store, most));
	return r < 0 ? r : 1;
}

int allocator_change_row(struct allocator *allocator, const struct allocation *before,
			 const struct allocation *after)
{
	int r;

	if (!after)
		r = store_delete(allocator->store, before->range.start);
	else if (!before)
		r = store_insert(allocator->store, after);
	else
		r = store_update(allocator->store, after);
	if (r == 0)
		r = derived_count(allocator, before, after);
	if (r == 0)
		r = derived_refresh(allocator, before ? before->range : after->range, after);
	return r;
}

struct event allocator_event(enum event_kind kind, const struct allocation *row,
			     const struct requester *by, struct moment now)
{
	struct event event = {
		.time = now.wall,
		.kind = kind,
		.range = row->range,
		.has_client = by,
		.client_uid = by ? by->uid : 0,
		.client_pid = by ? by->pid : 0,
		.pid = row->process.pid,
	};

	memcpy(event.pod, row->pod, sizeof(event.pod));
	memcpy(event.pool, row->pool, sizeof(event.pool));
	memcpy(event.namespace, row->namespace, sizeof(event.namespace));
	memcpy(event.name, row->name, sizeof(event.name));
	return event;
}

int allocator_disown(struct allocator *allocator, const struct allocation *row)
{
	struct allocation disowned = *row;

	disowned.pod[0] = disowned.namespace[0] = disowned.name[0] = 0;
	return allocator_change_row(allocator, row, &disowned);
}

static int store_first(const struct allocation *row, void *userdata)
{
	*(struct allocation *)userdata = *row;
	return 1;
}

/* Puts what is left of a released row back: units to which no pod can come back. */
static int insert_rest(struct allocator *allocator, const struct allocation *row, uint32_t start,
		       uint32_t end)
{
	struct allocation rest = *row;

	if (start >= end)
		return 0;
	rest.range = (struct id_range){ start, end - start };
	rest.pod[0] = rest.namespace[0] = rest.name[0] = 0;
	return allocator_change_row(allocator, NULL, &rest);
}

static int add_reused(struct allocator *allocator, const struct allocation *row, const char *pod,
		      const struct requester *by, struct moment now)
{
	struct event event = allocator_event(EVENT_REUSED, row, by, now);

	if (!*row->pod)
		return 0;
	snprintf(event.other_pod, sizeof(event.other_pod), "%s", pod);
	return allocator_add_event(allocator, &event);
}

int allocator_clear_range(struct allocator *allocator, struct id_range range, const char *pod,
			  const struct requester *by, struct moment now)
{
	struct allocation row;
	int r;

	while ((r = store_each_in(allocator->store, range, store_first, &row)) == 1) {
		if (row.state != ALLOCATION_RELEASED)
			return STORE_E_CONFLICT;
		r = allocator_change_row(allocator, &row, NULL);
		if (r == 0)
			r = insert_rest(allocator, &row, row.range.start, range.start);
		if (r == 0)
			r = insert_rest(allocator, &row, id_range_end(range),
					id_range_end(row.range));
		if (r == 0)
			r = add_reused(allocator, &row, pod, by, now);
		if (r != 0)
			return r;
	}
	return r;
}
