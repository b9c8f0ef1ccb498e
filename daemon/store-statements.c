/* SPDX-License-Identifier: MIT */

/* The statements, and what is given to them and read from them. */

#include "store-private.h"

#include "cleanup.h"

#include <string.h>

#define EVENT_COLUMNS                                                                              \
	"sequence, time, kind, cause, pod, pool, start, count, namespace, name, client_uid,"       \
	" client_pid, pid, other_pod"

#define COLUMNS                                                                                    \
	"start, count, pod, pool, state, origin, namespace, name, client_uid, created_at,"         \
	" released_at, release_order, clock, pid, process_start, boot"

/* The row that begins last at or before ?1, which is the only one that can reach over it. */
#define LAST_UP_TO(id) "(SELECT max(start) FROM allocation WHERE start <= " id ")"

/*
 * The ranges that hold ?1 and have events, each found by a seek: from one count to the next, and
 * from one start to the one before.
 */
#define SIZES_AND_RANGES                                                                           \
	"WITH RECURSIVE size (count) AS (SELECT min(count) FROM event"                             \
	"  WHERE block IS NOT NULL AND count > 0"                                                  \
	" UNION ALL SELECT (SELECT min(count) FROM event"                                          \
	"  WHERE block IS NOT NULL AND count > size.count) FROM size"                              \
	"  WHERE size.count IS NOT NULL),"                                                         \
	"range (count, start) AS MATERIALIZED (SELECT count, (SELECT max(start) FROM event AS e"   \
	"  WHERE block IS NOT NULL AND e.count = size.count AND start <= ?1"                       \
	"  AND start > ?1 - size.count) FROM size"                                                 \
	" UNION ALL SELECT count, (SELECT max(start) FROM event AS e"                              \
	"  WHERE block IS NOT NULL AND e.count = range.count"                                      \
	"  AND e.start < range.start AND e.start > ?1 - range.count) FROM range"                   \
	"  WHERE start IS NOT NULL),"

/* The newest event of them below a sequence, then the newest below that one: nothing is sorted. */
#define NEWEST_BELOW(sequence)                                                                     \
	"(SELECT max((SELECT max(sequence) FROM event AS e"                                        \
	" WHERE block IS NOT NULL AND e.count = range.count"                                       \
	" AND e.start = range.start AND e.sequence < " sequence                                    \
	" AND e.time BETWEEN ?3 AND ?4)) FROM range WHERE start IS NOT NULL)"
#define EVENTS_OF_ID                                                                               \
	"hit (last) AS (SELECT " NEWEST_BELOW("?2") " UNION ALL SELECT " NEWEST_BELOW(             \
		"hit.last") " FROM hit WHERE last IS NOT NULL)"                                    \
			    " SELECT " EVENT_COLUMNS                                               \
			    " FROM hit CROSS JOIN event ON sequence = last"                        \
			    " WHERE pod IS NOT NULL"

static const char *const sql[] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_MARK] = "SAVEPOINT request",
	[STATEMENT_KEEP] = "RELEASE request",
	[STATEMENT_UNDO] = "ROLLBACK TO request",
	[STATEMENT_GET_AT] = "SELECT " COLUMNS " FROM allocation WHERE start = ?1",
	[STATEMENT_POD_AT] = "SELECT pod FROM allocation WHERE start = ?1",
	[STATEMENT_PODS] = "SELECT start, count, pod FROM allocation ORDER BY start",
	[STATEMENT_LOOKUP] = "SELECT " COLUMNS " FROM allocation WHERE start = " LAST_UP_TO(
		"?1") " AND start + count > ?1 AND pod IS NOT NULL",
	[STATEMENT_INSERT] =
		"INSERT INTO allocation (" COLUMNS
		") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
		" ?15, ?16)",
	[STATEMENT_UPDATE] = "UPDATE allocation SET pod = ?3, pool = ?4, state = ?5, origin = ?6,"
			     " namespace = ?7, name = ?8, client_uid = ?9, created_at = ?10,"
			     " released_at = ?11, release_order = ?12, clock = ?13, pid = ?14,"
			     " process_start = ?15, boot = ?16 WHERE start = ?1 AND count = ?2",
	[STATEMENT_DELETE] = "DELETE FROM allocation WHERE start = ?1",
	[STATEMENT_EACH_FROM] = "SELECT " COLUMNS
				" FROM allocation WHERE start >= ?1 ORDER BY start",
	[STATEMENT_EACH_IN] =
		"SELECT " COLUMNS " FROM allocation WHERE start >= ifnull(" LAST_UP_TO(
			"?1") ", 0) AND start < ?2 AND start + count > ?1 ORDER BY start",
	[STATEMENT_EACH_DRAINING] = "SELECT " COLUMNS
				    " FROM allocation INDEXED BY allocation_draining"
				    " WHERE state = 1 AND release_order >= ?1"
				    " ORDER BY release_order",
	[STATEMENT_EACH_BOUND] = "SELECT " COLUMNS " FROM allocation INDEXED BY allocation_bound"
				 " WHERE pid IS NOT NULL AND start >= ?1 ORDER BY start",
	[STATEMENT_EACH_KUBELET] = "SELECT " COLUMNS
				   " FROM allocation INDEXED BY allocation_kubelet"
				   " WHERE origin = 1 AND state = 0 AND start >= ?1 ORDER BY start",
	[STATEMENT_LAST_CLOCK] = "SELECT ifnull(max(clock), 0) FROM allocation",
	[STATEMENT_INSERT_EVENT] =
		"INSERT INTO event (" EVENT_COLUMNS
		") VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	[STATEMENT_EVENT_ENDS] = "SELECT (SELECT min(sequence) FROM event),"
				 " (SELECT max(sequence) FROM event)",
	[STATEMENT_EVENTS_OF_POD] =
		"SELECT " EVENT_COLUMNS " FROM event INDEXED BY event_pod"
		" WHERE block IS NOT NULL AND pod = ?1 AND sequence < ?2 AND time BETWEEN ?3 AND ?4 ORDER BY sequence DESC",
	[STATEMENT_EVENTS_OF_ID] = SIZES_AND_RANGES EVENTS_OF_ID,
	[STATEMENT_EVENTS_OF_RUN] =
		"SELECT " EVENT_COLUMNS " FROM event WHERE sequence BETWEEN ?1 AND ?2"
		" AND time BETWEEN ?3 AND ?4 AND (?5 IS NULL OR pod = ?5)"
		" AND (?6 IS NULL OR (pod IS NOT NULL AND start <= ?6 AND start + count > ?6))"
		" ORDER BY sequence DESC",
	[STATEMENT_HAS_TIME] = "SELECT EXISTS (SELECT 1 FROM event INDEXED BY event_time"
			       " WHERE block = ?1 AND time BETWEEN ?2 AND ?3)",
	[STATEMENT_EVENTS_BETWEEN] = "SELECT " EVENT_COLUMNS
				     " FROM event WHERE sequence BETWEEN ?1 AND ?2"
				     " ORDER BY sequence",
	[STATEMENT_OLDEST_EVENTS] = "SELECT sequence, time FROM event ORDER BY sequence LIMIT ?1",
	[STATEMENT_DELETE_EVENTS] = "DELETE FROM event WHERE sequence <= ?1",
	[STATEMENT_INDEX_EVENTS] =
		"UPDATE event SET block = sequence >> 10 WHERE sequence BETWEEN ?1 AND ?2",
	[STATEMENT_LAST_INDEXED] =
		"SELECT ifnull(max(sequence), 0) FROM event INDEXED BY event_time"
		" WHERE block = (SELECT max(block) FROM event INDEXED BY event_time"
		"  WHERE block IS NOT NULL)",
	[STATEMENT_GET_CLOCK] = "SELECT boot, offset, last FROM clock",
	[STATEMENT_SET_CLOCK] =
		"INSERT OR REPLACE INTO clock (only, boot, offset, last) VALUES (1, ?1, ?2, ?3)",
	[STATEMENT_GET_RESTORED] = "SELECT release_order, is_proven FROM restored",
	[STATEMENT_SET_PROVEN] = "UPDATE restored SET is_proven = 1",
	[STATEMENT_GET_POOL] = "SELECT name, start, count, unit FROM pool WHERE name = ?1",
	[STATEMENT_PUT_POOL] =
		"INSERT OR REPLACE INTO pool (name, start, count, unit) VALUES (?1, ?2, ?3, ?4)",
	[STATEMENT_FACTS] = "SELECT (SELECT page_count * page_size FROM pragma_page_count,"
			    " pragma_page_size),"
			    " (SELECT user_version FROM pragma_user_version),"
			    " (SELECT min(sequence) FROM event)",
	[STATEMENT_PAGES] = "PRAGMA page_count",
	[STATEMENT_FREE_PAGES] = "PRAGMA freelist_count",
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

int store_end_use(sqlite3_stmt *s, int r)
{
	sqlite3_reset(s);
	if (s)
		sqlite3_clear_bindings(s);
	return r;
}

void store_bind_text(sqlite3_stmt *s, int column, const char *text, int *r)
{
	if (*r == SQLITE_OK && *text)
		*r = sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

void store_bind_number(sqlite3_stmt *s, int column, uint64_t number, int *r)
{
	if (*r == SQLITE_OK)
		*r = sqlite3_bind_int64(s, column,
					number < INT64_MAX ? (int64_t)number : INT64_MAX);
}

bool store_read_text(sqlite3_stmt *s, int column, char *ret, size_t size)
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

int store_change(sqlite3_stmt *s, int bound)
{
	int r = bound == SQLITE_OK ? sqlite3_step(s) : bound;

	if (r == SQLITE_DONE)
		r = 0;
	else
		r = (r & 0xff) == SQLITE_CONSTRAINT ? (int)STORE_E_CONFLICT : store_errno(r);
	return store_end_use(s, r);
}

int store_get_number(sqlite3_stmt *s, int bound, uint64_t *ret)
{
	int r = bound == SQLITE_OK ? sqlite3_step(s) : bound;

	if (r == SQLITE_ROW) {
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
		r = 0;
	} else {
		r = store_errno(r);
	}
	return store_end_use(s, r);
}
