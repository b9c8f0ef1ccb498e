/* SPDX-License-Identifier: MIT */

/* What store_open() finds in its folder: its own database, damaged or lost. */

#include "store-folder.h"

#include <errno.h>
#include <sys/wait.h>

/* Cut off at each length that matters. */
static void test_truncated(void **state)
{
	static const size_t lengths[] = {
		2, 15, 16, 99, 100, 4095, 4096, 4097, 8192, 12288, 16383
	};
	_cleanup_(freep) char *data = NULL;
	size_t size;

	(void)state;
	make_ours();
	data = file_bytes(folder_path(&folder, DATABASE), &size);
	for (size_t i = 0; i < ELEMENTS_OF(lengths); i++) {
		struct snapshot shot;

		if (lengths[i] >= size)
			continue;
		file_write(folder_path(&folder, DATABASE), data, lengths[i]);
		shot = take_snapshot();
		expect_refusal(STORE_E_CORRUPT, "is damaged");
		expect_untouched(&shot);
	}
	file_write(folder_path(&folder, DATABASE), data, size);
	expect_ours();
}

/*
 * Damages one byte at a time. What it may not do: crash, touch the file, or make an empty database
 * of it. A byte in free space, or one that makes another valid row, is not seen.
 */
static void test_flipped(void **state)
{
	_cleanup_(freep) char *data = NULL, *damaged = NULL;
	size_t size, n_seen = 0, n_flipped = 0;

	(void)state;
	make_ours();
	data = file_bytes(folder_path(&folder, DATABASE), &size);
	damaged = malloc(size);
	for (size_t i = 0; i < size; i += i % 4096 < 200 || i % 4096 > 3000 ? 11 : 500) {
		_cleanup_(freep) char *message = NULL;
		struct store *store = NULL;
		struct snapshot shot;
		int r;

		unlink(folder_path(&folder, DATABASE "-wal"));
		memcpy(damaged, data, size);
		damaged[i] ^= 0x55;
		file_write(folder_path(&folder, DATABASE), damaged, size);
		shot = take_snapshot();
		r = store_open(folder.path, &store, &message);
		n_flipped++;
		n_seen += r != 0;
		assert_int_equal(r == 0, store != NULL);
		assert_int_equal(r == 0, message == NULL);
		if (store)
			assert_true(store_reopen(store) <= 0);
		store_free(store);
		if (r != 0) {
			expect_untouched(&shot);
			continue;
		}
		while (shot.n-- > 0) {
			free(shot.names[shot.n]);
			free(shot.data[shot.n]);
		}
	}
	print_message("# %zu of %zu flipped bytes were seen\n", n_seen, n_flipped);
	assert_true(n_seen > 0);
}

/* Two owners of an ID, as a damaged number can make them, or a bug that got around the schema. */
static void test_overlapping(void **state)
{
	struct snapshot shot;

	(void)state;
	make_ours();
	run_sql("CREATE TEMP TABLE kept AS SELECT sql FROM sqlite_schema"
		" WHERE name = 'allocation_overlap';"
		"DROP TRIGGER allocation_overlap;"
		"INSERT INTO allocation (start, count, pod, pool, state, origin, client_uid,"
		" created_at) VALUES (131071, 2, 'b', 'p', 0, 0, 0, 0);"
		"PRAGMA writable_schema = ON;"
		"INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)"
		" SELECT 'trigger', 'allocation_overlap', 'allocation', 0, sql FROM kept");
	shot = take_snapshot();
	expect_refusal(STORE_E_CORRUPT, "two allocations have ID 131071)");
	expect_untouched(&shot);
	run_sql("DELETE FROM allocation WHERE pod = 'b'");
	expect_ours();
}

/* The schema has no index that would refuse it: the one in memory must. */
static void test_pod_twice(void **state)
{
	struct snapshot shot;

	(void)state;
	make_ours();
	run_sql("INSERT INTO allocation (start, count, pod, pool, state, origin, client_uid,"
		" created_at) SELECT start + 6553600, 1, pod, pool, state, origin, client_uid,"
		" created_at FROM allocation LIMIT 1");
	shot = take_snapshot();
	expect_refusal(STORE_E_CORRUPT, "has two allocations)");
	expect_untouched(&shot);
	run_sql("DELETE FROM allocation WHERE count = 1");
	expect_ours();
}

/* Nothing would be refused by the schema any more. */
static void test_other_schema(void **state)
{
	static const char *const mistakes[] = {
		"DROP TRIGGER allocation_overlap",
		"DROP TRIGGER allocation_range",
		"DROP TABLE allocation",
		"DROP INDEX allocation_draining",
		"DROP TABLE event",
		"DROP INDEX event_pod",
		"CREATE TABLE other (a)",
	};

	for (size_t i = 0; i < ELEMENTS_OF(mistakes); i++) {
		struct snapshot shot;

		if (i > 0) {
			assert_int_equal(folder_teardown(state), 0);
			assert_int_equal(folder_setup(state), 0);
		}
		make_ours();
		run_sql(mistakes[i]);
		shot = take_snapshot();
		expect_refusal(STORE_E_CORRUPT, "its schema is not the one of version 3");
		expect_untouched(&shot);
	}
}

/* The first start: no marker, so that an empty file, which a crash can leave, is made anew. */
static void test_empty_without_marker(void **state)
{
	(void)state;
	file_write(folder_path(&folder, DATABASE), "", 0);
	make_ours();
	expect_ours();
}

static void test_empty_with_marker(void **state)
{
	(void)state;
	make_ours();
	file_write(folder_path(&folder, DATABASE), "x", 1);
	expect_refusal(STORE_E_LOST, "empty");
	file_write(folder_path(&folder, DATABASE), "", 0);
	expect_refusal(STORE_E_LOST, "empty");
	expect_refusal(STORE_E_LOST, "empty");
	assert_int_equal(truncate(folder_path(&folder, "lock"), 0), 0);
	store_free(open_store());
}

/* What was committed and is only in the log must not be thrown away with the rest. */
static void test_empty_with_log(void **state)
{
	struct snapshot shot;
	int status;
	pid_t pid;

	(void)state;
	make_ours();
	pid = fork();
	if (pid == 0) {
		const struct allocation row = { .pod = "b", .pool = "p", .range = { 7, 1 } };

		_exit(store_insert(open_store(), &row));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(truncate(folder_path(&folder, DATABASE), 0), 0);
	shot = take_snapshot();
	assert_int_equal(shot.n, 2);
	expect_refusal(STORE_E_LOST, "empty");
	expect_untouched(&shot);
}

static void test_missing_with_marker(void **state)
{
	(void)state;
	make_ours();
	assert_int_equal(unlink(folder_path(&folder, DATABASE)), 0);
	expect_refusal(STORE_E_LOST, "is gone");
	assert_int_equal(access(folder_path(&folder, DATABASE), F_OK), -1);
	expect_refusal(STORE_E_LOST, "is gone");
	assert_int_equal(unlink(folder_path(&folder, "lock")), 0);
	store_free(open_store());
}

/* The same while the daemon runs, when it opens its database again. */
/* SQLite goes on writing to the log that nobody finds any more. */
static void test_log_lost_while_open(void **state)
{
	static const char *const pods[] = { "b", "c", "d" };
	struct allocation row = { .pool = "p", .range = { 10 * 65536, 65536 } };
	struct store *store;

	(void)state;
	make_ours();
	store = open_store();
	for (size_t i = 0; i < ELEMENTS_OF(pods); i++) {
		snprintf(row.pod, sizeof(row.pod), "%s", pods[i]);
		row.range.start += 65536;
		if (i == 1)
			assert_int_equal(unlink(folder_path(&folder, DATABASE "-wal")), 0);
		assert_int_equal(store_begin(store), 0);
		assert_int_equal(store_insert(store, &row), 0);
		assert_int_equal(store_commit(store), i == 1 ? -ESTALE : 0);
		if (i == 1)
			assert_int_equal(store_reopen(store), 0);
	}
	assert_int_equal(store_reopen(store), 0);
	for (size_t i = 0; i < ELEMENTS_OF(pods); i++)
		assert_int_equal(store_get(store, pods[i], &row), 0);
	store_free(store);
}

static void test_lost_while_open(void **state)
{
	struct allocation row;
	struct store *store;

	(void)state;
	make_ours();
	store = open_store();
	assert_int_equal(unlink(folder_path(&folder, DATABASE)), 0);
	assert_int_equal(store_reopen(store), -EUCLEAN);
	assert_true(store_get(store, "a", &row) < 0);
	assert_true(store_begin(store) < 0);
	assert_false(store_in_transaction(store));
	assert_non_null(store_message(store));
	assert_int_equal(store_reopen(store), -EUCLEAN);
	store_free(store);
}

/* A crash in the very first start leaves a database without tables. */
static void test_begun(void **state)
{
	(void)state;
	crash_with("PRAGMA journal_mode = WAL");
	make_ours();
	expect_ours();
}

/* Its log has the page with the version, and does not hide that the file's own is damaged. */
static void test_version_flipped(void **state)
{
	const struct allocation row = { .pod = "b", .pool = "p", .range = { 131072, 65536 } };
	const char *path = folder_path(&folder, DATABASE);
	_cleanup_(freep) char *data = NULL;
	size_t size;
	int status;
	pid_t pid;

	(void)state;
	make_ours();
	pid = fork();
	if (pid == 0) {
		struct store *store = open_store();

		if (store_begin(store) == 0 && store_insert(store, &row) == 0 &&
		    store_commit(store) == 0)
			_exit(0);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	data = file_bytes(path, &size);
	data[63] ^= 1; /* 3 becomes 2 */
	file_write(path, data, size);
	expect_refusal(STORE_E_CORRUPT, "is damaged");
}

/* Whoever removes the log has not closed the database: it is looked at. */
static void test_log_removed(void **state)
{
	(void)state;
	make_ours();
	run_sql("PRAGMA ignore_check_constraints = 1; UPDATE allocation SET client_uid = -1");
	unlink(folder_path(&folder, DATABASE "-wal"));
	expect_refusal(STORE_E_CORRUPT, "is damaged");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_truncated),		TEST(test_flipped),
		TEST(test_overlapping),		TEST(test_pod_twice),
		TEST(test_other_schema),	TEST(test_empty_without_marker),
		TEST(test_empty_with_marker),	TEST(test_empty_with_log),
		TEST(test_missing_with_marker), TEST(test_log_lost_while_open),
		TEST(test_lost_while_open),	TEST(test_version_flipped),
		TEST(test_log_removed),		TEST(test_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
