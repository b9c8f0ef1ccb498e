/* SPDX-License-Identifier: MIT */

/* Ranges that pods were started with are recorded, or what is in the way is told. */

#include "start-rig.h"

static void test_outcomes(void **state)
{
	(void)state;
	expect_recorded("a", "3:1", OUTCOME_CREATED);
	assert_string_equal(events(), "allocated a 3:1");
	expect_recorded("a", "3:0", OUTCOME_EXISTING);
	expect_recorded("a", "3:1", OUTCOME_EXISTING);
	assert_string_equal(events(), "");
	let_go("a");
	expect_recorded("a", "3:1", OUTCOME_REVIVED);
	give_back("a");
	expect_recorded("a", "3:1", OUTCOME_REVIVED);
	assert_string_equal(events(),
			    "released a 3:1 request; revived a 3:1; released a 3:1 request; "
			    "drained a 3:1; revived a 3:1");
	expect_recorded("b", "4:2", OUTCOME_CREATED);
	assert_string_equal(rows(), "a:3:1:active b:4:2:active ");
	/* a choice by the daemon goes around them, and knows them */
	expect_range("b", OUTCOME_EXISTING, 4 * U, 2 * U);
	assert_int_equal(ask_count("c", 4 * U), ALLOCATOR_E_EXHAUSTED);
	expect_range("c", OUTCOME_CREATED, U, U);
}

/* The range must be whole units of the pool that can be handed out. */
static void test_bad(void **state)
{
	static const struct {
		struct id_range range;
		int error;
	} cases[] = {
		{ { U + 1, U }, ALLOCATOR_E_BAD_START },
		{ { 3 * U / 2, U }, ALLOCATOR_E_BAD_START },
		{ { 9 * U, U }, ALLOCATOR_E_BAD_START },
		{ { 8 * U, 2 * U }, ALLOCATOR_E_BAD_START },
		{ { UINT32_MAX, 0 }, ALLOCATOR_E_BAD_START },
		{ { UINT32_MAX, U }, ALLOCATOR_E_BAD_START },
		{ { U, UINT32_MAX - U + 1 }, ALLOCATOR_E_BAD_START },
		{ { 2 * U, UINT32_MAX - U + 1 }, ALLOCATOR_E_BAD_START },
		{ { U, U / 2 }, ALLOCATOR_E_BAD_COUNT },
		{ { U, U + 1 }, ALLOCATOR_E_BAD_COUNT },
		{ { U, 1 }, ALLOCATOR_E_BAD_COUNT },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		char range[32];

		snprintf(range, sizeof(range), "%u:%u", cases[i].range.start, cases[i].range.count);
		expect_refused("a", range, plain, cases[i].error);
		expect_refused("a", range, (struct wish){ "kubelet" }, cases[i].error);
	}
	set_pool(RESERVED_START - 2 * U, 4 * U, 2 * U);
	events();
	expect_refused("a", "2147352576:131072", plain, ALLOCATOR_E_BAD_START);
	expect_refused("a", "2147221504:262144", plain, ALLOCATOR_E_BAD_START);
	assert_int_equal(record("a", "2147221504:131072", plain), 0);
}

/* A pod has one range. */
static void test_mismatch(void **state)
{
	(void)state;
	expect_recorded("a", "3:2", OUTCOME_CREATED);
	events();
	for (int i = 0; i < 2; i++) {
		static const char *const others[] = { "3:1", "4:1", "2:3", "5:1", "3:0", "3:3" };

		for (size_t k = 0; k < ELEMENTS_OF(others); k++) {
			expect_refused("a", others[k], plain, ALLOCATOR_E_RANGE_MISMATCH);
			assert_true(id_range_equal(refusal.range, range_of("3:2")));
		}
		if (i == 0)
			let_go("a");
		events();
	}
	drain();
	events();
	/* what it had gives way, its own units included */
	expect_recorded("a", "4:2", OUTCOME_CREATED);
	assert_string_equal(events(), "allocated a 4:2");
	assert_string_equal(rows(), ":3:1:released a:4:2:active ");
	give_back("a");
	expect_recorded("a", "7:1", OUTCOME_CREATED);
	assert_string_equal(rows(), ":3:1:released :4:2:released a:7:1:active ");
}

static void test_taken(void **state)
{
	(void)state;
	set_delay(HOUR, 0);
	expect_recorded("a", "3:2", OUTCOME_CREATED);
	adopt("k", "6:1");
	events();
	expect_taken("b", "3:1", plain, "a", "3:2", 0);
	expect_taken("b", "4:0", plain, "a", "3:2", 0);
	expect_taken("b", "1:8", plain, "a", "3:2", 0);
	expect_taken("b", "5:2", plain, "k", "6:1", 0);
	let_go("a");
	vanish("k");
	events();
	expect_taken("b", "2:2", plain, "a", "3:2", 0);
	expect_taken("b", "6:1", plain, "k", "6:1", 0);
	/* nobody's process explains what is another pod's */
	expect_taken("b", "3:1", (struct wish){ .pid = 7, .maps = { "3:1", "3:1" } }, "a", "3:2",
		     0);
	drain();
	events();
	/* it waits */
	expect_taken("b", "2:2", plain, "a", "3:2", 0);
	later(HOUR - 5);
	expect_taken("b", "2:2", plain, "a", "3:2", 0);
	later(5);
	expect_recorded("b", "2:2", OUTCOME_CREATED);
	assert_string_equal(events(), "reused a 3:2 by b; allocated b 2:2");
	expect_recorded("c", "5:2", OUTCOME_CREATED);
	assert_string_equal(events(), "reused k 6:1 by c; allocated c 5:2");
	assert_string_equal(rows(), "b:2:2:active :4:1:released c:5:2:active ");
	/* units that no pod can come back to wait as well */
	give_back("b");
	later(HOUR);
	give_back("c");
	expect_recorded("c", "7:1", OUTCOME_CREATED);
	events();
	expect_taken("d", "5:1", plain, "", "5:2", 0);
	/* but its own do not wait for a pod */
	give_back("c");
	expect_recorded("c", "7:2", OUTCOME_CREATED);
}

static void test_pools(void **state)
{
	struct pool_geometry pools[] = {
		{ "kubelet", U, 4 * U, U, false },
		{ "containers", 5 * U, 8 * U, 2 * U, false },
		{ "third", 20 * U, U, U, true },
	};

	(void)state;
	set_pools(pools, 2);
	assert_int_equal(record("a", "4:0", plain), 0);
	assert_string_equal(answer.pool, "kubelet");
	assert_int_equal(answer.range.count, U);
	assert_int_equal(record("b", "5:0", plain), 0);
	assert_string_equal(answer.pool, "containers");
	assert_int_equal(answer.range.count, 2 * U);
	assert_true(answer.in_pool);
	events();
	expect_refused("c", "4:2", plain, ALLOCATOR_E_BAD_START);
	expect_refused("c", "6:2", plain, ALLOCATOR_E_BAD_START);
	expect_refused("c", "14:1", plain, ALLOCATOR_E_BAD_START);
	expect_refused("c", "3:1", (struct wish){ "containers" }, ALLOCATOR_E_BAD_COUNT);
	expect_refused("c", "3:2", (struct wish){ "containers" }, ALLOCATOR_E_BAD_START);
	expect_refused("c", "3:1", (struct wish){ "none" }, ALLOCATOR_E_NO_SUCH_POOL);
	assert_string_equal(refusal.pool, "none");
	expect_refused("a", "4:1", (struct wish){ "containers" }, ALLOCATOR_E_POOL_MISMATCH);
	expect_refused("b", "5:2", (struct wish){ "kubelet" }, ALLOCATOR_E_POOL_MISMATCH);
	/* of a range that is in no pool nothing can be said while one is invalid */
	set_pools(pools, 3);
	events();
	expect_refused("c", "20:1", plain, ALLOCATOR_E_INVALID_POOL);
	assert_string_equal(refusal.pool, "third");
	assert_non_null(refusal.finding);
	expect_refused("c", "3:1", (struct wish){ "third" }, ALLOCATOR_E_INVALID_POOL);
	assert_int_equal(record("c", "3:1", plain), 0);
}

/* Rows of before are in the way wherever they lie now, and their pods keep them. */
static void test_pools_changed(void **state)
{
	(void)state;
	expect_recorded("a", "3:1", OUTCOME_CREATED);
	expect_recorded("b", "4:1", OUTCOME_CREATED);
	give_back("b");
	set_pools(&(struct pool_geometry){ "other", 2 * U, 8 * U, 2 * U, false }, 1);
	events();
	expect_recorded("a", "3:1", OUTCOME_EXISTING);
	expect_refused("a", "3:1", (struct wish){ "other" }, ALLOCATOR_E_POOL_MISMATCH);
	expect_taken("c", "2:2", plain, "a", "3:1", 0);
	expect_recorded("c", "4:0", OUTCOME_CREATED);
	assert_string_equal(events(), "reused b 4:1 by c; allocated c 4:2");
	/* the pool is gone, and so is its unit */
	set_pools(&(struct pool_geometry){ "far", 20 * U, U, U, false }, 1);
	events();
	expect_recorded("c", "4:2", OUTCOME_EXISTING);
	assert_false(answer.in_pool);
	expect_refused("c", "4:0", plain, ALLOCATOR_E_BAD_START);
	expect_refused("c", "5:1", plain, ALLOCATOR_E_BAD_START);
	/* a range that comes back under another pool's name belongs to that */
	give_back("c");
	set_pools(&(struct pool_geometry){ "new", 4 * U, 4 * U, U, false }, 1);
	assert_int_equal(record("c", "4:2", plain), 0);
	assert_int_equal(outcome, OUTCOME_REVIVED);
	assert_string_equal(answer.pool, "new");
	assert_true(answer.in_pool);
	assert_int_equal(allocator_usage(allocator, 0, the_time).n_outside, 0);
	/* while the pod's pool is invalid */
	set_pools(&(struct pool_geometry){ "new", 4 * U, 4 * U, U, true }, 1);
	events();
	expect_refused("c", "4:2", plain, ALLOCATOR_E_INVALID_POOL);
}

/* A batch that is lost, a daemon that starts anew. */
static void test_durable(void **state)
{
	(void)state;
	expect_recorded("a", "3:1", OUTCOME_CREATED);
	commit();
	expect_recorded("b", "4:1", OUTCOME_CREATED);
	restart();
	set_pool(U, 8 * U, U);
	assert_string_equal(rows(), "a:3:1:active ");
	expect_recorded("a", "3:1", OUTCOME_EXISTING);
	expect_recorded("b", "4:1", OUTCOME_CREATED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_outcomes), TEST(test_bad),   TEST(test_mismatch),
		TEST(test_taken),    TEST(test_pools), TEST(test_pools_changed),
		TEST(test_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
