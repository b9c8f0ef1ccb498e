/* SPDX-License-Identifier: MIT */

/* Which released units go first, how long they wait, and who gets the old range back. */

#include "allocator-life.h"

/* The order is that in which they had drained, not that in which they were given back. */
static void test_order_of_drains(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	ask("a");
	ask("b");
	ask("c");
	let_go("a");
	let_go("b");
	let_go("c");
	later(1);
	see("1:1 2:1");
	later(PASS_GAP_USEC);
	see("1:1 2:1");
	assert_true(has_drained());
	see("1:1");
	later(PASS_GAP_USEC);
	see("1:1");
	assert_true(has_drained());
	drain();
	commit();
	start_with(3);
	expect_range("d", OUTCOME_CREATED, 3 * U, U);
	expect_range("e", OUTCOME_CREATED, 2 * U, U);
	expect_range("f", OUTCOME_CREATED, U, U);
}

/* Those that end in one pass keep the order in which they were given back. */
static void test_order_kept(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	ask("a");
	ask("b");
	ask("c");
	let_go("c");
	let_go("a");
	let_go("b");
	drain();
	expect_range("d", OUTCOME_CREATED, 3 * U, U);
	expect_range("e", OUTCOME_CREATED, U, U);
	expect_range("f", OUTCOME_CREATED, 2 * U, U);
}

/* With 110 units and 100 pods under churn the next pods never get the ranges just released. */
static void test_distance(void **state)
{
	uint32_t last[9] = {};
	char pods[100][16];

	(void)state;
	set_pool(U, 110 * U, U);
	for (int i = 0; i < 1000; i++) {
		char *pod = pods[i * 37 % 100];

		if (i >= 100) {
			memmove(last + 1, last, sizeof(last) - sizeof(*last));
			assert_true(give_back(pod));
			last[0] = answer.range.start;
		}
		snprintf(pod, sizeof(pods[0]), "p%d", i);
		assert_int_equal(ask(pod), 0);
		for (size_t j = 0; j < ELEMENTS_OF(last); j++)
			assert_int_not_equal(answer.range.start, last[j]);
	}
}

/* From the end of the draining on, to the microsecond. */
static void test_delay(void **state)
{
	(void)state;
	set_delay(HOUR, 0);
	set_pool(U, U, U);
	ask("a");
	let_go("a");
	later(2 * HOUR);
	drain();
	assert_string_equal(units(), "0 0 1 1 0 0");
	later(HOUR - 2);
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED); /* a microsecond later each */
	assert_int_equal(refusal.usage.waiting, 1);
	expect_range("b", OUTCOME_CREATED, U, U);
}

static void test_delay_ends(void **state)
{
	(void)state;
	set_pool(U, 2 * U, U);
	ask("a");
	ask("b");
	give_back("a");
	later(HOUR);
	give_back("b");
	set_delay(HOUR, 0);
	assert_string_equal(units(), "0 0 2 1 0 1");
	assert_int_equal(ask_count("c", 2 * U), ALLOCATOR_E_EXHAUSTED);
	expect_range("c", OUTCOME_CREATED, U, U);
	assert_int_equal(ask("d"), ALLOCATOR_E_EXHAUSTED);
	/* the configuration decides, not what it was at the release */
	set_delay(0, 0);
	expect_range("d", OUTCOME_CREATED, 2 * U, U);
}

/* The pod itself need not wait. */
static void test_delay_is_for_others(void **state)
{
	(void)state;
	set_delay(HOUR, 0);
	set_pool(U, U, U);
	ask("a");
	give_back("a");
	expect_range("a", OUTCOME_REVIVED, U, U);
}

/* A year of the date, in either direction, is not an hour of the machine. */
static void test_dates(void **state)
{
	(void)state;
	set_delay(HOUR, HOUR);
	set_pool(U, U, U);
	ask("a");
	let_go("a");
	the_time.wall += 10 * YEAR;
	drain();
	the_time.wall += 10 * YEAR;
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	the_time.wall -= 40 * YEAR;
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	later(HOUR);
	the_time.wall = 1;
	expect_range("b", OUTCOME_CREATED, U, U);
	/* draining, too */
	let_go("b");
	the_time.wall += 100 * YEAR;
	assert_false(has_drained());
	see("");
	the_time.wall += YEAR;
	see("");
	assert_false(has_drained());
	the_time.wall -= 20 * YEAR;
	drain();
	assert_string_equal(rows(), "b:1:1:released ");
}

/* While the daemon is down time goes by as well, in the same boot. */
static void test_restarts(void **state)
{
	(void)state;
	set_pool(U, U, U);
	ask("a");
	give_back("a");
	commit();
	for (int i = 0; i < 4; i++) {
		later(HOUR / 4 - SECOND);
		start_with(1);
		set_delay(HOUR, 0);
		assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	}
	later(4 * SECOND);
	expect_range("b", OUTCOME_CREATED, U, U);
}

static void test_revival(void **state)
{
	(void)state;
	ask("a");
	let_go("a");
	later(1);
	see("1:1");
	/* what lives in it is the pod's own */
	expect_range("a", OUTCOME_REVIVED, U, U);
	assert_int_equal(answer.clock, 0);
	assert_int_equal(answer.release_order, 0);
	assert_int_equal(answer.released_at, 0);
	assert_int_equal(answer.created_at, the_time.wall);
	give_back("a");
	expect_range("a", OUTCOME_REVIVED, U, U);
	assert_string_equal(events(), "allocated a 1:1; released a 1:1 request; revived a 1:1; "
				      "released a 1:1 request; drained a 1:1; revived a 1:1");
}

/* Somebody else has moved in: the pod gets another range, and nobody gets the old one. */
static void test_no_revival(void **state)
{
	struct allocation got;

	(void)state;
	set_pool(U, 2 * U, U);
	ask("a");
	give_back("a");
	see("65536:1");
	assert_string_equal(units(), "0 0 0 0 1 1");
	expect_range("a", OUTCOME_CREATED, 2 * U, U);
	assert_string_equal(rows(), ":1:1:released a:2:1:active ");
	assert_int_equal(allocator_lookup(allocator, U, &got), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(refusal.usage.foreign, 1);
	/* the same for a part of several units */
	see("");
	give_back("a");
	assert_int_equal(ask_count("c", 2 * U), 0);
	assert_string_equal(
		events(),
		"poolChanged kubelet 1:2; allocated a 1:1; released a 1:1 request; "
		"drained a 1:1; allocated a 2:1; released a 2:1 request; drained a 2:1; reused a 2:1 by c; "
		"allocated c 1:2");
	give_back("c");
	see("2:1");
	assert_int_equal(ask("c"), 0);
	assert_int_equal(outcome, OUTCOME_CREATED);
	assert_int_equal(answer.range.start, U);
	assert_int_equal(answer.range.count, U);
}

/* A range that drains and that is in two pieces by now, as the units are cut in another way. */
static void test_revival_after_a_change(void **state)
{
	(void)state;
	ask("a");
	let_go("a");
	set_pool(U, 8 * U, 2 * U);
	expect_range("a", OUTCOME_CREATED, 3 * U, 2 * U);
	let_go("a");
	set_pool(U, 8 * U, U);
	expect_range("a", OUTCOME_REVIVED, 3 * U, 2 * U);
	let_go("a");
	set_pool(2 * U, 6 * U, 2 * U);
	expect_range("a", OUTCOME_CREATED, 6 * U, 2 * U);
	assert_string_equal(rows(), ":1:1:draining :3:2:draining a:6:2:active ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_order_of_drains),
		TEST(test_order_kept),
		TEST(test_distance),
		TEST(test_delay),
		TEST(test_delay_ends),
		TEST(test_delay_is_for_others),
		TEST(test_dates),
		TEST(test_restarts),
		TEST(test_revival),
		TEST(test_no_revival),
		TEST(test_revival_after_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
