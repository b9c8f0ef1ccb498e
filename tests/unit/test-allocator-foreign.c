/* SPDX-License-Identifier: MIT */

/* Units in use by somebody who did not ask for them. */

#include "allocator-life.h"

static char listed[512];

static int add_claim(const struct claim *claim, void *userdata)
{
	uint32_t in = claim->range.start % U || claim->range.count % U ? 1 : U;

	assert_int_equal(*(int *)userdata, 5);
	sprintf(listed + strlen(listed), "%u:%u ", claim->range.start / in,
		claim->range.count / in);
	return 0;
}

static const char *foreign(size_t pool)
{
	int userdata = 5;

	*listed = 0;
	assert_int_equal(allocator_each_foreign(allocator, pool, add_claim, &userdata), 0);
	return listed;
}

/* What is in use now, and has been for long enough that nothing else is remembered. */
static void settle(const char *claims)
{
	see(claims);
	see(claims);
}

/* Somebody who forks and exits can hide from one pass. */
static void test_hidden(void **state)
{
	(void)state;
	see("1:1 2:1");
	see("2:1 3:1");
	assert_string_equal(units(), "0 0 0 0 3 5");
	assert_string_equal(foreign(0), "1:1 2:1 3:1 ");
	see("");
	assert_string_equal(units(), "0 0 0 0 2 6");
	see("");
	assert_string_equal(units(), "0 0 0 0 0 8");
}

/* Where a claim lies, which units it makes foreign. */
static void test_units(void **state)
{
	static const struct {
		const char *claims;
		const char *units; /* in their order: f foreign, . not */
	} cases[] = {
		{ "", "........" },
		{ "1:1", "f......." },
		{ "8:1", ".......f" },
		{ "1:8", "ffffffff" },
		{ "1:1000", "ffffffff" },
		{ "9:1", "........" },
		{ "65536:1", "f......." },
		{ "131071:1", "f......." },
		{ "131071:2", "ff......" },
		{ "196607:65538", ".fff...." },
		{ "589823:1", ".......f" },
		{ "589824:1", "........" },
		{ "589823:4000000000", ".......f" },
		/* nested and overlapping, and one that begins before the pool */
		{ "2:3 3:1 3:2 7:1", ".fff..f." },
		{ "65536:70000 2:2", "fff....." },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		char pod[16];

		settle(cases[i].claims);
		for (uint32_t unit = 0; unit < 8; unit++) {
			if (cases[i].units[unit] == 'f')
				continue;
			snprintf(pod, sizeof(pod), "p%u", unit);
			if (ask(pod) != 0 || answer.range.start != (unit + 1) * U)
				fail_msg("%s: unit %u is %u", cases[i].claims, unit,
					 answer.range.start / U);
		}
		assert_int_equal(ask("x"), ALLOCATOR_E_EXHAUSTED);
		restart();
		set_pool(U, 8 * U, U);
	}
}

/* Whoever was there first: a claim over an allocation is that one's own. */
static void test_explained(void **state)
{
	(void)state;
	ask("a");
	ask("b");
	settle("1:1 2:1 3:1");
	assert_string_equal(units(), "2 0 0 0 1 5");
	assert_string_equal(foreign(0), "3:1 ");
	/* draining explains it too, released does not */
	let_go("a");
	assert_string_equal(units(), "1 1 0 0 1 5");
	drain();
	assert_string_equal(units(), "1 0 1 0 0 7");
	settle("1:1");
	assert_string_equal(units(), "1 0 0 0 1 6");
	/* in the order of their start; a claim over both kinds is listed once */
	settle("1:8 2:1 200000:1");
	assert_string_equal(foreign(0), "1:8 200000:1 ");
	assert_string_equal(units(), "1 0 0 0 7 0");
	settle("");
	assert_string_equal(units(), "1 0 1 0 0 7");
	assert_string_equal(foreign(0), "");
}

/* A unit that is foreign no more is what it was before, in its old place. */
static void test_gone(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	ask("a");
	ask("b");
	ask("c");
	give_back("c");
	give_back("a");
	give_back("b");
	settle("1:3");
	assert_string_equal(units(), "0 0 0 0 3 0");
	assert_int_equal(ask("d"), ALLOCATOR_E_EXHAUSTED);
	settle("1:1");
	settle("");
	expect_range("d", OUTCOME_CREATED, 3 * U, U);
	expect_range("e", OUTCOME_CREATED, U, U);
	expect_range("f", OUTCOME_CREATED, 2 * U, U);
	set_pool(U, 8 * U, U);
	settle("4:1 6:2");
	set_delay(HOUR, 0);
	assert_string_equal(units(), "3 0 0 0 3 2");
	settle("");
	expect_range("g", OUTCOME_CREATED, 4 * U, U);
}

/* A foreign unit that had been released goes on waiting from its release on. */
static void test_wait(void **state)
{
	(void)state;
	set_pool(U, U, U);
	set_delay(HOUR, 0);
	ask("a");
	give_back("a");
	settle("1:1");
	assert_string_equal(units(), "0 0 0 0 1 0");
	later(HOUR / 2);
	settle("");
	assert_string_equal(units(), "0 0 1 1 0 0");
	later(HOUR / 2);
	assert_string_equal(units(), "0 0 1 0 0 1");
}

/* The same map is in several pools, and pools change under it. */
static void test_pools(void **state)
{
	const struct pool_geometry two[] = {
		{ "kubelet", U, 4 * U, U, false },
		{ "containers", 5 * U, 8 * U, 2 * U, false },
	};

	(void)state;
	set_pools(two, 2);
	settle("4:2");
	assert_int_equal(allocator_usage(allocator, 0, the_time).foreign, 1);
	assert_int_equal(allocator_usage(allocator, 1, the_time).foreign, 1);
	assert_string_equal(foreign(0), "4:2 ");
	assert_string_equal(foreign(1), "4:2 ");
	assert_int_equal(ask_pool("a", "containers"), 0);
	assert_int_equal(answer.range.start, 7 * U);
	/* pools that come later know of it */
	set_pool(4 * U, 3 * U, U);
	assert_string_equal(units(), "0 0 0 0 2 1");
	set_pool(3 * U, 4 * U, 2 * U);
	assert_string_equal(units(), "0 0 0 0 2 0");
	/* a part of the unit is claimed, the other one drains: both must end */
	set_pool(9 * U, U, U);
	ask("b");
	let_go("b");
	set_pool(9 * U, 2 * U, 2 * U);
	later(1);
	see("10:1");
	assert_string_equal(units(), "0 1 0 0 0 0");
	later(PASS_GAP_USEC);
	see("10:1");
	assert_true(has_drained());
	assert_string_equal(units(), "0 0 0 0 1 0");
	settle("");
	assert_string_equal(units(), "0 0 1 0 0 1");
	/* without a valid pool there is nothing to take */
	set_pools(&(struct pool_geometry){ "kubelet", U, U, U, true }, 1);
	settle("1:9");
	assert_int_equal(allocator_usage(allocator, 0, the_time).foreign, 0);
	assert_string_equal(foreign(0), "");
}

static void test_reserved(void **state)
{
	(void)state;
	set_pool(RESERVED_START - U, 3 * U, U);
	settle("2147287040:196608");
	assert_string_equal(units(), "0 0 0 0 2 0");
	assert_int_equal(ask("a"), ALLOCATOR_E_EXHAUSTED);
	settle("");
	assert_string_equal(units(), "0 0 0 0 0 2");
	assert_int_equal(allocator_usage(allocator, 0, the_time).capacity, 2);
}

/* Files of the kubelet that are no allocations stay claimed whatever the processes do. */
static void test_kubelet(void **state)
{
	(void)state;
	see_kubelet("2:1 100000:1");
	assert_string_equal(units(), "0 0 0 0 2 6");
	settle("2:2");
	assert_string_equal(units(), "0 0 0 0 3 5");
	assert_string_equal(foreign(0), "100000:1 2:1 2:2 ");
	see_kubelet("3:1");
	assert_string_equal(units(), "0 0 0 0 2 6");
	settle("");
	assert_string_equal(units(), "0 0 0 0 1 7");
	see_kubelet("");
	assert_string_equal(units(), "0 0 0 0 0 8");
	/* they are no life in a range that drains */
	ask("a");
	let_go("a");
	see_kubelet("1:1");
	drain();
	assert_string_equal(rows(), "a:1:1:released ");
	assert_string_equal(units(), "0 0 0 0 1 7");
	expect_range("a", OUTCOME_CREATED, 2 * U, U);
}

/* Neither a failure nor a lost batch forgets who was seen. */
static void test_made_anew(void **state)
{
	(void)state;
	settle("1:2");
	see_kubelet("3:1");
	ask("a");
	assert_int_equal(answer.range.start, 4 * U);
	set_pool(U, 8 * U, U);
	assert_string_equal(units(), "1 0 0 0 3 4");
	restart();
	set_pool(U, 8 * U, U);
	/* but a daemon that starts has yet to look */
	assert_string_equal(units(), "0 0 0 0 0 8");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hidden),   TEST(test_units),	 TEST(test_explained),
		TEST(test_gone),     TEST(test_wait),	 TEST(test_pools),
		TEST(test_reserved), TEST(test_kubelet), TEST(test_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
