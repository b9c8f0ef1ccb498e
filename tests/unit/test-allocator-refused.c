/* SPDX-License-Identifier: MIT */

/* Stores that fail in the middle of a change: nothing of it is there, and the batch goes on. */

#include "allocator-life.h"

#include "allocator-private.h"
#include "store-private.h"

#include <errno.h>

static int do_allocate(void)
{
	return ask("new");
}

static int do_reuse(void)
{
	return ask_count("new", 8 * U);
}

static int do_revive(void)
{
	return ask("draining");
}

static int do_tied(void)
{
	return ask_tied("new", 7, 70);
}

static int do_bind(void)
{
	return tie("active", 7, 70);
}

static int do_release(void)
{
	return give_back_as(0, "active");
}

static int do_end(void)
{
	struct process process = process_of(5, 50);
	bool released;

	return allocator_process_ended(allocator, "tied", &process, later(1), &released);
}

static int ignore_row(const struct allocation *row, void *userdata)
{
	(void)row;
	(void)userdata;
	return 0;
}

static int do_reconcile(void)
{
	const struct reconcile_request request = { .created_before = UINT64_MAX,
						   .by = { 0, 1, true },
						   .now = later(1) };

	return allocator_reconcile(allocator, &request, ignore_row, NULL);
}

static int do_drain(void)
{
	see("");
	later(PASS_GAP_USEC);
	see("");
	return allocator_drain(allocator, the_time);
}

static int do_adopt(void)
{
	return adopt("draining", "8:1");
}

static int do_adopt_over(void)
{
	return adopt("new", "4:1");
}

static int do_move(void)
{
	return adopt("kubelet", "8:1");
}

static int do_vanish(void)
{
	return allocator_vanish(allocator, "kubelet", later(1));
}

static int do_conflict(void)
{
	return allocator_report_conflict(allocator, "kubelet", "new", range_of("1:1"), "active",
					 later(1));
}

static const struct {
	int (*request)(void);
	enum event_kind refused;
} cases[] = {
	{ do_allocate, EVENT_ALLOCATED }, { do_reuse, EVENT_REUSED },
	{ do_revive, EVENT_REVIVED },	  { do_tied, EVENT_BOUND },
	{ do_bind, EVENT_BOUND },	  { do_release, EVENT_RELEASED },
	{ do_end, EVENT_RELEASED },	  { do_reconcile, EVENT_RELEASED },
	{ do_drain, EVENT_DRAINED },	  { do_adopt, EVENT_ADOPTED },
	{ do_adopt_over, EVENT_REUSED },  { do_adopt_over, EVENT_ADOPTED },
	{ do_move, EVENT_ADOPTED },	  { do_move, EVENT_VANISHED },
	{ do_vanish, EVENT_VANISHED },	  { do_conflict, EVENT_CONFLICT },
};

/* A row in each state: two active, one of the kubelet, one released, one that drains. */
static void make_scene(void)
{
	ask("active");
	assert_int_equal(ask_tied("tied", 5, 50), 0);
	assert_int_equal(adopt("kubelet", "3:1"), 0);
	ask("released");
	give_back("released");
	assert_int_equal(ask_pool("draining", "kubelet"), 0);
	let_go("draining");
	later(1);
	commit();
	events();
}

static void run_sql(const char *sql)
{
	assert_int_equal(sqlite3_exec(allocator->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* From now on no such event can be written. */
static void refuse(enum event_kind kind)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.kind = %d"
		 " BEGIN SELECT RAISE(ABORT, 'refused'); END",
		 kind);
	run_sql(sql);
}

static void try(size_t i)
{
	_cleanup_(freep) char *before = NULL, *used = NULL;
	int r;

	set_pool(U, 8 * U, U);
	make_scene();
	if (cases[i].request == do_reuse) {
		give_back("active");
		give_back("tied");
		vanish("kubelet");
		drain();
		commit();
		events();
	}
	before = strdup(rows());
	used = strdup(units());
	refuse(cases[i].refused);
	r = cases[i].request();
	if (r != -EUCLEAN)
		fail_msg("case %zu: %d, %s", i, r, events());
	assert_true(*allocator_message(allocator));
	assert_string_equal(rows(), before);
	assert_string_equal(events(), "");
	assert_int_equal(allocator_get(allocator, "x", &answer), ALLOCATOR_E_NOT_FOUND);
	assert_string_equal(units(), used);
	run_sql("DROP TRIGGER refuse");
	/* what comes after it in the same batch is not touched by it */
	r = cases[i].request();
	if (r != 0)
		fail_msg("case %zu: %d", i, r);
	assert_int_equal(allocator_commit(allocator), 0);
	assert_true(*events());
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		allocator_teardown(state);
		life_setup(state);
		try(i);
	}
}

/* Pools that cannot be noted stay what they were. */
static void test_pools(void **state)
{
	struct pools pools = { calloc(1, sizeof(struct pool)), 1 };

	(void)state;
	pools.items[0] = (struct pool){
		.name = "kubelet", .valid = true, .unit = U, .range = { U, 5 * U }
	};
	ask("a");
	refuse(EVENT_POOL_CHANGED);
	assert_int_equal(allocator_set_pools(allocator, &pools, later(1)), -EUCLEAN);
	assert_int_equal(pools.items[0].range.count, 5 * U);
	assert_int_equal(allocator_pools(allocator)->items[0].range.count, 8 * U);
	assert_int_equal(allocator_get(allocator, "a", &answer), 0);
	assert_string_equal(units(), "1 0 0 0 0 7");
	run_sql("DROP TRIGGER refuse");
	events();
	assert_int_equal(allocator_set_pools(allocator, &pools, later(1)), 0);
	assert_string_equal(events(), "poolChanged kubelet 1:5");
	assert_string_equal(units(), "1 0 0 0 0 4");
	pools_done(&pools);
}

/* What a lost batch had changed is seen nowhere, and passes taken meanwhile count. */
static void test_lost_batch(void **state)
{
	(void)state;
	ask("a");
	ask("b");
	let_go("a");
	commit();
	later(1);
	see("");
	ask("c");
	let_go("b");
	run_sql("ROLLBACK");
	later(PASS_GAP_USEC);
	see("5:1");
	assert_int_equal(allocator_drain(allocator, the_time), -EIO);
	assert_int_equal(adopt("k", "6:1"), -EIO);
	assert_int_equal(tie("a", 5, 50) == -EIO || tie("a", 5, 50) == ALLOCATOR_E_NOT_FOUND, true);
	assert_int_equal(do_reconcile(), -EIO);
	assert_true(allocator_commit(allocator) < 0);
	assert_int_equal(allocator_get(allocator, "c", &answer), ALLOCATOR_E_NOT_FOUND);
	assert_string_equal(rows(), "a:1:1:draining b:2:1:active ");
	assert_string_equal(units(), "1 1 0 0 1 5");
	see("5:1");
	later(PASS_GAP_USEC);
	see("5:1");
	assert_true(has_drained());
	assert_string_equal(units(), "1 0 1 0 1 6");
	expect_range("c", OUTCOME_CREATED, 3 * U, U);
	commit();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_cases),
		TEST(test_pools),
		TEST(test_lost_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
