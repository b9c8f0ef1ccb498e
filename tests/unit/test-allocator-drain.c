/* SPDX-License-Identifier: MIT */

/* Released ranges: nobody gets them until nothing has lived there for two passes. */

#include "allocator-life.h"

/* Pods with one unit each. */
static void give_all(const char *pods)
{
	for (; *pods; pods++)
		assert_int_equal(ask((const char[]){ *pods, 0 }), 0);
}

static void test_two_passes(void **state)
{
	(void)state;
	set_pool(U, U, U);
	ask("a");
	assert_int_equal(answer.state, ALLOCATION_ACTIVE);
	assert_int_equal(answer.clock, 0);
	let_go("a");
	assert_int_equal(answer.state, ALLOCATION_DRAINING);
	assert_string_equal(units(), "0 1 0 0 0 0");
	assert_int_equal(allocator_n_draining(allocator), 1);
	/* without a pass nothing ends, however long it takes */
	later(YEAR);
	assert_false(has_drained());
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(refusal.usage.draining, 1);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC - 1);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
	assert_string_equal(rows(), "a:1:1:released ");
	assert_string_equal(units(), "0 0 1 0 0 1");
	assert_int_equal(allocator_n_draining(allocator), 0);
	expect_range("b", OUTCOME_CREATED, U, U);
}

/* A pass may have looked at a process before that one was let into the range. */
static void test_begun_before(void **state)
{
	uint64_t began;

	(void)state;
	give_all("a");
	began = later(1).boot;
	let_go("a");
	later(SECOND);
	see_since(began, "");
	later(PASS_GAP_USEC);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
}

/* In the very moment of the release counts as before it. */
static void test_begun_at_once(void **state)
{
	(void)state;
	give_all("a");
	let_go("a");
	see("");
	later(PASS_GAP_USEC);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
}

/* The gap is from the end of one to the beginning of the other. */
static void test_long_passes(void **state)
{
	uint64_t began;

	(void)state;
	give_all("a");
	let_go("a");
	began = later(1).boot;
	later(10 * SECOND);
	see_since(began, "");
	began = later(PASS_GAP_USEC - 1).boot;
	later(10 * SECOND);
	see_since(began, "");
	assert_false(has_drained());
	began = later(PASS_GAP_USEC).boot;
	see_since(began, "");
	assert_true(has_drained());
}

/* Whatever overlaps the range is life in it; what touches it is not. */
static void test_life(void **state)
{
	static const char *const alive[] = {
		"2:1",		/* the range itself */
		"1:8",		/* around it */
		"131072:1",	/* its first ID */
		"196607:1",	/* its last */
		"131000:100",	/* over its beginning */
		"196000:70000", /* over its end */
		"150000:10",	/* in the middle */
		"1:1 3:1 2:1",
	};

	(void)state;
	give_all("abc");
	let_go("b");
	for (size_t i = 0; i < ELEMENTS_OF(alive); i++) {
		/* in one of two passes is enough, whichever it is */
		for (int last = 0; last < 3; last++) {
			later(PASS_GAP_USEC);
			see(last == 0 ? alive[i] : "");
			later(PASS_GAP_USEC);
			see(last == 1 ? alive[i] : "");
			if (last < 2 && has_drained())
				fail_msg("%s is no life", alive[i]);
			if (last < 2)
				continue;
			assert_true(has_drained());
			expect_range("b", OUTCOME_REVIVED, 2 * U, U);
			let_go("b");
		}
	}
	later(PASS_GAP_USEC);
	see("1:1 3:1");
	later(PASS_GAP_USEC);
	see("1:1 3:6");
	assert_true(has_drained());
}

static void test_some_of_them(void **state)
{
	(void)state;
	give_all("abcd");
	let_go("a");
	let_go("b");
	let_go("c");
	later(1);
	see("2:1");
	later(PASS_GAP_USEC);
	let_go("d");
	later(1);
	see("2:1");
	assert_true(has_drained());
	assert_string_equal(rows(), "a:1:1:released b:2:1:draining c:3:1:released d:4:1:draining ");
	assert_string_equal(events(),
			    "allocated a 1:1; allocated b 2:1; allocated c 3:1; allocated d 4:1; "
			    "released a 1:1 request; released b 2:1 request; "
			    "released c 3:1 request; released d 4:1 request; "
			    "drained a 1:1; drained c 3:1");
	/* the same passes tell no more */
	assert_false(has_drained());
}

/* Comes back while it drains, and goes again: all begins anew. */
static void test_again(void **state)
{
	(void)state;
	give_all("a");
	let_go("a");
	later(1);
	see("");
	expect_range("a", OUTCOME_REVIVED, U, U);
	later(1);
	let_go("a");
	later(PASS_GAP_USEC);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
}

static void test_blind(void **state)
{
	(void)state;
	set_delay(0, 60 * SECOND);
	give_all("ab");
	let_go("a");
	later(PASS_GAP_USEC);
	see_blindly("");
	later(PASS_GAP_USEC);
	see_blindly("");
	assert_false(has_drained());
	/* a pass that saw everything and one that did not are no pair, in neither order */
	later(PASS_GAP_USEC);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see_blindly("");
	assert_false(has_drained());
	let_go("b");
	/* the time runs from when sight was lost */
	later(59 * SECOND);
	see_blindly("");
	assert_false(has_drained());
	/* what it does see counts */
	later(2 * SECOND);
	see_blindly("1:2");
	assert_false(has_drained());
	see_blindly("2:1");
	assert_true(has_drained());
	assert_string_equal(rows(), "a:1:1:released b:2:1:draining ");
	see_blindly("");
	assert_true(has_drained());
}

/* The time limit is for the blind: who sees waits as long as it takes. */
static void test_sight(void **state)
{
	(void)state;
	set_delay(0, 60 * SECOND);
	give_all("a");
	let_go("a");
	for (int i = 0; i < 10; i++) {
		later(HOUR);
		see("1:1");
		assert_false(has_drained());
	}
	/* not seen any more, then no longer able to see: that pass may have missed it */
	later(HOUR);
	see("");
	assert_false(has_drained());
	allocator_lose_sight(allocator, the_time);
	assert_false(has_drained());
	later(60 * SECOND + 1);
	allocator_lose_sight(allocator, the_time);
	assert_true(has_drained());
}

static void test_lose_sight(void **state)
{
	(void)state;
	set_delay(0, 60 * SECOND);
	give_all("a");
	let_go("a");
	later(1);
	see("1:1");
	later(PASS_GAP_USEC);
	allocator_lose_sight(allocator, the_time);
	assert_false(has_drained());
	later(HOUR);
	allocator_lose_sight(allocator, the_time);
	/* what was last seen in it may be there still */
	assert_false(has_drained());
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
}

/* Before the first pass, too. */
static void test_never_seen(void **state)
{
	(void)state;
	set_delay(0, 60 * SECOND);
	give_all("a");
	let_go("a");
	allocator_lose_sight(allocator, the_time);
	assert_false(has_drained());
	later(60 * SECOND);
	allocator_lose_sight(allocator, the_time);
	assert_false(has_drained());
	later(1);
	allocator_lose_sight(allocator, the_time);
	assert_true(has_drained());
}

/* Rows whose pod has another range, and rows that lie in no pool any more. */
static void test_left_behind(void **state)
{
	(void)state;
	assert_int_equal(ask_count("a", 2 * U), 0);
	give_all("b");
	let_go("a");
	assert_int_equal(ask_count("a", U), 0);
	assert_int_equal(answer.range.start, 4 * U);
	assert_string_equal(rows(), ":1:2:draining b:3:1:active a:4:1:active ");
	let_go("b");
	set_pool(20 * U, U, U);
	assert_int_equal(allocator_n_draining(allocator), 2);
	drain();
	assert_string_equal(rows(), ":1:2:released b:3:1:released a:4:1:active ");
	assert_string_equal(events(), "allocated a 1:2; allocated b 3:1; released a 1:2 request; "
				      "allocated a 4:1; released b 3:1 request; "
				      "poolChanged kubelet 20:1; drained  1:2; drained b 3:1");
	set_pools(NULL, 0);
	let_go("a");
	drain();
	assert_int_equal(allocator_n_draining(allocator), 0);
	set_pool(U, 4 * U, U);
	assert_int_equal(ask_count("c", 2 * U), 0);
	assert_int_equal(answer.range.start, U);
}

/* More than one piece of the work, with other requests between. */
static void test_pieces(void **state)
{
	int n_pieces = 0;
	char pod[16];

	(void)state;
	set_pool(U, 3000 * U, U);
	for (int i = 0; i < 2600; i++) {
		snprintf(pod, sizeof(pod), "p%04d", i);
		assert_int_equal(ask(pod), 0);
		let_go(pod);
	}
	later(1);
	/* the first ones live, so that there are pieces in which nothing ends */
	see("1:2500");
	later(PASS_GAP_USEC);
	see("1:2500");
	while (allocator_drain(allocator, the_time) == 1) {
		n_pieces++;
		if (n_pieces == 3) {
			expect_range("p0000", OUTCOME_REVIVED, U, U);
			expect_range("p2599", OUTCOME_REVIVED, 2600 * U, U);
			let_go("p2599");
		}
	}
	assert_true(n_pieces >= 100 / 16 + 2);
	assert_int_equal(allocator_n_draining(allocator), 2500);
	assert_string_equal(strstr(rows(), "p2598"),
			    "p2598:2599:1:released p2599:2600:1:draining ");
	drain();
	assert_int_equal(allocator_n_draining(allocator), 0);
	assert_string_equal(units(), "1 0 2599 0 0 2999");
}

/* A daemon that starts has seen nothing yet, and forgets nothing. */
static void test_restart(void **state)
{
	(void)state;
	give_all("ab");
	let_go("a");
	commit();
	later(1);
	see("");
	later(PASS_GAP_USEC);
	start_with(8);
	see("");
	assert_false(has_drained());
	assert_string_equal(units(), "1 1 0 0 0 6");
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
	/* the end was not committed: it drains again, and ends again */
	start_with(8);
	assert_string_equal(rows(), "a:1:1:draining b:2:1:active ");
	drain();
	commit();
	start_with(8);
	assert_string_equal(rows(), "a:1:1:released b:2:1:active ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_two_passes),	TEST(test_begun_before), TEST(test_begun_at_once),
		TEST(test_long_passes), TEST(test_life),	 TEST(test_some_of_them),
		TEST(test_again),	TEST(test_blind),	 TEST(test_sight),
		TEST(test_lose_sight),	TEST(test_never_seen),	 TEST(test_left_behind),
		TEST(test_pieces),	TEST(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
