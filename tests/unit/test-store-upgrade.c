/* SPDX-License-Identifier: MIT */

/* A database of version 1, as its daemon made it, taken over: all of it, or not touched. */

#include "store-folder.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* What version 1 made, to the letter. */
static const char version_1[] =
	"PRAGMA journal_mode = WAL; BEGIN;"
	"CREATE TABLE allocation ("
	" start INTEGER PRIMARY KEY CHECK (start BETWEEN 0 AND 4294967294),"
	" count INTEGER NOT NULL CHECK (count > 0 AND start + count <= 4294967295),"
	" pod TEXT UNIQUE CHECK (length(pod) BETWEEN 1 AND 128 AND pod GLOB '[A-Za-z0-9]*'"
	"  AND pod NOT GLOB '*[^A-Za-z0-9._-]*'),"
	" pool TEXT NOT NULL,"
	" state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"
	" origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 1),"
	" namespace TEXT,"
	" name TEXT,"
	" client_uid INTEGER NOT NULL CHECK (client_uid BETWEEN 0 AND 4294967295),"
	" created_at INTEGER NOT NULL,"
	" released_at INTEGER,"
	" release_order INTEGER CHECK (release_order > 0),"
	" CHECK (pod IS NOT NULL OR state = 2),"
	" CHECK ((state = 0) = (released_at IS NULL)),"
	" CHECK ((state = 0) = (release_order IS NULL))"
	") STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER allocation_overlap BEFORE INSERT ON allocation"
	" WHEN (SELECT start + count FROM allocation WHERE start < NEW.start + NEW.count"
	"  ORDER BY start DESC LIMIT 1) > NEW.start"
	" BEGIN SELECT RAISE(ABORT, 'the range overlaps an allocation'); END;"
	"CREATE TRIGGER allocation_range BEFORE UPDATE OF start, count ON allocation"
	" BEGIN SELECT RAISE(ABORT, 'the range of an allocation never changes'); END;"
	"PRAGMA application_id = 1937072745; PRAGMA user_version = 1; COMMIT;";

static const struct allocation rows[] = {
	{ .pod = "a", .pool = "p", .range = { 0, 65536 }, .client_uid = UINT32_MAX },
	{ .pod = "b",
	  .pool = "q",
	  .range = { 65536, 1 },
	  .namespace = "ns",
	  .name = "na\xc3\xafve",
	  .origin = ORIGIN_KUBELET,
	  .client_uid = 7,
	  .created_at = 1700000000000000 },
	{ .pod = "c",
	  .pool = "p",
	  .range = { 131072, 65536 },
	  .state = ALLOCATION_DRAINING,
	  .created_at = 3,
	  .released_at = 4,
	  .release_order = 5 },
	{ .pod = "d",
	  .pool = "p",
	  .range = { 196608, 65536 },
	  .state = ALLOCATION_RELEASED,
	  .name = "n",
	  .released_at = 1,
	  .release_order = INT64_MAX },
	{ .pool = "p",
	  .range = { 4294967294, 1 },
	  .state = ALLOCATION_RELEASED,
	  .released_at = 9,
	  .release_order = 6 },
};

static const char insert_rows[] =
	"INSERT INTO allocation VALUES"
	" (0, 65536, 'a', 'p', 0, 0, NULL, NULL, 4294967295, 0, NULL, NULL),"
	" (65536, 1, 'b', 'q', 0, 1, 'ns', 'na\xc3\xafve', 7, 1700000000000000, NULL, NULL),"
	" (131072, 65536, 'c', 'p', 1, 0, NULL, NULL, 0, 3, 4, 5),"
	" (196608, 65536, 'd', 'p', 2, 0, NULL, 'n', 0, 0, 1, 9223372036854775807),"
	" (4294967294, 1, NULL, 'p', 2, 0, NULL, NULL, 0, 0, 9, 6);";

/* Enough of them that the upgrade is written in many pieces. */
static const char insert_many[] =
	"WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
	" INSERT INTO allocation SELECT i * 65536, 65536, 'pod-' || i, 'p', 0, 0, NULL, NULL, 0,"
	" 0, NULL, NULL FROM n;";
#define N_MANY 2991

static int make(void **state)
{
	folder_setup(state);
	run_sql(version_1);
	run_sql(insert_rows);
	file_write(folder_path(&folder, "lock"), "         1\n", 11);
	return 0;
}

static int expect_row(const struct allocation *row, void *userdata)
{
	size_t *n = userdata;

	if (row->range.start >= 10 * 65536u && row->range.start < 4000 * 65536u)
		return 0;
	assert_true(*n < ELEMENTS_OF(rows));
	assert_memory_equal(row, &rows[*n], sizeof(*row));
	(*n)++;
	return 0;
}

static void expect_upgraded(uint64_t n_pods)
{
	struct store *store = open_store();
	struct store_clock clock = { .offset = 7 };
	struct store_facts facts;
	size_t n = 0;

	assert_int_equal(store_each_from(store, 0, expect_row, &n), 0);
	assert_int_equal(n, ELEMENTS_OF(rows));
	assert_int_equal(store_get_facts(store, &facts), 0);
	assert_int_equal(facts.schema, 3);
	assert_int_equal(facts.n_allocations, n_pods);
	assert_int_equal(facts.n_events, 0);
	assert_int_equal(store_get_clock(store, &clock), 0);
	assert_string_equal(clock.boot, "");
	assert_int_equal(clock.offset, 0);
	store_free(store);
}

/* And once more: what the upgrade made is what a new database has. */
static void test_upgrade(void **state)
{
	(void)state;
	expect_upgraded(4);
	expect_upgraded(4);
}

/* Its own checks come first, so that what is wrong with it is not carried over. */
static void test_damaged(void **state)
{
	static const char *const damages[] = {
		"DROP TRIGGER allocation_overlap",
		"CREATE TABLE other (a)",
		"PRAGMA user_version = 0",
		"CREATE TEMP TABLE kept AS SELECT sql FROM sqlite_schema"
		" WHERE name = 'allocation_overlap';"
		"DROP TRIGGER allocation_overlap;"
		"INSERT INTO allocation VALUES"
		" (65535, 2, 'e', 'p', 0, 0, NULL, NULL, 0, 0, NULL, NULL);"
		"PRAGMA writable_schema = ON;"
		"INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)"
		" SELECT 'trigger', 'allocation_overlap', 'allocation', 0, sql FROM kept",
		"PRAGMA ignore_check_constraints = ON; UPDATE allocation SET state = 9",
	};

	for (size_t i = 0; i < ELEMENTS_OF(damages); i++) {
		struct snapshot shot;

		if (i > 0) {
			assert_int_equal(folder_teardown(state), 0);
			assert_int_equal(make(state), 0);
		}
		run_sql(damages[i]);
		shot = take_snapshot();
		expect_refusal(STORE_E_CORRUPT, "is damaged");
		expect_untouched(&shot);
	}
}

static void expect_version_1(void)
{
	run_sql("CREATE TEMP TABLE t (version CHECK (version = 1), n CHECK (n = 2996));"
		"INSERT INTO t SELECT user_version, (SELECT count(*) FROM allocation)"
		" FROM pragma_user_version");
}

/* Opens it where no file may grow beyond SIZE. Returns how it ended. */
static int open_within(rlim_t size, bool by_signal)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		const struct rlimit limit = { size, size }, none = { 0, 0 };
		struct store *store = NULL;
		char *message = NULL;

		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_FSIZE, &limit);
		signal(SIGXFSZ, by_signal ? SIG_DFL : SIG_IGN);
		_exit(store_open(folder.path, &store, &message) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/*
 * Killed, or out of space, after each part of the upgrade: as long as it is not whole, the old
 * version finds all of its rows. (Looking at it takes its log away, so that each try begins anew.)
 */
static void test_interrupted(void **state)
{
	size_t n_interrupted = 0;

	(void)state;
	run_sql(insert_many);
	for (rlim_t size = 4096;; size += 24000) {
		int status = open_within(size, size / 24000 % 2);

		if (status == 0)
			break;
		n_interrupted++;
		expect_version_1();
	}
	assert_true(n_interrupted > 10);
	expect_upgraded(4 + N_MANY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_upgrade),
		TEST(test_damaged),
		TEST(test_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
