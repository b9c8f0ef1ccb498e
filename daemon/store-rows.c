/* SPDX-License-Identifier: MIT */

/* The statements, and rows to and from allocations. */

#include "store-private.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

#define COLUMNS                                                                                    \
	"start, count, pod, pool, state, origin, namespace, name, client_uid, created_at,"         \
	" released_at, release_order"

/* The row that begins last at or before ?1, which is the only one that can reach over it. */
#define LAST_UP_TO(id) "(SELECT max(start) FROM allocation WHERE start <= " id ")"

static const char *const sql[] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_MARK] = "SAVEPOINT request",
	[STATEMENT_KEEP] = "RELEASE request",
	[STATEMENT_UNDO] = "ROLLBACK TO request",
	[STATEMENT_GET] = "SELECT " COLUMNS " FROM allocation WHERE pod = ?1",
	[STATEMENT_LOOKUP] = "SELECT " COLUMNS " FROM allocation WHERE start = " LAST_UP_TO(
		"?1") " AND start + count > ?1 AND pod IS NOT NULL",
	[STATEMENT_INSERT] = "INSERT INTO allocation (" COLUMNS
			     ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[STATEMENT_UPDATE] =
		"UPDATE allocation SET pod = ?3, pool = ?4, state = ?5, origin = ?6,"
		" namespace = ?7, name = ?8, client_uid = ?9, created_at = ?10,"
		" released_at = ?11, release_order = ?12 WHERE start = ?1 AND count = ?2",
	[STATEMENT_DELETE] = "DELETE FROM allocation WHERE start = ?1",
	[STATEMENT_EACH_FROM] = "SELECT " COLUMNS
				" FROM allocation WHERE start >= ?1 ORDER BY start",
	[STATEMENT_EACH_IN] =
		"SELECT " COLUMNS " FROM allocation WHERE start >= ifnull(" LAST_UP_TO(
			"?1") ", 0) AND start < ?2 AND start + count > ?1 ORDER BY start",
	[STATEMENT_FACTS] = "SELECT (SELECT count(*) FROM allocation WHERE pod IS NOT NULL),"
			    " (SELECT page_count * page_size FROM pragma_page_count,"
			    " pragma_page_size),"
			    " (SELECT user_version FROM pragma_user_version)",
};
_Static_assert(ELEMENTS_OF(sql) == N_STATEMENTS, "a text for each statement");

int store_prepare(struct store *store)
{
	for (size_t i = 0; i < N_STATEMENTS; i++) {
		int r = sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					   &store->statements[i], NULL);

		if (r != SQLITE_OK)
			return r;
	}
	return SQLITE_OK;
}

/* Ends the use of a statement, so that it holds neither a lock nor somebody's text. Hands R on. */
static int end_use(sqlite3_stmt *s, int r)
{
	sqlite3_reset(s);
	if (s)
		sqlite3_clear_bindings(s);
	return r;
}

static void bind_text(sqlite3_stmt *s, int column, const char *text, int *r)
{
	if (*r == SQLITE_OK && *text)
		*r = sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *s, int column, uint64_t number, int *r)
{
	if (*r == SQLITE_OK)
		*r = sqlite3_bind_int64(s, column, (sqlite3_int64)number);
}

/* What is not bound (an empty text, the release of an active allocation) is NULL. */
static int bind_allocation(sqlite3_stmt *s, const struct allocation *a)
{
	int r = SQLITE_OK;

	bind_number(s, 1, a->range.start, &r);
	bind_number(s, 2, a->range.count, &r);
	bind_text(s, 3, a->pod, &r);
	bind_text(s, 4, a->pool, &r);
	bind_number(s, 5, a->state, &r);
	bind_number(s, 6, a->origin, &r);
	bind_text(s, 7, a->namespace, &r);
	bind_text(s, 8, a->name, &r);
	bind_number(s, 9, a->client_uid, &r);
	bind_number(s, 10, a->created_at, &r);
	if (a->state != ALLOCATION_ACTIVE) {
		bind_number(s, 11, a->released_at, &r);
		bind_number(s, 12, a->release_order, &r);
	}
	return r;
}

/* The schema bounds pods; a text that is too long for its field means a damaged row. */
static bool read_text(sqlite3_stmt *s, int column, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	size_t length = (size_t)sqlite3_column_bytes(s, column);

	if (!text) {
		*ret = 0;
		return sqlite3_column_type(s, column) == SQLITE_NULL;
	}
	if (length >= size || strlen(text) != length)
		return false;
	memcpy(ret, text, length + 1);
	return true;
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
	};

	if (!id_range_valid(a.range) || a.state >= N_ALLOCATION_STATES ||
	    a.origin >= N_ALLOCATION_ORIGINS || !read_text(s, 2, a.pod, sizeof(a.pod)) ||
	    !read_text(s, 3, a.pool, sizeof(a.pool)) ||
	    !read_text(s, 6, a.namespace, sizeof(a.namespace)) ||
	    !read_text(s, 7, a.name, sizeof(a.name)))
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
	return end_use(s, r);
}

int store_get(struct store *store, const char *pod, struct allocation *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_GET];
	int r = SQLITE_OK;

	bind_text(s, 1, pod, &r);
	return read_one(s, r, ret);
}

int store_lookup(struct store *store, uint32_t id, struct allocation *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_LOOKUP];
	int r = SQLITE_OK;

	bind_number(s, 1, id, &r);
	return read_one(s, r, ret);
}

/* Runs a statement that changes one row. */
static int change_one(struct store *store, sqlite3_stmt *s, int bound)
{
	int r = bound == SQLITE_OK ? sqlite3_step(s) : bound;

	if (r == SQLITE_DONE)
		r = sqlite3_changes(store->db) > 0 ? 0 : STORE_E_NOT_FOUND;
	else
		r = (r & 0xff) == SQLITE_CONSTRAINT ? (int)STORE_E_CONFLICT : store_errno(r);
	return end_use(s, r);
}

int store_insert(struct store *store, const struct allocation *allocation)
{
	sqlite3_stmt *s = store->statements[STATEMENT_INSERT];

	return change_one(store, s, bind_allocation(s, allocation));
}

int store_update(struct store *store, const struct allocation *allocation)
{
	sqlite3_stmt *s = store->statements[STATEMENT_UPDATE];

	return change_one(store, s, bind_allocation(s, allocation));
}

int store_delete(struct store *store, uint32_t start)
{
	sqlite3_stmt *s = store->statements[STATEMENT_DELETE];
	int r = SQLITE_OK;

	bind_number(s, 1, start, &r);
	return change_one(store, s, r);
}

static int each(sqlite3_stmt *s, int bound, store_row_fn row, void *userdata)
{
	int r = bound == SQLITE_OK ? 0 : store_errno(bound);

	while (r == 0) {
		struct allocation allocation;

		r = sqlite3_step(s);
		if (r == SQLITE_DONE)
			return end_use(s, 0);
		r = r == SQLITE_ROW ? read_row(s, &allocation) : store_errno(r);
		if (r == 0)
			r = row(&allocation, userdata);
	}
	return end_use(s, r);
}

int store_each_from(struct store *store, uint32_t first, store_row_fn row, void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EACH_FROM];
	int r = SQLITE_OK;

	bind_number(s, 1, first, &r);
	return each(s, r, row, userdata);
}

int store_each_in(struct store *store, struct id_range range, store_row_fn row, void *userdata)
{
	sqlite3_stmt *s = store->statements[STATEMENT_EACH_IN];
	int r = SQLITE_OK;

	bind_number(s, 1, range.start, &r);
	bind_number(s, 2, id_range_end(range), &r);
	return each(s, r, row, userdata);
}

int store_get_facts(struct store *store, struct store_facts *ret)
{
	sqlite3_stmt *s = store->statements[STATEMENT_FACTS];
	int r = sqlite3_step(s);

	if (r != SQLITE_ROW)
		return end_use(s, store_errno(r));
	*ret = (struct store_facts){
		.path = store->path,
		.n_allocations = (uint64_t)sqlite3_column_int64(s, 0),
		.size = (uint64_t)sqlite3_column_int64(s, 1),
		.schema = sqlite3_column_int(s, 2),
	};
	return end_use(s, 0);
}
