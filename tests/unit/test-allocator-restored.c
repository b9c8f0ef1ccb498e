/* SPDX-License-Identifier: MIT */

/* After a backup was restored: what was allocated since it was made may live anywhere. */

#include "allocator-life.h"

#define BACKUP "backup"

/* The daemon's stop, in which all gets into the one file. */
static void stop(void)
{
	allocator_free(allocator);
	allocator = NULL;
}

static void start(void)
{
	restart();
	set_pool(U, 8 * U, U);
}

static void back_up(void)
{
	_cleanup_(freep) char *data = NULL;
	size_t size;

	commit();
	stop();
	data = file_bytes(folder_path(&folder, "allocations.db"), &size);
	file_write(folder_path(&folder, BACKUP), data, size);
	start();
}

static void restore(void)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;

	stop();
	if (store_restore(folder.path, folder_path(&folder, BACKUP), the_time.wall, &kept,
			  &message) != 0)
		fail_msg("%s", message);
	assert_non_null(kept);
	later(1);
	start();
}

static bool take_clean_pass(const char *alive)
{
	later(PASS_GAP_USEC);
	see(alive);
	return has_drained();
}

static void test_nothing_is_free(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	give_back("b");
	back_up();
	restore();
	assert_string_equal(rows(), "a:1:1:draining b:2:1:draining ");
	assert_string_equal(units(), "0 8 0 0 0 0");
	assert_int_equal(allocator_n_draining(allocator), 3);
	/* neither a fresh unit, nor the pod's own, nor one that had drained */
	assert_int_equal(ask("c"), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(refusal.usage.draining, 8);
	assert_int_equal(ask("a"), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	later(YEAR);
	assert_false(has_drained());
	assert_false(take_clean_pass(""));
	assert_int_equal(ask("c"), ALLOCATOR_E_EXHAUSTED);
	assert_true(take_clean_pass(""));
	assert_int_equal(allocator_n_draining(allocator), 0);
	assert_string_equal(units(), "0 0 2 0 0 8");
	expect_range("a", OUTCOME_REVIVED, U, U);
	expect_range("b", OUTCOME_REVIVED, 2 * U, U);
	expect_range("c", OUTCOME_CREATED, 3 * U, U);
}

/* A pod got a range after the backup was made, and lives there. */
static void test_unknown_pod_lives(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	back_up();
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	commit();
	restore();
	take_clean_pass("1:1 2:1");
	assert_true(take_clean_pass("1:1 2:1"));
	/* the fresh ones are proven; that of a drains, and that of b is foreign */
	assert_string_equal(units(), "0 1 0 0 1 6");
	expect_range("c", OUTCOME_CREATED, 3 * U, U);
	/* whatever lives in its range need not be the pod's own */
	expect_range("a", OUTCOME_CREATED, 4 * U, U);
	assert_string_equal(rows(), ":1:1:draining c:3:1:active a:4:1:active ");
	take_clean_pass("2:1");
	take_clean_pass("");
	take_clean_pass("");
	assert_string_equal(units(), "2 0 1 0 0 6");
}

/* What is released later is as always: the pod can come back while it drains. */
static void test_later_releases(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	back_up();
	restore();
	take_clean_pass("1:1");
	assert_true(take_clean_pass("1:1"));
	expect_range("b", OUTCOME_REVIVED, 2 * U, U);
	let_go("b");
	expect_range("b", OUTCOME_REVIVED, 2 * U, U);
	commit();
	/* the last release is not forgotten with its row */
	start();
	let_go("b");
	expect_range("b", OUTCOME_REVIVED, 2 * U, U);
	take_clean_pass("");
	take_clean_pass("");
	expect_range("a", OUTCOME_REVIVED, U, U);
}

static void test_over_restarts(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	back_up();
	restore();
	take_clean_pass("");
	start();
	/* the passes before are forgotten */
	assert_false(take_clean_pass(""));
	assert_int_equal(ask("b"), ALLOCATOR_E_EXHAUSTED);
	assert_true(take_clean_pass(""));
	commit();
	start();
	assert_string_equal(units(), "0 0 1 0 0 8");
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
}

/* The proof is a part of what is committed. */
static void test_proof_is_undone(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	back_up();
	restore();
	take_clean_pass("");
	assert_true(take_clean_pass(""));
	start();
	assert_string_equal(units(), "0 8 0 0 0 0");
	assert_int_equal(allocator_n_draining(allocator), 2);
}

/* Where nobody can look, the time limit takes the place of looking, from the start on. */
static void test_blind(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	back_up();
	later(YEAR);
	restore();
	set_delay(0, HOUR);
	see_blindly("3:1");
	assert_false(has_drained());
	later(HOUR);
	see_blindly("3:1");
	assert_false(has_drained());
	later(1);
	assert_true(has_drained());
	assert_string_equal(units(), "0 0 1 0 1 7");
	expect_range("b", OUTCOME_CREATED, 2 * U, U);
	expect_range("c", OUTCOME_CREATED, 4 * U, U);
}

static void test_order_and_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(ask((const char[]){ (char)('a' + i), 0 }), 0);
	give_back("c");
	give_back("b");
	let_go("d");
	back_up();
	restore();
	set_delay(HOUR, 0);
	take_clean_pass("");
	assert_true(take_clean_pass(""));
	/* the wait begins anew, as nobody knows who was there */
	assert_int_equal(ask("x"), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(refusal.usage.waiting, 8);
	later(HOUR);
	expect_range("x", OUTCOME_CREATED, 3 * U, U);
	expect_range("y", OUTCOME_CREATED, 2 * U, U);
	expect_range("z", OUTCOME_CREATED, 4 * U, U);
	expect_range("v", OUTCOME_CREATED, U, U);
	expect_range("w", OUTCOME_CREATED, 5 * U, U);
}

/* Processes and clients that are bound to nothing any more; what people asked for stays. */
static void test_rows(void **state)
{
	uint64_t restored_at;

	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	assert_int_equal(tie("a", 7, 70), 0);
	back_up();
	restored_at = the_time.wall;
	restore();
	assert_false(ended("a", 7, 70));
	assert_int_equal(tie("a", 7, 70), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(allocator_get(allocator, "a", &answer), 0);
	assert_int_equal(answer.state, ALLOCATION_DRAINING);
	assert_int_equal(answer.process.pid, 0);
	assert_int_equal(answer.released_at, restored_at);
	assert_int_equal(allocator_lookup(allocator, U + 1, &answer), 0);
	assert_string_equal(answer.pod, "a");
	assert_non_null(strstr(events(), "restored  0:0"));
}

/* The kubelet's own file says who has the range now. */
static void test_kubelet(void **state)
{
	(void)state;
	assert_int_equal(adopt("a", "1:1"), 0);
	assert_int_equal(adopt("b", "2:1"), 0);
	back_up();
	restore();
	assert_int_equal(adopt("a", "1:1"), 0);
	assert_int_equal(adopt("c", "3:1"), 0);
	/* while what was of another pod drains, nobody is believed */
	assert_int_equal(adopt("d", "2:1"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(pod_in_way, "b");
	assert_string_equal(rows(), "a:1:1:active b:2:1:draining c:3:1:active ");
	assert_string_equal(units(), "2 6 0 0 0 0");
	see_kubelet("2:1");
	take_clean_pass("1:1 3:1");
	assert_true(take_clean_pass("1:1 3:1"));
	assert_string_equal(units(), "2 0 0 0 1 5");
	assert_int_equal(adopt("d", "2:1"), 0);
	see_kubelet("");
	assert_string_equal(units(), "3 0 0 0 0 5");
	expect_range("e", OUTCOME_CREATED, 4 * U, U);
}

/* Restored again, also before the first time has been proven. */
static void test_twice(void **state)
{
	(void)state;
	expect_range("a", OUTCOME_CREATED, U, U);
	back_up();
	for (int i = 0; i < 3; i++) {
		restore();
		assert_string_equal(rows(), "a:1:1:draining ");
		assert_string_equal(units(), "0 8 0 0 0 0");
		take_clean_pass("");
		if (i > 0)
			assert_true(take_clean_pass(""));
	}
	expect_range("a", OUTCOME_REVIVED, U, U);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_free), TEST(test_unknown_pod_lives),
		TEST(test_later_releases),  TEST(test_over_restarts),
		TEST(test_proof_is_undone), TEST(test_blind),
		TEST(test_order_and_wait),  TEST(test_rows),
		TEST(test_kubelet),	    TEST(test_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
