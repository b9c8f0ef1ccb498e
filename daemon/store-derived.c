/* SPDX-License-Identifier: MIT */

/* What is kept in memory beside the database: where each pod's row is, and the ends of the history.
 */

#include "store-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define WRITES_PER_LOOK 64 /* of less than a page each, with what they do to indexes */

/* Adds a row's pod; the rows come in the order of their start. */
static int add_pod(struct store *store, sqlite3_stmt *s, uint64_t *end, char *ret_what)
{
	uint32_t start = (uint32_t)sqlite3_column_int64(s, 0);
	const char *pod = (const char *)sqlite3_column_text(s, 2);
	struct allocation other;
	int r;

	if (start < *end) {
		snprintf(ret_what, STORE_WHAT_SIZE, "two allocations have ID %u", start);
		return STORE_E_CORRUPT;
	}
	*end = start + (uint64_t)sqlite3_column_int64(s, 1);
	if (!pod)
		return sqlite3_column_type(s, 2) == SQLITE_NULL ? 0 : -ENOMEM;
	r = store_get(store, pod, &other);
	if (r == 0) {
		snprintf(ret_what, STORE_WHAT_SIZE, "the pod %.128s has two allocations", pod);
		return STORE_E_CORRUPT;
	}
	if (r < 0)
		return r;
	return pod_index_add(&store->derived.pods, pod, start);
}

static int add_pods(struct store *store, char *ret_what)
{
	sqlite3_stmt *s = store->statements[STATEMENT_PODS];
	uint64_t end = 0;
	int r = 0;

	pod_index_done(&store->derived.pods);
	while (r == 0) {
		r = sqlite3_step(s);
		if (r == SQLITE_DONE)
			return store_end_use(s, 0);
		r = r == SQLITE_ROW ? add_pod(store, s, &end, ret_what) : store_errno(r);
	}
	return store_end_use(s, r);
}

static int find_ends(struct store *store)
{
	struct store_derived *derived = &store->derived;
	uint64_t first = 0;
	int r = store_event_ends(store, &first, &derived->last_event);

	if (r == 0)
		r = store_get_number(store->statements[STATEMENT_LAST_INDEXED], SQLITE_OK,
				     &derived->last_indexed);
	/* those before the first one have been removed */
	if (r == 0 && first > 0 && derived->last_indexed < first - 1)
		derived->last_indexed = first - 1;
	return r;
}

static int derive(struct store *store, char *ret_what)
{
	struct store_derived *derived = &store->derived;
	int r = 0;

	if (derived->pods.seed == 0 &&
	    getrandom(&derived->pods.seed, sizeof(derived->pods.seed), 0) < 0)
		r = -errno;
	if (r == 0)
		r = add_pods(store, ret_what);
	return r == 0 ? find_ends(store) : r;
}

/* Rows that nobody can make sense of are damage, for all but the one who opens the database. */
int store_derive(struct store *store, char *ret_what)
{
	char what[STORE_WHAT_SIZE];
	int r;

	/* an error can make SQLite undo the whole transaction */
	if (store->has_changed && !store_in_transaction(store))
		store->derived.is_stale = true;
	if (!store->derived.is_stale)
		return 0;
	store->has_changed = store_in_transaction(store);
	store->derived.is_stale = false; /* it asks for rows by itself */
	r = derive(store, ret_what ? ret_what : what);
	store->derived.is_stale = r != 0;
	return r > 0 && !ret_what ? -EUCLEAN : r;
}

/* A transaction may be as large as it likes, as long as there is room for the next few rows. */
int store_before_write(struct store *store)
{
	int r = store_derive(store, NULL);

	if (r == 0 && ++store->n_writes % WRITES_PER_LOOK == 0)
		r = store_ensure_room(store);
	store->has_changed = true;
	return r;
}

/* The pod of the row at START as it is now, empty if there is none. */
static int get_pod(struct store *store, uint32_t start, char (*ret)[POD_KEY_MAX + 1])
{
	sqlite3_stmt *s = store->statements[STATEMENT_POD_AT];
	int r = SQLITE_OK;

	(*ret)[0] = 0;
	store_bind_number(s, 1, start, &r);
	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r != SQLITE_ROW)
		return store_end_use(s, r == SQLITE_DONE ? 0 : store_errno(r));
	return store_end_use(s, store_read_text(s, 0, *ret, sizeof(*ret)) ? 0 : -EUCLEAN);
}

int store_derived_delete(struct store *store, uint32_t start)
{
	char pod[POD_KEY_MAX + 1];
	int r = store_before_write(store);

	if (r == 0)
		r = get_pod(store, start, &pod);
	if (r != 0)
		return r;
	if (*pod)
		pod_index_remove(&store->derived.pods, pod, start);
	return 0;
}

/* Does another row have the pod? */
static int check_pod(struct store *store, const struct allocation *allocation)
{
	struct allocation other;
	int r = *allocation->pod ? store_get(store, allocation->pod, &other) : STORE_E_NOT_FOUND;

	if (r == 0)
		return STORE_E_CONFLICT;
	return r < 0 ? r : 0;
}

static int add_row(struct store *store, const struct allocation *allocation)
{
	int r = pod_index_add(&store->derived.pods, allocation->pod, allocation->range.start);

	if (r < 0)
		store->derived.is_stale = true;
	return r;
}

int store_derived_insert(struct store *store, const struct allocation *allocation)
{
	int r = store_before_write(store);

	if (r == 0)
		r = check_pod(store, allocation);
	if (r != 0 || !*allocation->pod)
		return r;
	return add_row(store, allocation);
}

int store_derived_update(struct store *store, const struct allocation *allocation)
{
	int r = store_before_write(store);

	if (r == 0 && *allocation->pod &&
	    pod_index_has(&store->derived.pods, allocation->pod, allocation->range.start))
		return 0;
	if (r == 0)
		r = check_pod(store, allocation);
	if (r == 0)
		r = store_derived_delete(store, allocation->range.start);
	if (r != 0 || !*allocation->pod)
		return r;
	return add_row(store, allocation);
}
