/* SPDX-License-Identifier: MIT */

/* What is kept beside allocations and events: the clock, the pools, and facts of the whole. */

#include "store-private.h"

#include <errno.h>

int store_get_clock(struct store *store, struct store_clock *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_GET_CLOCK];
	struct store_clock clock = {};
	int r = sqlite3_step(s);

	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return store_end_use(s, store_errno(r));
	if (r == SQLITE_ROW) {
		if (!store_read_text(s, 0, clock.boot, sizeof(clock.boot)))
			return store_end_use(s, -EUCLEAN);
		clock.offset = sqlite3_column_int64(s, 1);
		clock.last = (uint64_t)sqlite3_column_int64(s, 2);
	}
	*ret = clock;
	return store_end_use(s, 0);
}

int store_set_clock(struct store *store, const struct store_clock *clock)
{
	sqlite3_stmt *s = store->statements[STATEMENT_SET_CLOCK];
	int r = SQLITE_OK;

	store_bind_text(s, 1, clock->boot, &r);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(s, 2, clock->offset);
	store_bind_number(s, 3, clock->last, &r);
	return store_change(s, r);
}

int store_last_clock(struct store *store, uint64_t *ret)
{
	return store_get_number(store->statements[STATEMENT_LAST_CLOCK], SQLITE_OK, ret);
}

int store_get_restored(struct store *store, struct store_restored *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_GET_RESTORED];
	struct store_restored restored = {};
	int r = sqlite3_step(s);

	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return store_end_use(s, store_errno(r));
	if (r == SQLITE_ROW) {
		restored.release_order = (uint64_t)sqlite3_column_int64(s, 0);
		restored.is_unproven = sqlite3_column_int(s, 1) == 0;
	}
	*ret = restored;
	return store_end_use(s, 0);
}

int store_set_proven(struct store *store)
{
	return store_change(store->statements[STATEMENT_SET_PROVEN], SQLITE_OK);
}

int store_get_pool(struct store *store, const char *name, struct store_pool *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_GET_POOL];
	struct store_pool pool = {};
	int r = SQLITE_OK;

	store_bind_text(s, 1, name, &r);
	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_DONE)
		return store_end_use(s, STORE_E_NOT_FOUND);
	if (r != SQLITE_ROW)
		return store_end_use(s, store_errno(r));
	if (!store_read_text(s, 0, pool.name, sizeof(pool.name)))
		return store_end_use(s, -EUCLEAN);
	pool.range.start = (uint32_t)sqlite3_column_int64(s, 1);
	pool.range.count = (uint32_t)sqlite3_column_int64(s, 2);
	pool.unit = (uint32_t)sqlite3_column_int64(s, 3);
	*ret = pool;
	return store_end_use(s, 0);
}

int store_put_pool(struct store *store, const struct store_pool *pool)
{
	sqlite3_stmt *s = store->statements[STATEMENT_PUT_POOL];
	int r = SQLITE_OK;

	store_bind_text(s, 1, pool->name, &r);
	store_bind_number(s, 2, pool->range.start, &r);
	store_bind_number(s, 3, pool->range.count, &r);
	store_bind_number(s, 4, pool->unit, &r);
	return store_change(s, r);
}

int store_get_facts(struct store *store, struct store_facts *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_FACTS];
	int r = store_derive(store, NULL);
	uint64_t first, last = store->derived.last_event;

	if (r < 0)
		return r;
	r = sqlite3_step(s);
	if (r != SQLITE_ROW)
		return store_end_use(s, store_errno(r));
	first = (uint64_t)sqlite3_column_int64(s, 2);
	*ret = (struct store_facts){
		.path = store->path,
		.n_allocations = store->derived.pods.n_items,
		.size = (uint64_t)sqlite3_column_int64(s, 0),
		.schema = STORE_VERSION_OF(sqlite3_column_int(s, 1)),
		.n_events = last > 0 ? last - first + 1 : 0,
	};
	return store_end_use(s, 0);
}
