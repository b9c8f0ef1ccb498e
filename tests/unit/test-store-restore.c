/* SPDX-License-Identifier: MIT */

/* Restoring: what it makes of which file. */

#include "restore-folder.h"

#include "store-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define N_PAGES 12 /* of a database with next to nothing in it; the rest is kept in reserve */

static void test_backup(void **state)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;
	struct store_restored restored;
	struct store *store;
	uint64_t last;

	(void)state;
	make_both();
	assert_int_equal(restore_from(BACKUP, &kept, &message), 0);
	assert_string_equal(strrchr(kept, '/') + 1, KEPT);
	assert_true(has_file(KEPT));
	assert_true(has_file(KEPT "-wal"));
	assert_false(has_file(DATABASE ".restore"));
	assert_false(has_file(DATABASE ".new"));
	assert_string_equal(rows(), "a:1:draining:1 ");
	store = open_store();
	assert_int_equal(store_get_restored(store, &restored), 0);
	assert_int_equal(restored.release_order, 1);
	assert_true(restored.is_unproven);
	assert_int_equal(store_last_event(store, &last), 0);
	assert_int_equal(last, 2);
	assert_int_equal(store_set_proven(store), 0);
	assert_int_equal(store_get_restored(store, &restored), 0);
	assert_false(restored.is_unproven);
	store_free(store);
	/* the one before can be had back, in the same second */
	free(take_ptr(kept));
	assert_int_equal(restore_from(KEPT, &kept, &message), 0);
	assert_true(has_file(DATABASE ".before-restore-20270115T080001Z"));
	assert_string_equal(rows(), "a:1:draining:1 b:2:draining:2 ");
}

/* What was restored is not taken for a database that has lost something. */
static void test_older(void **state)
{
	(void)state;
	make_both();
	restore_copy(BACKUP, DATABASE);
	expect_refusal(STORE_E_LOST, "older than it was");
	expect_restored(DATABASE);
	assert_string_equal(rows(), "a:1:draining:1 ");
}

static void test_removed(void **state)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;

	(void)state;
	make_both();
	assert_int_equal(unlink(folder_path(&folder, DATABASE)), 0);
	expect_refusal(STORE_E_LOST, "is gone");
	assert_int_equal(unlink(folder_path(&folder, DATABASE "-wal")), 0);
	assert_int_equal(restore_from(BACKUP, &kept, &message), 0);
	assert_null(kept);
	assert_false(has_file(KEPT));
	assert_string_equal(rows(), "a:1:draining:1 ");
}

static void test_empty_folder(void **state)
{
	(void)state;
	make_both();
	assert_int_equal(unlink(folder_path(&folder, DATABASE)), 0);
	assert_int_equal(unlink(folder_path(&folder, DATABASE "-wal")), 0);
	assert_int_equal(unlink(folder_path(&folder, "lock")), 0);
	expect_restored(BACKUP);
	assert_string_equal(rows(), "a:1:draining:1 ");
}

/* What is in the log alone counts as well: the daemon's own after a crash. */
static void test_log(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	make_both();
	pid = fork();
	if (pid == 0) {
		restore_add(open_store(), "c", 3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_restored(DATABASE);
	assert_string_equal(rows(), "a:1:draining:1 b:2:draining:2 c:3:draining:3 ");
	/* and was kept */
	expect_restored(KEPT);
	assert_string_equal(rows(), "a:1:draining:1 b:2:draining:2 c:3:draining:3 ");
}

/* An older copy under a log that was begun with another one: the log is not its own. */
static void test_log_of_another(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	make_both();
	pid = fork();
	if (pid == 0) {
		restore_add(open_store(), "c", 3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	restore_copy(BACKUP, DATABASE);
	expect_refusal(STORE_E_LOST, "is not the file that the log");
	expect_restored(DATABASE);
	assert_string_equal(rows(), "a:1:draining:1 ");
}

/* The one before a restoration has had logs of its own. */
static void test_log_of_restored(void **state)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;
	int status;
	pid_t pid;

	(void)state;
	make_both();
	assert_int_equal(restore_from(BACKUP, &kept, &message), 0);
	pid = fork();
	if (pid == 0) {
		struct store *store = open_store();

		restore_add(store, "c", 3);
		assert_int_equal(store_settle(store), 0); /* so that another log begins */
		restore_add(store, "d", 4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	restore_copy(KEPT, DATABASE);
	expect_refusal(STORE_E_LOST, "is not the file that the log");
}

static void test_legacy(void **state)
{
	static const char *const versions[] = {
		"INSERT INTO allocation (start, count, pod, pool, state, origin, client_uid,"
		" created_at, released_at, release_order) VALUES (65536, 65536, 'a', 'p', 0, 0, 0,"
		" 1, NULL, NULL), (131072, 65536, 'b', 'p', 2, 0, 0, 1, 2, 9),"
		" (196608, 65536, NULL, 'p', 2, 0, 0, 1, 2, 8); PRAGMA user_version = 1",
		"INSERT INTO allocation (start, count, pod, pool, state, origin, client_uid,"
		" created_at, released_at, release_order, clock) VALUES (65536, 65536, 'a', 'p', 0,"
		" 0, 0, 1, NULL, NULL, NULL), (131072, 65536, 'b', 'p', 2, 0, 0, 1, 2, 9, 7),"
		" (196608, 65536, NULL, 'p', 1, 0, 0, 1, 2, 8, 7); PRAGMA user_version = 2",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(versions); i++) {
		sqlite3 *db;

		assert_int_equal(sqlite3_open(folder_path(&folder, BACKUP), &db), SQLITE_OK);
		assert_int_equal(store_legacy_build(db, 0, (int64_t)i + 1), SQLITE_OK);
		assert_int_equal(store_schema_sign(db, (int)i + 1, 0), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, versions[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		expect_restored(BACKUP);
		assert_string_equal(rows(), "a:1:draining:3 b:2:draining:2 :3:draining:1 ");
		assert_int_equal(unlink(folder_path(&folder, BACKUP)), 0);
	}
}

static void change_backup(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(folder_path(&folder, BACKUP), &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void test_unfit(void **state)
{
	(void)state;
	make_both();
	expect_unfit("nothing", -ENOENT, "cannot read");
	assert_int_equal(mkdir(folder_path(&folder, "inner"), 0700), 0);
	assert_int_equal(rmdir(folder_path(&folder, "inner")), 0);
	file_write(folder_path(&folder, BACKUP), "", 0);
	expect_unfit(BACKUP, STORE_E_FOREIGN, "is empty");
	file_write(folder_path(&folder, BACKUP), "this is no database", 19);
	expect_unfit(BACKUP, STORE_E_FOREIGN, "is not a database of subidd");
	assert_int_equal(unlink(folder_path(&folder, BACKUP)), 0);
	change_backup("CREATE TABLE t (a)");
	expect_unfit(BACKUP, STORE_E_FOREIGN, "is not a database of subidd");
	change_backup("PRAGMA application_id = 1937072745; PRAGMA user_version = 4");
	expect_unfit(BACKUP, STORE_E_NEWER, "schema version 4");
	change_backup("PRAGMA user_version = 2");
	expect_unfit(BACKUP, STORE_E_CORRUPT, "its schema");
	assert_string_equal(rows(), "a:1:active:0 b:2:active:0 ");
}

/* Each bit of a page counts, also of the history, which opening does not look at. */
static void test_flipped(void **state)
{
	size_t size, n_refused = 0, n = 0;
	_cleanup_(freep) char *data = NULL;

	(void)state;
	make_both();
	data = file_bytes(folder_path(&folder, BACKUP), &size);
	for (size_t at = 11; at < N_PAGES * 4096; at += 1013) {
		_cleanup_(freep) char *message = NULL;
		_cleanup_(freep) char *kept = NULL;
		int r;

		data[at] ^= 0x10;
		file_write(folder_path(&folder, BACKUP), data, size);
		r = restore_from(BACKUP, &kept, &message);
		n_refused += r == STORE_E_CORRUPT;
		n++;
		if (r != STORE_E_CORRUPT && r != STORE_E_FOREIGN)
			fail_msg("byte %zu: %d, %s", at, r, message);
		data[at] ^= 0x10;
	}
	assert_true(n_refused >= n - 1 && n > 40);
	assert_string_equal(rows(), "a:1:active:0 b:2:active:0 ");
}

static void test_cut(void **state)
{
	size_t size;
	_cleanup_(freep) char *data = NULL;

	(void)state;
	make_both();
	data = file_bytes(folder_path(&folder, BACKUP), &size);
	for (size_t left = 4096; left < N_PAGES * 4096; left += 4096) {
		file_write(folder_path(&folder, BACKUP), data, left);
		expect_unfit(BACKUP, STORE_E_CORRUPT, "is damaged");
	}
}

static void test_locked(void **state)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;
	struct store *store;

	(void)state;
	make_both();
	store = open_store();
	assert_int_equal(restore_from(BACKUP, &kept, &message), STORE_E_LOCKED);
	assert_non_null(strstr(message, "another subidd uses"));
	store_free(store);
	assert_string_equal(rows(), "a:1:active:0 b:2:active:0 ");
}

/* What a daemon that was killed has left in the log is in the file once the next one has started:
 * its number is only good for one log, and nobody may have synced it. */
static void test_killed(void **state)
{
	struct store *store;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		restore_add(open_store(), "a", 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store = open_store();
	restore_copy(DATABASE, BACKUP);
	store_free(store);
	expect_restored(BACKUP);
	assert_string_equal(rows(), "a:1:draining:1 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_backup),
		TEST(test_older),
		TEST(test_removed),
		TEST(test_empty_folder),
		TEST(test_log),
		TEST(test_log_of_another),
		TEST(test_legacy),
		TEST(test_unfit),
		TEST(test_flipped),
		TEST(test_cut),
		TEST(test_locked),
		TEST(test_killed),
		TEST(test_log_of_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
