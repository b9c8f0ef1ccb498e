/* SPDX-License-Identifier: MIT */

/* The schema alone, through sqlite3's own interface on the daemon's file. */

#include "store-folder.h"

#include "store.h"

#include <sqlite3.h>

#define U "65536"
#define COLUMNS "(start, count, pod, pool, state, origin, client_uid, created_at)"

static sqlite3 *db;

static int make(void **state)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store;

	(void)state;
	folder_make(&folder);
	assert_int_equal(store_open(folder.path, &store, &message), 0);
	store_free(store);
	db = open_database();
	assert_int_equal(sqlite3_exec(db,
				      "INSERT INTO allocation " COLUMNS " VALUES"
				      " (131072, 65536, 'a', 'p', 0, 0, 0, 0),"
				      " (262144, 65536, 'b', 'p', 0, 0, 0, 0)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	folder_remove(&folder);
	return 0;
}

/* Must not be possible, and must leave the two rows as they are. */
static const char *const refused[] = {
	/* a unit of two owners, in every way to write */
	"INSERT INTO allocation " COLUMNS " VALUES (131072, 65536, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (131073, 1, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (65536, 131072, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (65536, 65537, 'c', 'p', 0, 0, 0, 0)",
	"INSERT OR REPLACE INTO allocation " COLUMNS
	" VALUES (131072, 65536, 'c', 'p', 0, 0, 0, 0)",
	"INSERT OR REPLACE INTO allocation " COLUMNS
	" VALUES (131072, 65536, 'a', 'p', 0, 0, 0, 0)",
	"INSERT OR REPLACE INTO allocation " COLUMNS " VALUES (131073, 1, 'c', 'p', 0, 0, 0, 0)",
	"REPLACE INTO allocation " COLUMNS " VALUES (65536, 131072, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (131072, 65536, 'c', 'p', 0, 0, 0, 0)"
	" ON CONFLICT DO UPDATE SET pod = 'c'",
	"INSERT INTO allocation " COLUMNS " VALUES"
	" (524288, 65536, 'c', 'p', 0, 0, 0, 0), (589823, 65536, 'd', 'p', 0, 0, 0, 0)",
	/* a start that SQLite would make up */
	"INSERT INTO allocation " COLUMNS " VALUES (NULL, 65536, 'c', 'p', 0, 0, 0, 0)",
	"INSERT OR REPLACE INTO allocation " COLUMNS " VALUES (NULL, 1, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation (count, pod, pool, state, origin, client_uid, created_at)"
	" VALUES (65536, 'c', 'p', 0, 0, 0, 0)",
	/* a range that changes */
	"UPDATE allocation SET start = 524288 WHERE pod = 'a'",
	"UPDATE allocation SET count = 1 WHERE pod = 'a'",
	"UPDATE allocation SET count = count * 2",
	"UPDATE OR REPLACE allocation SET start = 131072 WHERE pod = 'b'",
	"UPDATE allocation SET rowid = 131073 WHERE pod = 'b'",
	"UPDATE allocation SET _rowid_ = 524288 WHERE pod = 'b'",
	"UPDATE OR REPLACE allocation SET oid = 131072 WHERE pod = 'b'",
	/* values */
	"INSERT INTO allocation " COLUMNS " VALUES (-1, 65536, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (-65536, 65536, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, -1, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 0, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, NULL, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 'x', 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288.5, 1, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (4294967295, 1, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (4294901760, 65536, 'c', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, '', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, '../x', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, x'61', 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, NULL, 'p', 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', NULL, 0, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', 'p', 3, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', 'p', -1, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', 'p', 2, 0, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', 'p', 0, 2, 0, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', 'p', 0, 0, -1, 0)",
	"INSERT INTO allocation " COLUMNS " VALUES (524288, 1, 'c', 'p', 0, 0, 4294967296, 0)",
	"UPDATE allocation SET state = 1 WHERE pod = 'a'",
	"UPDATE allocation SET released_at = 1 WHERE pod = 'a'",
	"UPDATE allocation SET clock = 1 WHERE pod = 'a'",
	"UPDATE allocation SET state = 2, clock = 1, released_at = 1, release_order = 0"
	" WHERE pod = 'a'",
	"UPDATE allocation SET state = 2, released_at = 1, release_order = 1 WHERE pod = 'a'",
	"UPDATE allocation SET state = 2, clock = -1, released_at = 1, release_order = 1"
	" WHERE pod = 'a'",
	/* a process in part, one that cannot be, one of a row that is not active */
	"UPDATE allocation SET pid = 1 WHERE pod = 'a'",
	"UPDATE allocation SET process_start = 1 WHERE pod = 'a'",
	"UPDATE allocation SET boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET pid = 1, process_start = 1 WHERE pod = 'a'",
	"UPDATE allocation SET pid = 1, boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET process_start = 1, boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET pid = 0, process_start = 1, boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET pid = 4294967296, process_start = 1, boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET pid = 1, process_start = -1, boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET pid = 1, process_start = 1, boot = '' WHERE pod = 'a'",
	"UPDATE allocation SET pid = 1, process_start = 1, boot = printf('%37d', 1) WHERE pod = 'a'",
	"UPDATE allocation SET state = 1, clock = 1, released_at = 1, release_order = 1, pid = 1,"
	" process_start = 1, boot = 'x' WHERE pod = 'a'",
	"UPDATE allocation SET pod = NULL WHERE pod = 'a'",
	/* events */
	"INSERT INTO event (sequence, time, kind, cause) VALUES (0, 0, 0, 0)",
	"INSERT INTO event (sequence, time, kind, cause) VALUES (-1, 0, 0, 0)",
	"INSERT INTO event (time, kind, cause) VALUES (NULL, 0, 0)",
	"INSERT INTO event (time, kind, cause) VALUES (-1, 0, 0)",
	"INSERT INTO event (time, kind, cause) VALUES (0, NULL, 0)",
	"INSERT INTO event (time, kind, cause) VALUES (0, -1, 0)",
	"INSERT INTO event (time, kind, cause) VALUES (0, 'x', 0)",
	"INSERT INTO event (time, kind, cause) VALUES (0, 0, NULL)",
	"INSERT INTO event (time, kind, cause) VALUES (0, 0, -1)",
	"INSERT INTO event (time, kind, cause, start) VALUES (0, 0, 0, 1)",
	"INSERT INTO event (time, kind, cause, count) VALUES (0, 0, 0, 1)",
	"INSERT INTO event (time, kind, cause, start, count) VALUES (0, 0, 0, 1, 0)",
	"INSERT INTO event (time, kind, cause, start, count) VALUES (0, 0, 0, -1, 1)",
	"INSERT INTO event (time, kind, cause, start, count) VALUES (0, 0, 0, 1, 4294967295)",
	"INSERT INTO event (time, kind, cause, client_uid) VALUES (0, 0, 0, 1)",
	"INSERT INTO event (time, kind, cause, client_pid) VALUES (0, 0, 0, 1)",
	"INSERT INTO event (time, kind, cause, client_uid, client_pid) VALUES (0, 0, 0, -1, 1)",
	"INSERT INTO event (time, kind, cause, client_uid, client_pid) VALUES"
	" (0, 0, 0, 1, 4294967296)",
	"INSERT INTO event (time, kind, cause, pid) VALUES (0, 0, 0, 0)",
	"INSERT INTO event (time, kind, cause, pid) VALUES (0, 0, 0, 4294967296)",
	/* pools and the clock */
	"INSERT INTO pool (name, start, count, unit) VALUES ('', 1, 1, 1)",
	"INSERT INTO pool (name, start, count, unit) VALUES (NULL, 1, 1, 1)",
	"INSERT INTO pool (name, start, count, unit) VALUES ('p', 1, 0, 1)",
	"INSERT INTO pool (name, start, count, unit) VALUES ('p', 1, -1, 1)",
	"INSERT INTO pool (name, start, count, unit) VALUES ('p', -1, 1, 1)",
	"INSERT INTO pool (name, start, count, unit) VALUES ('p', 1, 4294967295, 1)",
	"INSERT INTO pool (name, start, count, unit) VALUES ('p', 1, 1, -1)",
	"INSERT INTO pool (name, start, count, unit) VALUES ('p', 1, 1, NULL)",
	"INSERT INTO clock (only, boot, offset) VALUES (2, 'x', 0)",
	"INSERT INTO clock (only, boot, offset) VALUES (1, '', 0)",
	"INSERT INTO clock (only, boot, offset) VALUES (1, NULL, 0)",
	"INSERT INTO clock (only, boot, offset) VALUES (1, 'x', NULL)",
	"INSERT INTO clock (only, boot, offset) VALUES (1, 'x', 0.5)",
	"INSERT INTO clock (only, boot, offset, last) VALUES (1, 'x', 0, -1)",
};

static void expect_rows(const char *what)
{
	static const char sql[] = "SELECT group_concat(start || ':' || count || ':' || pod) FROM"
				  " (SELECT * FROM allocation ORDER BY start)";
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	if (strcmp((const char *)sqlite3_column_text(s, 0), "131072:65536:a,262144:65536:b") != 0)
		fail_msg("%s: %s", what, sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
}

static void test_refused(void **state)
{
	(void)state;
	for (int recursive = 0; recursive <= 1; recursive++) {
		sqlite3_exec(db,
			     recursive ? "PRAGMA recursive_triggers = ON"
				       : "PRAGMA recursive_triggers = OFF",
			     NULL, NULL, NULL);
		for (size_t i = 0; i < ELEMENTS_OF(refused); i++) {
			if (sqlite3_exec(db, refused[i], NULL, NULL, NULL) == SQLITE_OK)
				fail_msg("possible: %s", refused[i]);
			expect_rows(refused[i]);
		}
	}
}

/* What the daemon itself does must be possible that way as well. */
static void test_possible(void **state)
{
	static const char *const possible[] = {
		"INSERT INTO allocation " COLUMNS " VALUES (196608, 65536, 'c', 'p', 0, 0, 0, 0)",
		"UPDATE allocation SET pid = 4294967295, process_start = 0, boot = 'b' WHERE pod = 'c'",
		("UPDATE allocation SET pod = NULL, state = 1, released_at = 1, release_order = 1,"
		 " clock = 0, pid = NULL, process_start = NULL, boot = NULL WHERE pod = 'c'"),
		"UPDATE allocation SET state = 2 WHERE pod IS NULL",
		"DELETE FROM allocation WHERE start = 196608",
		"UPDATE allocation SET pool = 'q', client_uid = 4294967295",
		"INSERT INTO event (time, kind, cause) VALUES (0, 99, 99)",
		"INSERT INTO event (time, kind, cause, start, count, pid, client_uid, client_pid)"
		" VALUES (0, 0, 0, 0, 4294967295, 4294967295, 4294967295, 0)",
		"INSERT INTO pool (name, start, count, unit) VALUES ('p', 0, 0, 0)",
		"INSERT INTO clock (only, boot, offset) VALUES (1, 'x', -1)",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(possible); i++)
		if (sqlite3_exec(db, possible[i], NULL, NULL, NULL) != SQLITE_OK)
			fail_msg("%s: %s", possible[i], sqlite3_errmsg(db));
	expect_rows("in the end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, make, drop),
		cmocka_unit_test_setup_teardown(test_possible, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
