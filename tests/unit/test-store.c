/* SPDX-License-Identifier: MIT */

/* Rows: what the schema refuses, whoever asks, and what is there after a crash. */

#include "testing.h"

#include "store.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define U 65536u

static struct folder folder;
static struct store *store;
static int n_fds;

static void open_store(void)
{
	_cleanup_(freep) char *message = NULL;
	int r = store_open(folder.path, &store, &message);

	if (r != 0)
		print_error("# %d: %s\n", r, message);
	assert_int_equal(r, 0);
	assert_null(message);
}

static void close_store(void)
{
	store_free(take_ptr(store));
}

static int make(void **state)
{
	(void)state;
	n_fds = count_fds();
	folder_make(&folder);
	open_store();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	close_store();
	folder_remove(&folder);
	assert_int_equal(count_fds(), n_fds);
	return 0;
}

static struct allocation row_of(const char *pod, uint32_t start, uint32_t count)
{
	struct allocation row = {
		.pool = "kubelet",
		.range = { start, count },
		.client_uid = UINT32_MAX,
		.created_at = 1700000000000000,
	};

	snprintf(row.pod, sizeof(row.pod), "%s", pod);
	if (!*pod) {
		row.state = ALLOCATION_RELEASED;
		row.released_at = row.created_at + 1;
		row.release_order = 1;
	}
	return row;
}

static int insert(const char *pod, uint32_t start, uint32_t count)
{
	struct allocation row = row_of(pod, start, count);

	return store_insert(store, &row);
}

static int collect(const struct allocation *row, void *userdata)
{
	char *text = userdata;

	sprintf(text + strlen(text), "%s:%u:%u ", row->pod, row->range.start, row->range.count);
	return 0;
}

/* All rows as one text. */
static void expect_rows(const char *expected)
{
	char text[4096] = "";

	assert_int_equal(store_each_from(store, 0, collect, text), 0);
	assert_string_equal(text, expected);
}

static const struct {
	uint32_t start, count;
	bool is_free;
} overlaps[] = {
	{ 10 * U, U, false },	      /* the same */
	{ 9 * U, 2 * U, false },      /* over its start */
	{ 10 * U + U - 1, U, false }, /* over its end */
	{ 10 * U + 1, 1, false },     /* inside */
	{ 10 * U + U - 1, 1, false }, /* its last ID */
	{ 10 * U, 1, false },	      /* its first ID */
	{ 9 * U, 4 * U, false },      /* around */
	{ 10 * U, 2 * U, false },
	{ 9 * U, 3 * U, false },
	{ 0, UINT32_MAX, false },
	{ 9 * U, U + 1, false },
	{ 9 * U, U, true },  /* just before */
	{ 11 * U, U, true }, /* just behind */
	{ 11 * U, 2 * U, true },
	{ 0, 10 * U, true },
	{ 13 * U, UINT32_MAX - 13 * U, false },
	{ 12 * U + U - 1, 2, false }, /* into the row behind */
	{ 11 * U, U + U, true },
	{ 11 * U, U + U + 1, false },
};

static void test_overlap(void **state)
{
	(void)state;
	assert_int_equal(insert("a", 10 * U, U), 0);
	assert_int_equal(insert("b", 13 * U, 1), 0);
	for (size_t i = 0; i < ELEMENTS_OF(overlaps); i++) {
		int r = insert("c", overlaps[i].start, overlaps[i].count);

		if (r != (overlaps[i].is_free ? 0 : STORE_E_CONFLICT))
			print_error("# %u:%u\n", overlaps[i].start, overlaps[i].count);
		assert_int_equal(r, overlaps[i].is_free ? 0 : STORE_E_CONFLICT);
		if (overlaps[i].is_free)
			assert_int_equal(store_delete(store, overlaps[i].start), 0);
		expect_rows("a:655360:65536 b:851968:1 ");
	}
}

/* Rows that nobody can come back to are rows as all others. */
static void test_overlap_released(void **state)
{
	(void)state;
	assert_int_equal(insert("", U, 2 * U), 0);
	assert_int_equal(insert("a", 2 * U, U), STORE_E_CONFLICT);
	assert_int_equal(insert("", 2 * U, 2 * U), STORE_E_CONFLICT);
	assert_int_equal(insert("", 3 * U, U), 0);
	expect_rows(":65536:131072 :196608:65536 ");
}

static void test_pod_unique(void **state)
{
	struct allocation row;

	(void)state;
	assert_int_equal(insert("a", U, U), 0);
	assert_int_equal(insert("a", 2 * U, U), STORE_E_CONFLICT);
	assert_int_equal(insert("b", 2 * U, U), 0);
	row = row_of("a", 2 * U, U);
	assert_int_equal(store_update(store, &row), STORE_E_CONFLICT);
	expect_rows("a:65536:65536 b:131072:65536 ");
}

/* An update finds its row by its whole range, which it cannot change. */
static void test_update(void **state)
{
	struct allocation row = row_of("a", U, 2 * U), got;

	(void)state;
	assert_int_equal(store_insert(store, &row), 0);
	row = row_of("b", U, U);
	assert_int_equal(store_update(store, &row), STORE_E_NOT_FOUND);
	row = row_of("b", 2 * U, U);
	assert_int_equal(store_update(store, &row), STORE_E_NOT_FOUND);
	expect_rows("a:65536:131072 ");
	row = row_of("b", U, 2 * U);
	strcpy(row.pool, "another");
	strcpy(row.namespace, "kube-system");
	strcpy(row.name, "na\xc3\xafve");
	row.state = ALLOCATION_RELEASED;
	row.origin = ORIGIN_KUBELET;
	row.client_uid = 0;
	row.created_at = 7;
	row.released_at = 8;
	row.release_order = INT64_MAX;
	assert_int_equal(store_update(store, &row), 0);
	assert_int_equal(store_get(store, "a", &got), STORE_E_NOT_FOUND);
	assert_int_equal(store_get(store, "b", &got), 0);
	assert_memory_equal(&got, &row, sizeof(row));
	assert_int_equal(store_delete(store, 2 * U), STORE_E_NOT_FOUND);
	assert_int_equal(store_delete(store, U), 0);
	assert_int_equal(store_delete(store, U), STORE_E_NOT_FOUND);
}

/* Refused by a CHECK, so that not even a wrong daemon writes it. */
static void test_checks(void **state)
{
	static const char *const pods[] = { "-", ".a", "a/b", "a b", "../evil", "\xc3\xa9", "a\n" };
	struct allocation row;

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(pods); i++)
		assert_int_equal(insert(pods[i], U, U), STORE_E_CONFLICT);
	assert_int_equal(insert("a", U, 0), STORE_E_CONFLICT);
	assert_int_equal(insert("a", UINT32_MAX, 1), STORE_E_CONFLICT);
	assert_int_equal(insert("a", UINT32_MAX - 1, 2), STORE_E_CONFLICT);
	assert_int_equal(insert("a", 1, UINT32_MAX), STORE_E_CONFLICT);
	row = row_of("", U, U);
	row.state = ALLOCATION_ACTIVE; /* nobody's, but in use */
	assert_int_equal(store_insert(store, &row), STORE_E_CONFLICT);
	row = row_of("", U, U);
	row.release_order = 0; /* released, but not when */
	assert_int_equal(store_insert(store, &row), STORE_E_CONFLICT);
	row = row_of("a", U, U);
	row.pool[0] = 0;
	assert_int_equal(store_insert(store, &row), STORE_E_CONFLICT);
	expect_rows("");
	assert_int_equal(insert("a", UINT32_MAX - 1, 1), 0);
	assert_int_equal(insert("b", 0, UINT32_MAX - 1), 0);
}

/* At the ends of the range and on both sides of them. */
static void test_lookup(void **state)
{
	static const struct {
		uint32_t id;
		const char *pod;
	} cases[] = {
		{ 0, NULL },
		{ U - 1, NULL },
		{ U, "a" },
		{ 2 * U - 1, "a" },
		{ 2 * U, "b" },
		{ 4 * U - 1, "b" },
		{ 4 * U, NULL },
		{ 5 * U, NULL },
		{ UINT32_MAX - 2, NULL },
		{ UINT32_MAX - 1, "c" },
		{ UINT32_MAX, NULL },
	};

	(void)state;
	insert("a", U, U);
	insert("b", 2 * U, 2 * U);
	insert("", 5 * U, U);
	insert("c", UINT32_MAX - 1, 1);
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct allocation row = { .pod = "untouched" };
		int r = store_lookup(store, cases[i].id, &row);

		assert_int_equal(r, cases[i].pod ? 0 : STORE_E_NOT_FOUND);
		assert_string_equal(row.pod, cases[i].pod ? cases[i].pod : "untouched");
	}
}

static int stop_at_second(const struct allocation *row, void *userdata)
{
	(void)row;
	return ++*(int *)userdata == 2 ? 42 : 0;
}

static void test_each(void **state)
{
	char text[256] = "";
	int n = 0;

	(void)state;
	for (uint32_t i = 5; i > 0; i--)
		insert((char[]){ (char)('a' + i), 0 }, 2 * i * U, U);
	assert_int_equal(store_each_in(store, (struct id_range){ 4 * U, U }, collect, text), 0);
	assert_string_equal(text, "c:262144:65536 ");
	*text = 0;
	assert_int_equal(store_each_in(store, (struct id_range){ 3 * U, U }, collect, text), 0);
	assert_int_equal(store_each_in(store, (struct id_range){ 0, 2 * U }, collect, text), 0);
	assert_int_equal(store_each_in(store, (struct id_range){ 11 * U, 9 * U }, collect, text),
			 0);
	assert_string_equal(text, "");
	assert_int_equal(store_each_in(store, (struct id_range){ 5 * U - 1, U + 2 }, collect, text),
			 0);
	assert_string_equal(text, "c:262144:65536 d:393216:65536 ");
	*text = 0;
	assert_int_equal(store_each_from(store, 8 * U + 1, collect, text), 0);
	assert_string_equal(text, "f:655360:65536 ");
	assert_int_equal(store_each_from(store, 0, stop_at_second, &n), 42);
	assert_int_equal(n, 2);
	/* a statement that was left early can be used again */
	assert_int_equal(store_each_from(store, 0, stop_at_second, &n), 0);
	assert_int_equal(n, 7);
}

static void test_reopen(void **state)
{
	struct store_facts facts;

	(void)state;
	insert("a", U, U);
	insert("", 2 * U, U);
	insert("b", 4 * U, 2 * U);
	for (int i = 0; i < 3; i++) {
		close_store();
		open_store();
		expect_rows("a:65536:65536 :131072:65536 b:262144:131072 ");
		assert_int_equal(store_reopen(store), 0);
		expect_rows("a:65536:65536 :131072:65536 b:262144:131072 ");
	}
	assert_int_equal(store_get_facts(store, &facts), 0);
	assert_string_equal(facts.path, folder_path(&folder, "allocations.db"));
	assert_int_equal(facts.schema, 3);
	assert_int_equal(facts.n_allocations, 2);
	assert_true(facts.size >= 4096);
}

static void test_transactions(void **state)
{
	(void)state;
	assert_false(store_in_transaction(store));
	assert_int_equal(store_begin(store), 0);
	assert_true(store_in_transaction(store));
	assert_int_equal(store_mark(store), 0);
	insert("a", U, U);
	assert_int_equal(store_keep(store), 0);
	assert_int_equal(store_mark(store), 0);
	insert("b", 2 * U, U);
	assert_int_equal(store_undo(store), 0);
	assert_int_equal(store_mark(store), 0);
	assert_int_equal(insert("c", U + 1, U), STORE_E_CONFLICT); /* ends no transaction */
	insert("c", 3 * U, U);
	assert_int_equal(store_keep(store), 0);
	expect_rows("a:65536:65536 c:196608:65536 ");
	assert_int_equal(store_commit(store), 0);
	assert_false(store_in_transaction(store));
	assert_int_equal(store_begin(store), 0);
	insert("d", 4 * U, U);
	assert_int_equal(store_reopen(store), 0); /* takes back what was not committed */
	assert_false(store_in_transaction(store));
	expect_rows("a:65536:65536 c:196608:65536 ");
	assert_true(store_commit(store) < 0); /* there is nothing to commit */
}

/* A child that inserts two rows, commits the first one, and ends without a goodbye. */
static void crash(bool by_signal)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		open_store();
		store_begin(store);
		insert("committed", U, U);
		store_commit(store);
		store_begin(store);
		for (uint32_t i = 2; i < 2000; i++) { /* more than a page */
			char pod[32];

			snprintf(pod, sizeof(pod), "pod-%u", i);
			insert(pod, i * U, U);
		}
		if (by_signal)
			kill(getpid(), SIGKILL);
		_exit(store_in_transaction(store) ? 7 : 8);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (by_signal)
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else
		assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_crash(void **state)
{
	(void)state;
	for (int by_signal = 0; by_signal <= 1; by_signal++) {
		close_store();
		crash(by_signal);
		open_store();
		expect_rows("committed:65536:65536 ");
		assert_int_equal(store_delete(store, U), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_overlap), TEST(test_overlap_released), TEST(test_pod_unique),
		TEST(test_update),  TEST(test_checks),		 TEST(test_lookup),
		TEST(test_each),    TEST(test_reopen),		 TEST(test_transactions),
		TEST(test_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
