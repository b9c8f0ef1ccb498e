/* SPDX-License-Identifier: MIT */

/* One pool that does not change: who gets which range, and who gets none. */

#include "allocator-rig.h"

static void test_life(void **state)
{
	struct allocation got;

	(void)state;
	set_pool(U, 4 * U, U);
	expect_range("a", OUTCOME_CREATED, U, U);
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	expect_range("a", OUTCOME_EXISTING, U, U);
	assert_true(answer.in_pool);
	assert_string_equal(answer.pool, "kubelet");
	assert_string_equal(usage(), "4 2 0 2 0");
	assert_true(give_back("a"));
	assert_int_equal(answer.state, ALLOCATION_DRAINING);
	assert_true(answer.released_at > answer.created_at);
	assert_false(give_back("a"));
	assert_string_equal(usage(), "4 1 1 3 0");
	/* a released one can still be seen, until its units have gone to another pod */
	assert_int_equal(allocator_get(allocator, "a", &got), 0);
	assert_int_equal(got.state, ALLOCATION_RELEASED);
	assert_int_equal(allocator_lookup(allocator, U, &got), 0);
	assert_string_equal(got.pod, "a");
	expect_range("a", OUTCOME_REVIVED, U, U);
	assert_int_equal(answer.released_at, 0);
	assert_int_equal(allocator_get(allocator, "c", &got), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(allocator_lookup(allocator, 3 * U, &got), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(allocator_lookup(allocator, 0, &got), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(allocator_lookup(allocator, UINT32_MAX, &got), ALLOCATOR_E_NOT_FOUND);
	commit();
	restart();
	set_pool(U, 4 * U, U);
	assert_string_equal(rows(), "a:1:1:active b:2:1:active ");
	assert_string_equal(usage(), "4 2 0 2 0");
	expect_range("a", OUTCOME_EXISTING, U, U);
	expect_range("b", OUTCOME_EXISTING, 2 * U, U);
}

/* Never-used units first, then the one released longest ago; also after a restart. */
static void test_order(void **state)
{
	(void)state;
	set_pool(U, 4 * U, U);
	expect_range("a", OUTCOME_CREATED, U, U);
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	expect_range("c", OUTCOME_CREATED, 3 * U, U);
	give_back("c");
	give_back("a");
	give_back("b");
	expect_range("d", OUTCOME_CREATED, 4 * U, U);
	commit();
	restart();
	set_pool(U, 4 * U, U);
	expect_range("e", OUTCOME_CREATED, 3 * U, U);
	give_back("d");
	expect_range("f", OUTCOME_CREATED, U, U);
	/* b comes back before its range has gone, c after */
	expect_range("b", OUTCOME_REVIVED, 2 * U, U);
	expect_range("c", OUTCOME_CREATED, 4 * U, U);
	assert_int_equal(ask("a"), ALLOCATOR_E_EXHAUSTED);
	assert_string_equal(rows(), "f:1:1:active b:2:1:active e:3:1:active c:4:1:active ");
}

static void test_exhausted(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	ask("a");
	ask("b");
	ask("c");
	assert_int_equal(ask("d"), ALLOCATOR_E_EXHAUSTED);
	assert_string_equal(refusal.pool, "kubelet");
	assert_int_equal(refusal.usage.capacity, 3);
	assert_int_equal(refusal.usage.active, 3);
	assert_int_equal(refusal.usage.released, 0);
	assert_int_equal(refusal.usage.free, 0);
	expect_range("c", OUTCOME_EXISTING, 3 * U, U);
	give_back("b");
	/* there is room, but not in one piece */
	assert_int_equal(ask_count("d", 2 * U), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(refusal.usage.free, 1);
	assert_string_equal(rows(), "a:1:1:active b:2:1:released c:3:1:active ");
	expect_range("d", OUTCOME_CREATED, 2 * U, U);
	assert_int_equal(ask_count("e", UINT32_MAX / U * U), ALLOCATOR_E_EXHAUSTED);
}

static void test_reserved(void **state)
{
	(void)state;
	set_pool(RESERVED_START - U, 3 * U, U);
	assert_string_equal(usage(), "2 0 0 2 0");
	assert_int_equal(ask_count("x", 2 * U), ALLOCATOR_E_EXHAUSTED);
	expect_range("a", OUTCOME_CREATED, RESERVED_START - U, U);
	expect_range("b", OUTCOME_CREATED, RESERVED_START + U, U);
	assert_int_equal(ask("c"), ALLOCATOR_E_EXHAUSTED);
	assert_string_equal(usage(), "2 2 0 0 0");
}

static void test_counts(void **state)
{
	(void)state;
	set_pool(2 * U, 12 * U, 2 * U);
	expect_range("a", OUTCOME_CREATED, 2 * U, 2 * U);
	assert_int_equal(ask_count("b", 1), ALLOCATOR_E_BAD_COUNT);
	assert_int_equal(ask_count("b", U), ALLOCATOR_E_BAD_COUNT);
	assert_int_equal(ask_count("b", 3 * U), ALLOCATOR_E_BAD_COUNT);
	assert_int_equal(ask_count("b", UINT32_MAX), ALLOCATOR_E_BAD_COUNT);
	assert_int_equal(ask_count("b", 4 * U), 0);
	assert_int_equal(answer.range.start, 4 * U);
	assert_int_equal(answer.range.count, 4 * U);
	assert_string_equal(usage(), "6 3 0 3 0");
	expect_range("b", OUTCOME_EXISTING, 4 * U, 4 * U);
	assert_int_equal(ask_count("b", 4 * U), 0);
	assert_int_equal(outcome, OUTCOME_EXISTING);
	assert_int_equal(ask_count("b", 2 * U), ALLOCATOR_E_COUNT_MISMATCH);
	assert_int_equal(refusal.have, 4 * U);
	assert_int_equal(refusal.want, 2 * U);
	give_back("b");
	/* what a pod had, unless it says otherwise */
	expect_range("b", OUTCOME_REVIVED, 4 * U, 4 * U);
	give_back("b");
	assert_int_equal(ask_count("b", 2 * U), 0);
	assert_int_equal(outcome, OUTCOME_CREATED);
	assert_int_equal(answer.range.start, 8 * U);
	assert_string_equal(rows(), "a:2:2:active :4:4:released b:8:2:active ");
}

/* What is left of a released allocation belongs to nobody, and keeps its place in the order. */
static void test_rest(void **state)
{
	(void)state;
	set_pool(U, 6 * U, U);
	assert_int_equal(ask_count("a", 4 * U), 0);
	assert_int_equal(ask_count("b", 2 * U), 0);
	give_back("a");
	give_back("b");
	assert_int_equal(ask_count("c", 2 * U), 0);
	assert_int_equal(answer.range.start, U);
	assert_string_equal(rows(), "c:1:2:active :3:2:released b:5:2:released ");
	expect_range("a", OUTCOME_CREATED, 3 * U, U);
	assert_string_equal(rows(), "c:1:2:active a:3:1:active :4:1:released b:5:2:released ");
	/* a run over both: the rest of a, then b, which loses its first unit */
	assert_int_equal(ask_count("d", 2 * U), 0);
	assert_int_equal(answer.range.start, 4 * U);
	assert_string_equal(rows(), "c:1:2:active a:3:1:active d:4:2:active :6:1:released ");
	/* b's range has been broken: it gets what is left, as a new one */
	expect_range("b", OUTCOME_CREATED, 6 * U, U);
	assert_int_equal(ask("e"), ALLOCATOR_E_EXHAUSTED);
	assert_string_equal(usage(), "6 6 0 0 0");
}

/* The middle of a released range is taken: both ends stay. */
static void test_rest_on_both_sides(void **state)
{
	(void)state;
	set_pool(U, 8 * U, U);
	assert_int_equal(ask_count("a", 5 * U), 0);
	give_back("a");
	set_pool(3 * U, 6 * U, 2 * U); /* units 3-4, 5-6 and 7-8 */
	expect_range("b", OUTCOME_CREATED, 7 * U, 2 * U);
	expect_range("c", OUTCOME_CREATED, 3 * U, 2 * U);
	assert_string_equal(rows(), ":1:2:released c:3:2:active :5:1:released b:7:2:active ");
	expect_range("d", OUTCOME_CREATED, 5 * U, 2 * U);
	assert_string_equal(rows(), ":1:2:released c:3:2:active d:5:2:active b:7:2:active ");
	assert_string_equal(usage(), "3 3 0 0 0");
}

static void test_owners(void **state)
{
	(void)state;
	set_pool(U, 8 * U, U);
	assert_int_equal(ask_as(1000, "a"), 0);
	assert_int_equal(answer.client_uid, 1000);
	assert_int_equal(give_back_as(1001, "a"), ALLOCATOR_E_NOT_OWNER);
	assert_int_equal(give_back_as(1001, "b"), ALLOCATOR_E_NOT_FOUND);
	assert_string_equal(rows(), "a:1:1:active ");
	assert_int_equal(give_back_as(1000, "a"), 0);
	/* a range that comes back belongs to whom it was given this time */
	assert_int_equal(ask_as(1001, "a"), 0);
	assert_int_equal(outcome, OUTCOME_REVIVED);
	assert_int_equal(answer.client_uid, 1001);
	assert_int_equal(give_back_as(1000, "a"), ALLOCATOR_E_NOT_OWNER);
	assert_true(give_back("a"));
	/* what root allocated is root's */
	assert_int_equal(ask("c"), 0);
	assert_int_equal(give_back_as(0, "c"), 0);
	assert_int_equal(ask("d"), 0);
	assert_int_equal(give_back_as(1000, "d"), ALLOCATOR_E_NOT_OWNER);
}

static void test_quota(void **state)
{
	(void)state;
	set_pool(U, 8 * U, U);
	set_quota(2);
	assert_int_equal(ask_as(1000, "a"), 0);
	assert_int_equal(ask_as(1000, "b"), 0);
	assert_int_equal(ask_as(1000, "c"), ALLOCATOR_E_QUOTA);
	assert_int_equal(refusal.limit, 2);
	assert_int_equal(ask_as(1000, "a"), 0); /* it has that one */
	assert_int_equal(ask_as(1001, "c"), 0);
	assert_int_equal(ask("d"), 0);
	assert_int_equal(ask("e"), 0);
	assert_int_equal(ask("f"), 0);
	assert_int_equal(give_back_as(1000, "a"), 0);
	assert_int_equal(ask_as(1000, "g"), 0);
	assert_int_equal(ask_as(1000, "a"), ALLOCATOR_E_QUOTA); /* coming back counts */
	/* the count is the same after a restart and with other pools */
	commit();
	restart();
	set_pool(U, 80 * U, U);
	set_quota(2);
	assert_int_equal(ask_as(1000, "h"), ALLOCATOR_E_QUOTA);
	give_back("b");
	assert_int_equal(ask_as(1000, "h"), 0);
	set_quota(0);
	assert_int_equal(ask_as(1000, "i"), 0);
}

static int count_rows(const struct allocation *row, void *userdata)
{
	assert_true(*row->pod);
	return ++*(int *)userdata == 3 ? 42 : 0;
}

static void test_each(void **state)
{
	int n = 0;

	(void)state;
	set_pool(U, 8 * U, U);
	assert_int_equal(ask_count("a", 2 * U), 0);
	assert_int_equal(ask_count("b", 6 * U), 0);
	give_back("a");
	give_back("b");
	expect_range("c", OUTCOME_CREATED, U, U); /* leaves a rest, which is nobody's */
	assert_int_equal(allocator_each(allocator, 0, count_rows, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(allocator_each(allocator, 3 * U, count_rows, &n), 42);
	assert_int_equal(allocator_each(allocator, 3 * U + 1, count_rows, &n), 0);
	assert_int_equal(n, 3);
}

static void test_labels(void **state)
{
	struct allocate_request request = {
		.pod = "a",
		.namespace = "kube-system",
		.name = "coredns",
		.now = { 5, 5 },
	};
	struct allocation got;

	(void)state;
	set_pool(U, 8 * U, U);
	assert_int_equal(allocator_allocate(allocator, &request, &got, &outcome, &refusal), 0);
	assert_string_equal(got.namespace, "kube-system");
	assert_string_equal(got.name, "coredns");
	assert_int_equal(got.created_at, 5);
	/* labels are kept when none are given, and replaced when it comes back */
	give_back("a");
	request.name = NULL;
	request.namespace = "default";
	assert_int_equal(allocator_allocate(allocator, &request, &got, &outcome, &refusal), 0);
	assert_string_equal(got.namespace, "default");
	assert_string_equal(got.name, "coredns");
	assert_int_equal(allocator_get(allocator, "a", &got), 0);
	assert_string_equal(got.namespace, "default");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, allocator_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_life),      TEST(test_order),
		TEST(test_exhausted), TEST(test_reserved),
		TEST(test_counts),    TEST(test_rest),
		TEST(test_owners),    TEST(test_rest_on_both_sides),
		TEST(test_quota),     TEST(test_each),
		TEST(test_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
