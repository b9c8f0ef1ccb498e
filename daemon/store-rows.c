/* SPDX-License-Identifier: MIT */

/* Rows to and from allocations. */

#include "store-private.h"

#include <errno.h>
#include <string.h>

/* What is not bound (an empty text, no process, the release of an active allocation) is NULL. */
static int bind_allocation(sqlite3_stmt *s, const struct allocation *a)
{
	int r = SQLITE_OK;

	store_bind_number(s, 1, a->range.start, &r);
	store_bind_number(s, 2, a->range.count, &r);
	store_bind_text(s, 3, a->pod, &r);
	store_bind_text(s, 4, a->pool, &r);
	store_bind_number(s, 5, a->state, &r);
	store_bind_number(s, 6, a->origin, &r);
	store_bind_text(s, 7, a->namespace, &r);
	store_bind_text(s, 8, a->name, &r);
	store_bind_number(s, 9, a->client_uid, &r);
	store_bind_number(s, 10, a->created_at, &r);
	if (a->state != ALLOCATION_ACTIVE) {
		store_bind_number(s, 11, a->released_at, &r);
		store_bind_number(s, 12, a->release_order, &r);
		store_bind_number(s, 13, a->clock, &r);
	}
	if (a->process.pid != 0) {
		store_bind_number(s, 14, a->process.pid, &r);
		store_bind_number(s, 15, a->process.start, &r);
		store_bind_text(s, 16, a->process.boot, &r);
	}
	return r;
}

static int read_row(sqlite3_stmt *s, struct allocation *ret)
{
	struct allocation a = {
		.range.start = (uint32_t)sqlite3_column_int64(s, 0),
		.range.count = (uint32_t)sqlite3_column_int64(s, 1),
		.state = (enum allocation_state)sqlite3_column_int(s, 4),
		.origin = (enum allocation_origin)sqlite3_column_int(s, 5),
		.client_uid = (uint32_t)sqlite3_column_int64(s, 8),
		.created_at = (uint64_t)sqlite3_column_int64(s, 9),
		.released_at = (uint64_t)sqlite3_column_int64(s, 10),
		.release_order = (uint64_t)sqlite3_column_int64(s, 11),
		.clock = (uint64_t)sqlite3_column_int64(s, 12),
		.process.pid = (uint32_t)sqlite3_column_int64(s, 13),
		.process.start = (uint64_t)sqlite3_column_int64(s, 14),
	};

	if (!id_range_valid(a.range) || a.state >= N_ALLOCATION_STATES ||
	    a.origin >= N_ALLOCATION_ORIGINS || !store_read_text(s, 2, a.pod, sizeof(a.pod)) ||
	    !store_read_text(s, 3, a.pool, sizeof(a.pool)) ||
	    !store_read_text(s, 6, a.namespace, sizeof(a.namespace)) ||
	    !store_read_text(s, 7, a.name, sizeof(a.name)) ||
	    !store_read_text(s, 15, a.process.boot, sizeof(a.process.boot)))
		return -EUCLEAN;
	*ret = a;
	return 0;
}

/* Steps to the one row of a query that was bound with the result BOUND. */
static int read_one(sqlite3_stmt *s, int bound, struct allocation *ret)
{
	int r = bound == SQLITE_OK ? sqlite3_step(s) : bound;

	if (r == SQLITE_DONE)
		r = STORE_E_NOT_FOUND;
	else
		r = r == SQLITE_ROW ? read_row(s, ret) : store_errno(r);
	return store_end_use(s, r);
}

static int get_at(struct store *store, uint32_t start, struct allocation *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_GET_AT];
	int r = SQLITE_OK;

	store_bind_number(s, 1, start, &r);
	return read_one(s, r, ret);
}

int store_get(struct store *store, const char *pod, struct allocation *ret)
{
	struct allocation row;
	uint32_t start;
	size_t at = 0;
	int r = store_derive(store, NULL);

	if (r != 0)
		return r;
	while (pod_index_next(&store->derived.pods, pod, &at, &start)) {
		r = get_at(store, start, &row);
		if (r != 0)
			return r < 0 ? r : -EUCLEAN;
		if (strcmp(row.pod, pod) == 0) {
			*ret = row;
			return 0;
		}
	}
	return STORE_E_NOT_FOUND;
}

int store_lookup(struct store *store, uint32_t id, struct allocation *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_LOOKUP];
	int r = SQLITE_OK;

	store_bind_number(s, 1, id, &r);
	return read_one(s, r, ret);
}

/* Runs a statement that changes one row, once the index of pods has taken it. */
static int change_one(struct store *store, sqlite3_stmt *s, int bound)
{
	int r = store_change(s, bound);

	if (r != 0)
		store->derived.is_stale = true;
	return r == 0 && sqlite3_changes(store->db) == 0 ? (int)STORE_E_NOT_FOUND : r;
}

static int write_row(struct store *store, enum statement statement, int derived,
		     const struct allocation *allocation)
{
	sqlite3_stmt *s = store->statements[statement];

	return derived != 0 ? derived : change_one(store, s, bind_allocation(s, allocation));
}

int store_insert(struct store *store, const struct allocation *allocation)
{
	return write_row(store, STATEMENT_INSERT, store_derived_insert(store, allocation),
			 allocation);
}

int store_update(struct store *store, const struct allocation *allocation)
{
	return write_row(store, STATEMENT_UPDATE, store_derived_update(store, allocation),
			 allocation);
}

int store_delete(struct store *store, uint32_t start)
{
	sqlite3_stmt *s = store->statements[STATEMENT_DELETE];
	int r = store_derived_delete(store, start);

	if (r != 0)
		return r;
	store_bind_number(s, 1, start, &r);
	return change_one(store, s, r);
}

static int each(sqlite3_stmt *s, int bound, store_row_fn row, void *userdata)
{
	int r = bound == SQLITE_OK ? 0 : store_errno(bound);

	while (r == 0) {
		struct allocation allocation;

		r = sqlite3_step(s);
		if (r == SQLITE_DONE)
			return store_end_use(s, 0);
		r = r == SQLITE_ROW ? read_row(s, &allocation) : store_errno(r);
		if (r == 0)
			r = row(&allocation, userdata);
	}
	return store_end_use(s, r);
}

static int each_from(struct store *store, enum statement statement, uint64_t first,
		     store_row_fn row, void *userdata)
{
	sqlite3_stmt *s = store->statements[statement];
	int r = SQLITE_OK;

	store_bind_number(s, 1, first, &r);
	return each(s, r, row, userdata);
}

int store_each_from(struct store *store, uint32_t first, store_row_fn row, void *userdata)
{
	return each_from(store, STATEMENT_EACH_FROM, first, row, userdata);
}

int store_each_draining(struct store *store, uint64_t first, store_row_fn row, void *userdata)
{
	return each_from(store, STATEMENT_EACH_DRAINING, first, row, userdata);
}

int store_each_bound(struct store *store, uint32_t first, store_row_fn row, void *userdata)
{
	return each_from(store, STATEMENT_EACH_BOUND, first, row, userdata);
}

int store_each_kubelet(struct store *store, uint32_t first, store_row_fn row, void *userdata)
{
	return each_from(store, STATEMENT_EACH_KUBELET, first, row, userdata);
}

int store_each_in(struct store *store, struct id_range range, store_row_fn row, void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EACH_IN];
	int r = SQLITE_OK;

	store_bind_number(s, 1, range.start, &r);
	store_bind_number(s, 2, id_range_end(range), &r);
	return each(s, r, row, userdata);
}
