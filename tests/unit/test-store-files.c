/* SPDX-License-Identifier: MIT */

/* What store_open() finds in its folder: files of others, which it must not use nor touch. */

#include "store-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static mode_t mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void test_modes(void **state)
{
	struct store *store;

	(void)state;
	assert_int_equal(chmod(folder.path, 0755), 0);
	store = open_store();
	assert_int_equal(mode_of(folder.path), 0700);
	assert_int_equal(mode_of(folder_path(&folder, DATABASE)), 0600);
	assert_int_equal(mode_of(folder_path(&folder, DATABASE "-wal")), 0600);
	assert_int_equal(mode_of(folder_path(&folder, "lock")), 0600);
	store_free(store);
}

static void test_no_folder(void **state)
{
	const char *inner = folder_path(&folder, "inner");
	_cleanup_(freep) char *message = NULL;
	struct store *store = NULL;

	(void)state;
	assert_int_equal(store_open(inner, &store, &message), 0);
	assert_int_equal(mode_of(inner), 0700);
	store_free(take_ptr(store));
	assert_int_equal(store_open(folder_path(&folder, "no/inner"), &store, &message), -ENOENT);
	assert_non_null(strstr(message, "no/inner"));
	free(take_ptr(message));
	file_write(folder_path(&folder, "file"), "", 0);
	assert_int_equal(store_open(folder_path(&folder, "file"), &store, &message), -ENOTDIR);
	assert_null(store);
}

static void test_locked(void **state)
{
	struct store *store = open_store();
	char pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "PID %d)", getpid());
	expect_refusal(STORE_E_LOCKED, pid);
	store_free(store);
	store_free(open_store());
}

/* The lock goes with the process, however it ends, and not to its children. */
static void test_lock_of_the_dead(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		open_store();
		_exit(3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 3);
	store_free(open_store());
}

static void test_newer(void **state)
{
	struct snapshot shot;

	(void)state;
	make_ours();
	run_sql("PRAGMA user_version = 4");
	shot = take_snapshot();
	expect_refusal(STORE_E_NEWER, "schema version 4");
	expect_untouched(&shot);
	run_sql("PRAGMA user_version = 3");
	expect_ours();
}

static const char *const foreign[] = {
	"PRAGMA application_id = 5",
	"PRAGMA user_version = 1",
	"CREATE TABLE t (a); INSERT INTO t VALUES (1)",
	"CREATE VIEW v AS SELECT 1",
	"PRAGMA journal_mode = WAL; CREATE TABLE t (a)",
	"PRAGMA application_id = 5; PRAGMA user_version = 99; CREATE TABLE allocation (a)",
	"PRAGMA page_size = 512; PRAGMA auto_vacuum = FULL; CREATE TABLE t (a)",
};

static void test_foreign(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(foreign); i++) {
		struct snapshot shot;

		run_sql(foreign[i]);
		shot = take_snapshot();
		expect_refusal(STORE_E_FOREIGN, "another program");
		expect_untouched(&shot);
		assert_int_equal(unlink(folder_path(&folder, DATABASE)), 0);
		unlink(folder_path(&folder, DATABASE "-wal"));
		unlink(folder_path(&folder, DATABASE "-shm"));
	}
}

static void test_foreign_log(void **state)
{
	struct snapshot shot;

	(void)state;
	crash_with("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
	shot = take_snapshot();
	assert_true(shot.n >= 2);
	expect_refusal(STORE_E_FOREIGN, "another program");
	expect_untouched(&shot);
}

/* To read it at all is to finish what its program began: nothing of it may be lost. */
static void test_foreign_journal(void **state)
{
	(void)state;
	run_sql("PRAGMA application_id = 5; CREATE TABLE t (a); INSERT INTO t VALUES ('before')");
	crash_with("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;"
		   "UPDATE t SET a = 'after'; CREATE TABLE u (a); WITH RECURSIVE n (i) AS"
		   " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
		   " INSERT INTO u SELECT i FROM n");
	assert_int_equal(access(folder_path(&folder, DATABASE "-journal"), F_OK), 0);
	expect_refusal(STORE_E_FOREIGN, "another program");
	run_sql("CREATE TEMP TABLE s (a CHECK (a = 'before')); INSERT INTO s SELECT a FROM t");
}

static void test_no_database(void **state)
{
	static const char text[] = "this is not a database, but it is somebody's\n";
	_cleanup_(freep) char *long_text = calloc(1, 100000);
	struct snapshot shot;

	(void)state;
	memset(long_text, 'x', 100000);
	for (int is_long = 0; is_long <= 1; is_long++) {
		file_write(folder_path(&folder, DATABASE), is_long ? long_text : text,
			   is_long ? 100000 : sizeof(text) - 1);
		shot = take_snapshot();
		expect_refusal(STORE_E_FOREIGN, "not a database");
		expect_untouched(&shot);
	}
	assert_int_equal(unlink(folder_path(&folder, DATABASE)), 0);
	assert_int_equal(mkdir(folder_path(&folder, DATABASE), 0700), 0);
	expect_refusal(STORE_E_FOREIGN, "no regular file");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_modes),	TEST(test_no_folder),
		TEST(test_locked),	TEST(test_lock_of_the_dead),
		TEST(test_newer),	TEST(test_foreign),
		TEST(test_foreign_log), TEST(test_foreign_journal),
		TEST(test_no_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
