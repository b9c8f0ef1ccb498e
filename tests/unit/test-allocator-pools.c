/* SPDX-License-Identifier: MIT */

/* Several pools, and pools that change under their allocations. */

#include "allocator-rig.h"

static const struct pool_geometry both[] = {
	{ "kubelet", U, 4 * U, U, false },
	{ "containers", 200000, 4 * U, U, false },
};

static void test_which_pool(void **state)
{
	(void)state;
	assert_int_equal(ask("a"), ALLOCATOR_E_POOL_NEEDED); /* there is none */
	assert_int_equal(ask_pool("a", "kubelet"), ALLOCATOR_E_NO_SUCH_POOL);
	set_pools(both, 2);
	assert_int_equal(ask("a"), ALLOCATOR_E_POOL_NEEDED);
	assert_int_equal(ask_pool("a", "cri-o"), ALLOCATOR_E_NO_SUCH_POOL);
	assert_string_equal(refusal.pool, "cri-o");
	assert_int_equal(ask_pool("a", ""), ALLOCATOR_E_NO_SUCH_POOL);
	assert_int_equal(ask_pool("a", "containers"), 0);
	assert_int_equal(answer.range.start, 200000);
	/* it has one: none need be named, and another one must not be */
	expect_range("a", OUTCOME_EXISTING, 200000, U);
	assert_int_equal(ask_pool("a", "containers"), 0);
	assert_int_equal(ask_pool("a", "kubelet"), ALLOCATOR_E_POOL_MISMATCH);
	give_back("a");
	expect_range("a", OUTCOME_REVIVED, 200000, U);
	give_back("a");
	assert_int_equal(ask_pool("a", "kubelet"), 0);
	assert_int_equal(outcome, OUTCOME_CREATED);
	assert_int_equal(answer.range.start, U);
	assert_string_equal(rows(), "a:1:1:active :200000:65536:released ");
	give_back("a");
	/* a released one follows its pool's name, and without it goes to the only one */
	set_pools(both + 1, 1);
	expect_range("a", OUTCOME_CREATED, 200000 + U, U);
}

static void test_invalid(void **state)
{
	struct pool_geometry pools[] = { both[0], both[1] };
	struct allocation got;

	(void)state;
	set_pools(pools, 2);
	assert_int_equal(ask_pool("a", "kubelet"), 0);
	assert_int_equal(ask_pool("b", "containers"), 0);
	pools[0].is_invalid = true;
	set_pools(pools, 2);
	assert_int_equal(ask_pool("c", "kubelet"), ALLOCATOR_E_INVALID_POOL);
	assert_string_equal(refusal.pool, "kubelet");
	assert_int_equal(refusal.finding->rule, RULE_NO_ENTRY);
	/* all else goes on */
	assert_int_equal(ask_pool("c", "containers"), 0);
	assert_int_equal(allocator_get(allocator, "a", &got), 0);
	assert_false(got.in_pool);
	assert_int_equal(allocator_lookup(allocator, U, &got), 0);
	assert_int_equal(allocator_usage(allocator, 0, the_time).n_outside, 1);
	assert_int_equal(allocator_usage(allocator, 0, the_time).capacity, 0);
	assert_int_equal(allocator_usage(allocator, 1, the_time).active, 2);
	assert_true(give_back("a"));
	/* and back again: nothing was lost */
	pools[0].is_invalid = false;
	set_pools(pools, 2);
	expect_range("a", OUTCOME_REVIVED, U, U);
	assert_int_equal(allocator_usage(allocator, 0, the_time).n_outside, 0);
}

static void test_shrunk(void **state)
{
	struct allocation got;

	(void)state;
	set_pool(U, 4 * U, U);
	ask("a");
	ask("b");
	ask("c");
	give_back("c");
	set_pool(U, U, U);
	assert_string_equal(usage(), "1 1 0 0 2");
	expect_range("b", OUTCOME_EXISTING, 2 * U, U);
	assert_false(answer.in_pool);
	/* a released one outside cannot be had back, and its range is nobody's any more */
	assert_int_equal(ask("c"), ALLOCATOR_E_EXHAUSTED);
	give_back("a");
	expect_range("c", OUTCOME_CREATED, U, U);
	assert_int_equal(allocator_lookup(allocator, 3 * U, &got), ALLOCATOR_E_NOT_FOUND);
	assert_string_equal(usage(), "1 1 0 0 1");
	assert_true(give_back("b"));
	assert_string_equal(usage(), "1 1 0 0 1");
	/* back to what it was */
	set_pool(U, 4 * U, U);
	assert_string_equal(usage(), "4 1 2 3 0");
	expect_range("b", OUTCOME_REVIVED, 2 * U, U);
	expect_range("d", OUTCOME_CREATED, 4 * U, U);
	expect_range("e", OUTCOME_CREATED, 3 * U, U);
}

/* A pool that is moved over the ranges of another one, whose pods go on having them. */
static void test_moved(void **state)
{
	(void)state;
	set_pools(&both[1], 1);
	ask("a");
	ask("b");
	ask("c");
	give_back("b");
	set_pool(2 * U, 6 * U, U); /* 131072 to 524288; a is at 200000, c at 331072 */
	/* its units begin at 131072, 196608 and so on: only the first and the last are untouched */
	assert_string_equal(usage(), "6 4 0 2 0");
	expect_range("d", OUTCOME_CREATED, 2 * U, U);
	expect_range("e", OUTCOME_CREATED, 7 * U, U);
	assert_int_equal(ask("f"), ALLOCATOR_E_EXHAUSTED);
	give_back("a");
	assert_string_equal(usage(), "6 4 2 2 0");
	expect_range("f", OUTCOME_CREATED, 3 * U, U);
	assert_string_equal(rows(), "d:2:1:active f:3:1:active :262144:3392:released "
				    "b:265536:65536:released c:331072:65536:active e:7:1:active ");
	assert_string_equal(usage(), "6 5 1 1 0");
}

static void test_other_unit(void **state)
{
	(void)state;
	set_pool(2 * U, 8 * U, U);
	ask("a");
	ask("b");
	ask("c");
	give_back("b");
	set_pool(2 * U, 8 * U, 2 * U);
	/* units 2-3 (a, b's rest), 4-5 (c), 6-7, 8-9 */
	assert_string_equal(usage(), "4 2 0 2 0");
	expect_range("a", OUTCOME_EXISTING, 2 * U, U);
	/* its count is asked for by a runtime that knows what it got */
	assert_int_equal(ask_count("a", U), 0);
	assert_int_equal(outcome, OUTCOME_EXISTING);
	expect_range("b", OUTCOME_CREATED, 6 * U, 2 * U);
	give_back("a");
	assert_string_equal(usage(), "4 2 1 2 0");
	expect_range("d", OUTCOME_CREATED, 8 * U, 2 * U);
	expect_range("e", OUTCOME_CREATED, 2 * U, 2 * U);
	assert_string_equal(rows(), "e:2:2:active c:4:1:active b:6:2:active d:8:2:active ");
	/* smaller again */
	set_pool(2 * U, 8 * U, U);
	assert_string_equal(usage(), "8 7 0 1 0");
	expect_range("f", OUTCOME_CREATED, 5 * U, U);
}

static void test_removed(void **state)
{
	struct allocation got;

	(void)state;
	set_pools(both, 2);
	assert_int_equal(ask_pool("a", "kubelet"), 0);
	assert_int_equal(ask_pool("b", "containers"), 0);
	set_pools(both, 1);
	assert_int_equal(allocator_get(allocator, "b", &got), 0);
	assert_false(got.in_pool);
	assert_int_equal(allocator_lookup(allocator, 200001, &got), 0);
	assert_string_equal(got.pod, "b");
	expect_range("b", OUTCOME_EXISTING, 200000, U);
	assert_int_equal(ask_pool("b", "containers"), ALLOCATOR_E_NO_SUCH_POOL);
	assert_int_equal(ask_pool("b", "kubelet"), ALLOCATOR_E_POOL_MISMATCH);
	assert_true(give_back("b"));
	/* released, it may have another one */
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	set_pools(NULL, 0);
	expect_range("a", OUTCOME_EXISTING, U, U);
	assert_true(give_back("a"));
	set_pools(both, 2);
	expect_range("a", OUTCOME_REVIVED, U, U);
}

/* In the order of the units that are held, whatever the pool was called when they were. */
static void test_renamed(void **state)
{
	(void)state;
	set_pool(U, 2 * U, U);
	ask("a");
	set_pools(&(struct pool_geometry){ "other", U, 2 * U, U, false }, 1);
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	assert_int_equal(ask_pool("c", "other"), ALLOCATOR_E_EXHAUSTED);
	assert_true(give_back("a"));
	/* the pool of that name is gone: a new range, and the old one is free for it */
	expect_range("a", OUTCOME_CREATED, U, U);
	assert_string_equal(answer.pool, "other");
	assert_string_equal(rows(), "a:1:1:active b:2:1:active ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, allocator_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_which_pool), TEST(test_invalid), TEST(test_shrunk),  TEST(test_moved),
		TEST(test_other_unit), TEST(test_removed), TEST(test_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
