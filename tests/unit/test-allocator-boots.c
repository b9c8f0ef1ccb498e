/* SPDX-License-Identifier: MIT */

/* The clock of the allocator over boots of the machine, and what is judged by it. */

#include "allocator-life.h"

#define BOOT_2 "22222222-2222-2222-2222-222222222222"
#define BOOT_3 "33333333-3333-3333-3333-333333333333"

/* Nothing is known of the time in which the machine was off: the clock goes on where it stood. */
static void test_boots(void **state)
{
	(void)state;
	set_pool(U, 2 * U, U);
	ask("a");
	ask("b");
	give_back("a");
	later(HOUR / 2);
	give_back("b");
	commit();
	/* the clock of the boot begins at 0 */
	start_boot(BOOT_2, 0);
	the_time.wall += 10 * YEAR;
	start_with(2);
	set_delay(HOUR, 0);
	assert_string_equal(units(), "0 0 2 2 0 0");
	later(HOUR / 2 - 3 * SECOND);
	assert_int_equal(ask("c"), ALLOCATOR_E_EXHAUSTED);
	later(3 * SECOND);
	expect_range("c", OUTCOME_CREATED, U, U);
	assert_string_equal(units(), "1 0 1 1 0 0");
	commit();
	/* or far ahead of it */
	start_boot(BOOT_3, 10 * YEAR);
	start_with(2);
	set_delay(HOUR, 0);
	assert_int_equal(ask("d"), ALLOCATOR_E_EXHAUSTED);
	later(HOUR);
	expect_range("d", OUTCOME_CREATED, 2 * U, U);
}

/* At a clean end the clock is kept: the time until then counts, however often the machine boots. */
static void test_clean_ends(void **state)
{
	static const char *const boots[] = { BOOT_2, BOOT_3, BOOT_2 };

	(void)state;
	set_pool(U, U, U);
	ask("a");
	give_back("a");
	for (size_t i = 0; i < ELEMENTS_OF(boots); i++) {
		later(HOUR / 3);
		assert_int_equal(allocator_keep_clock(allocator, the_time), 0);
		commit();
		start_boot(boots[i], 0);
		start_with(1);
		set_delay(HOUR + 10, 0); /* each question takes 1 us */
		assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	}
	later(10);
	expect_range("b", OUTCOME_CREATED, U, U);
}

/* What is released in a later boot comes later, though that boot's clock stands before. */
static void test_order_over_boots(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	ask("a");
	ask("b");
	ask("c");
	give_back("b");
	commit();
	start_boot(BOOT_2, SECOND);
	start_with(3);
	give_back("c");
	commit();
	start_boot(BOOT_3, 0);
	start_with(3);
	give_back("a");
	set_delay(1, 0);
	later(1);
	assert_string_equal(units(), "0 0 3 0 0 3");
	expect_range("d", OUTCOME_CREATED, 2 * U, U);
	expect_range("e", OUTCOME_CREATED, 3 * U, U);
	expect_range("f", OUTCOME_CREATED, U, U);
}

/* Set back to a snapshot, in what says it is the same boot. */
static void test_clock_before(void **state)
{
	(void)state;
	set_delay(HOUR, 0);
	set_pool(U, 2 * U, U);
	later(HOUR);
	ask("a");
	give_back("a");
	ask("b");
	let_go("b");
	commit();
	the_time.boot = 2000 * SECOND;
	start_with(2);
	set_delay(HOUR, 0);
	assert_string_equal(units(), "0 1 1 1 0 0");
	later(1);
	drain();
	assert_string_equal(units(), "0 0 2 2 0 0");
	later(HOUR - 4 * SECOND);
	assert_string_equal(units(), "0 0 2 2 0 0");
	later(2 * SECOND);
	assert_string_equal(units(), "0 0 2 1 0 1");
}

/* Draining goes on in another boot, with passes of that one. */
static void test_draining_over_boots(void **state)
{
	(void)state;
	set_delay(0, HOUR);
	ask("a");
	ask("b");
	let_go("a");
	commit();
	start_boot(BOOT_2, 0);
	start_with(8);
	see("");
	assert_false(has_drained());
	later(PASS_GAP_USEC);
	see("");
	later(PASS_GAP_USEC);
	see("");
	assert_true(has_drained());
	let_go("b");
	commit();
	start_boot(BOOT_3, 0);
	start_with(8);
	set_delay(0, HOUR);
	allocator_lose_sight(allocator, the_time);
	assert_false(has_drained());
	later(HOUR + 1);
	allocator_lose_sight(allocator, the_time);
	assert_true(has_drained());
}

/* A pass that began before the daemon knew its clock ends nothing by mistake. */
static void test_pass_before_the_clock(void **state)
{
	(void)state;
	ask("a");
	let_go("a");
	see_since(0, "");
	later(PASS_GAP_USEC);
	see("");
	assert_false(has_drained());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_boots),
		TEST(test_clean_ends),
		TEST(test_order_over_boots),
		TEST(test_clock_before),
		TEST(test_draining_over_boots),
		TEST(test_pass_before_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
