/* SPDX-License-Identifier: MIT */

/* The history: events in, out, and away. */

#include "store-private.h"

#include <errno.h>

/* What is not bound (an empty text, no range, no client, no process) is NULL. */
static int bind_event(sqlite3_stmt *s, const struct event *e)
{
	int r = SQLITE_OK;

	store_bind_number(s, 1, e->time, &r);
	store_bind_number(s, 2, e->kind, &r);
	store_bind_number(s, 3, e->cause, &r);
	store_bind_text(s, 4, e->pod, &r);
	store_bind_text(s, 5, e->pool, &r);
	if (e->range.count > 0) {
		store_bind_number(s, 6, e->range.start, &r);
		store_bind_number(s, 7, e->range.count, &r);
	}
	store_bind_text(s, 8, e->namespace, &r);
	store_bind_text(s, 9, e->name, &r);
	if (e->has_client) {
		store_bind_number(s, 10, e->client_uid, &r);
		store_bind_number(s, 11, e->client_pid, &r);
	}
	if (e->pid != 0)
		store_bind_number(s, 12, e->pid, &r);
	store_bind_text(s, 13, e->other_pod, &r);
	return r;
}

static int read_event(sqlite3_stmt *s, struct event *ret)
{
	struct event e = {
		.sequence = (uint64_t)sqlite3_column_int64(s, 0),
		.time = (uint64_t)sqlite3_column_int64(s, 1),
		.kind = (enum event_kind)sqlite3_column_int(s, 2),
		.cause = (enum event_cause)sqlite3_column_int(s, 3),
		.range.start = (uint32_t)sqlite3_column_int64(s, 6),
		.range.count = (uint32_t)sqlite3_column_int64(s, 7),
		.has_client = sqlite3_column_type(s, 10) != SQLITE_NULL,
		.client_uid = (uint32_t)sqlite3_column_int64(s, 10),
		.client_pid = (uint32_t)sqlite3_column_int64(s, 11),
		.pid = (uint32_t)sqlite3_column_int64(s, 12),
	};

	if (e.kind >= N_EVENT_KINDS || e.cause >= N_EVENT_CAUSES ||
	    (e.range.count > 0 && !id_range_valid(e.range)) ||
	    !store_read_text(s, 4, e.pod, sizeof(e.pod)) ||
	    !store_read_text(s, 5, e.pool, sizeof(e.pool)) ||
	    !store_read_text(s, 8, e.namespace, sizeof(e.namespace)) ||
	    !store_read_text(s, 9, e.name, sizeof(e.name)) ||
	    !store_read_text(s, 13, e.other_pod, sizeof(e.other_pod)))
		return -EUCLEAN;
	*ret = e;
	return 0;
}

int store_insert_event(struct store *store, const struct event *event)
{
	sqlite3_stmt *s = store->statements[STATEMENT_INSERT_EVENT];
	int r = store_before_write(store);

	if (r == 0)
		r = store_change(s, bind_event(s, event));
	if (r != 0)
		return r;
	store->derived.last_event = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return 0;
}

int store_event_ends(struct store *store, uint64_t *ret_first, uint64_t *ret_last)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EVENT_ENDS];
	int r = sqlite3_step(s);

	if (r != SQLITE_ROW)
		return store_end_use(s, store_errno(r));
	*ret_first = (uint64_t)sqlite3_column_int64(s, 0);
	*ret_last = (uint64_t)sqlite3_column_int64(s, 1);
	return store_end_use(s, 0);
}

int store_last_event(struct store *store, uint64_t *ret_sequence)
{
	int r = store_derive(store, NULL);

	if (r == 0)
		*ret_sequence = store->derived.last_event;
	return r;
}

static int each(sqlite3_stmt *s, int bound, store_event_fn event, void *userdata)
{
	int r = bound == SQLITE_OK ? 0 : store_errno(bound);

	while (r == 0) {
		struct event found;

		r = sqlite3_step(s);
		if (r == SQLITE_DONE)
			return store_end_use(s, 0);
		r = r == SQLITE_ROW ? read_event(s, &found) : store_errno(r);
		if (r == 0)
			r = event(&found, userdata);
	}
	return store_end_use(s, r);
}

/* All events from FIRST to LAST that are wanted, one by one. */
static int each_of_run(struct store *store, const struct event_query *query, uint64_t first,
		       uint64_t last, store_event_fn event, void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EVENTS_OF_RUN];
	int r = SQLITE_OK;

	store_bind_number(s, 1, first, &r);
	store_bind_number(s, 2, last, &r);
	store_bind_number(s, 3, query->since, &r);
	store_bind_number(s, 4, query->until, &r);
	if (query->pod && r == SQLITE_OK)
		r = sqlite3_bind_text(s, 5, query->pod, -1, SQLITE_STATIC);
	if (query->has_id)
		store_bind_number(s, 6, query->id, &r);
	return each(s, r, event, userdata);
}

struct filter {
	const struct event_query *query;
	store_event_fn event;
	void *userdata;
};

static int pass_if_it_holds_id(const struct event *event, void *userdata)
{
	const struct filter *filter = userdata;

	if (!id_range_contains(event->range, filter->query->id))
		return 0;
	return filter->event(event, filter->userdata);
}

static int each_of_pod(struct store *store, const struct event_query *query, store_event_fn event,
		       void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EVENTS_OF_POD];
	struct filter filter = { query, event, userdata };
	int r = SQLITE_OK;

	store_bind_text(s, 1, query->pod, &r);
	store_bind_number(s, 2, query->before, &r);
	store_bind_number(s, 3, query->since, &r);
	store_bind_number(s, 4, query->until, &r);
	if (query->has_id)
		return each(s, r, pass_if_it_holds_id, &filter);
	return each(s, r, event, userdata);
}

static int each_of_id(struct store *store, const struct event_query *query, store_event_fn event,
		      void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EVENTS_OF_ID];
	int r = SQLITE_OK;

	store_bind_number(s, 1, query->id, &r);
	store_bind_number(s, 2, query->before, &r);
	store_bind_number(s, 3, query->since, &r);
	store_bind_number(s, 4, query->until, &r);
	return each(s, r, event, userdata);
}

/* One block of sequences, up to LAST; it costs next to nothing if none of its events is wanted. */
static int each_of_block(struct store *store, const struct event_query *query, uint64_t last,
			 store_event_fn event, void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_HAS_TIME];
	uint64_t has_time = 0;
	int r = SQLITE_OK;

	store_bind_number(s, 1, last >> EVENT_BLOCK_BITS, &r);
	store_bind_number(s, 2, query->since, &r);
	store_bind_number(s, 3, query->until, &r);
	r = store_get_number(s, r, &has_time);
	if (r < 0 || !has_time)
		return r;
	return each_of_run(store, query, last >> EVENT_BLOCK_BITS << EVENT_BLOCK_BITS, last, event,
			   userdata);
}

/* The clock may have been put back, so that no order of times says which sequences to look at. */
static int each_of_time(struct store *store, const struct event_query *query, store_event_fn event,
			void *userdata)
{
	uint64_t first = 0, last = 0, end = query->before;
	int r = store_event_ends(store, &first, &last);

	while (r == 0 && end > first) {
		r = each_of_block(store, query, end - 1, event, userdata);
		end = (end - 1) >> EVENT_BLOCK_BITS << EVENT_BLOCK_BITS;
	}
	return r;
}

/* The events that are in the indexes. */
static int each_indexed(struct store *store, const struct event_query *query, store_event_fn event,
			void *userdata)
{
	if (query->pod)
		return each_of_pod(store, query, event, userdata);
	if (query->has_id)
		return each_of_id(store, query, event, userdata);
	return each_of_time(store, query, event, userdata);
}

int store_each_event(struct store *store, const struct event_query *query, store_event_fn event,
		     void *userdata)
{
	struct event_query indexed = *query;
	uint64_t first;
	int r = store_derive(store, NULL);

	if (r < 0)
		return r;
	first = store->derived.last_indexed + 1;
	if (query->before > first)
		r = each_of_run(store, query, first, query->before - 1, event, userdata);
	if (indexed.before > first)
		indexed.before = first;
	return r == 0 ? each_indexed(store, &indexed, event, userdata) : r;
}

int store_each_event_between(struct store *store, uint64_t first, uint64_t last,
			     store_event_fn event, void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EVENTS_BETWEEN];
	int r = SQLITE_OK;

	store_bind_number(s, 1, first, &r);
	store_bind_number(s, 2, last, &r);
	return each(s, r, event, userdata);
}

struct pruning {
	uint64_t before, most; /* as store_prune_events() has them */
	uint64_t newest;
	uint64_t last; /* to be removed; 0: none */
};

/* Finds the end of what may go, from the oldest event on: no look at one that stays but the first.
 */
static int find_last_to_prune(struct store *store, uint32_t limit, struct pruning *pruning)
{
	sqlite3_stmt *s = store->statements[STATEMENT_OLDEST_EVENTS];
	int r = SQLITE_OK;

	store_bind_number(s, 1, limit, &r);
	while (r == SQLITE_OK || r == SQLITE_ROW) {
		uint64_t sequence, time;

		r = sqlite3_step(s);
		if (r != SQLITE_ROW)
			break;
		sequence = (uint64_t)sqlite3_column_int64(s, 0);
		time = (uint64_t)sqlite3_column_int64(s, 1);
		if (sequence >= pruning->newest ||
		    (time >= pruning->before && pruning->newest - sequence < pruning->most))
			return store_end_use(s, 0);
		pruning->last = sequence;
	}
	return store_end_use(s, r == SQLITE_DONE ? 0 : store_errno(r));
}

int store_prune_events(struct store *store, uint64_t before, uint64_t most, uint32_t limit,
		       uint32_t *ret_n)
{
	sqlite3_stmt *s = store->statements[STATEMENT_DELETE_EVENTS];
	struct pruning pruning = { .before = before, .most = most };
	uint64_t first = 0;
	int r = store_event_ends(store, &first, &pruning.newest);

	if (r == 0)
		r = find_last_to_prune(store, limit, &pruning);
	if (r == 0 && pruning.last > 0) {
		int bound = SQLITE_OK;

		store_bind_number(s, 1, pruning.last, &bound);
		r = store_change(s, bound);
	}
	if (r == 0)
		*ret_n = pruning.last > 0 ? (uint32_t)(pruning.last - first + 1) : 0;
	return r;
}

uint64_t store_n_unindexed(const struct store *store)
{
	return store->derived.last_event - store->derived.last_indexed;
}

int store_index_events(struct store *store, uint32_t most)
{
	sqlite3_stmt *s = store->statements[STATEMENT_INDEX_EVENTS];
	struct store_derived *derived = &store->derived;
	int r = store_before_write(store), bound = SQLITE_OK;
	uint64_t last;

	if (r < 0 || derived->last_indexed == derived->last_event)
		return r;
	last = derived->last_event - derived->last_indexed > most ? derived->last_indexed + most
								  : derived->last_event;
	store_bind_number(s, 1, derived->last_indexed + 1, &bound);
	store_bind_number(s, 2, last, &bound);
	r = store_change(s, bound);
	if (r == 0)
		derived->last_indexed = last;
	return r;
}
