/* SPDX-License-Identifier: MIT */

/* Ranges that pods were started with, where something else says that they are in use. */

#include "start-rig.h"

#define BACKUP "backup"

/* Its file decides, and not a process. */
static void test_kubelet(void **state)
{
	(void)state;
	adopt("k", "3:1");
	events();
	assert_int_equal(record("k", "3:1", (struct wish){ .pid = 7 }), 0);
	assert_int_equal(outcome, OUTCOME_EXISTING);
	assert_int_equal(answer.origin, ORIGIN_KUBELET);
	assert_int_equal(answer.process.pid, 0);
	assert_string_equal(events(), "");
	expect_refused("k", "4:1", plain, ALLOCATOR_E_RANGE_MISMATCH);
	vanish("k");
	events();
	/* a file that is no allocation has no pod, and no process explains it */
	see_kubelet("3:1 5:2");
	expect_taken("k", "3:1", (struct wish){ .pid = 7, .maps = { "3:1" } }, "", "3:1", 1000);
	expect_taken("a", "6:1", (struct wish){ .pid = 7, .maps = { "6:1" } }, "", "5:2", 1001);
	expect_taken("a", "5:1", plain, "", "5:2", 1001);
	see_kubelet("");
	expect_recorded("k", "3:1", OUTCOME_REVIVED);
}

static void test_process(void **state)
{
	(void)state;
	assert_int_equal(record("a", "3:1", (struct wish){ .pid = 7 }), 0);
	assert_int_equal(answer.process.pid, 7);
	assert_string_equal(events(), "allocated a 3:1; bound a 3:1 pid 7");
	assert_int_equal(record("a", "3:1", (struct wish){ .pid = 7 }), 0);
	assert_string_equal(events(), "");
	assert_int_equal(record("a", "3:1", (struct wish){ .pid = 8 }), 0);
	assert_int_equal(answer.process.pid, 8);
	assert_string_equal(events(), "bound a 3:1 pid 8");
	assert_true(ended("a", 8, 5));
	events();
	assert_int_equal(record("a", "3:1", (struct wish){ .pid = 9 }), 0);
	assert_string_equal(events(), "revived a 3:1; bound a 3:1 pid 9");
}

/* What is in use and of nobody must be explained by the process. */
static void test_foreign(void **state)
{
	static const struct wish unexplained[] = {
		{},
		{ .pid = 7 },
		{ .pid = 7, .maps = { "2:1", "5:4" } },
		{ .pid = 7, .is_full = true },
		{ .pid = 7, .maps = { "196607:1" }, .is_full = true },
	};

	(void)state;
	see("1:1 3:2");
	see("3:2");
	events();
	for (size_t i = 0; i < ELEMENTS_OF(unexplained); i++) {
		expect_taken("a", "3:1", unexplained[i], "", "3:2", 1000);
	}
	/* also what the earlier one of two passes has seen */
	expect_taken("a", "1:1", plain, "", "1:1", 1000);
}

static void test_explained(void **state)
{
	(void)state;
	see("3:2");
	assert_int_equal(record("a", "3:1", (struct wish){ .pid = 7, .maps = { NULL, "3:1" } }), 0);
	assert_int_equal(outcome, OUTCOME_CREATED);
	assert_int_equal(record("b", "4:1", (struct wish){ .pid = 8, .maps = { "200000:80000" } }),
			 0);
	assert_string_equal(units(), "2 0 0 0 0 6");
	see("3:2");
	assert_string_equal(units(), "2 0 0 0 0 6");
	/* seen only later, it is explained all the same */
	assert_int_equal(record("c", "6:1", (struct wish){ .pid = 9, .maps = { "6:1" } }), 0);
	see("6:1");
	see("6:1");
	assert_string_equal(units(), "3 0 0 0 0 5");
	/* in what drains lives the pod itself, and nobody knows who lives in what has drained */
	let_go("c");
	expect_recorded("c", "6:1", OUTCOME_REVIVED);
	give_back("c");
	see("6:1");
	events();
	expect_taken("c", "6:1", plain, "", "6:1", 1000);
	expect_taken("d", "6:1", plain, "", "6:1", 1000);
	assert_int_equal(record("c", "6:1", (struct wish){ .pid = 9, .maps = { "6:1" } }), 0);
	assert_int_equal(outcome, OUTCOME_REVIVED);
	give_back("c");
	see("6:1");
	assert_int_equal(record("d", "6:1", (struct wish){ .pid = 9, .maps = { "6:1" } }), 0);
	assert_int_equal(outcome, OUTCOME_CREATED);
}

static void restore(void)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;
	_cleanup_(freep) char *data = NULL;
	size_t size;

	commit();
	allocator_free(take_ptr(allocator));
	data = file_bytes(folder_path(&folder, "allocations.db"), &size);
	file_write(folder_path(&folder, BACKUP), data, size);
	if (store_restore(folder.path, folder_path(&folder, BACKUP), the_time.wall, &kept,
			  &message) != 0)
		fail_msg("%s", message);
	later(1);
	restart();
	set_pool(U, 8 * U, U);
}

/* Nobody can explain who else lives where a restored database does not say it. */
static void test_restored(void **state)
{
	(void)state;
	expect_recorded("a", "3:1", OUTCOME_CREATED);
	expect_recorded("b", "4:1", OUTCOME_CREATED);
	give_back("b");
	restore();
	events();
	expect_taken("c", "6:1", plain, "", "6:1", 0);
	expect_taken("c", "6:1", (struct wish){ .pid = 7, .maps = { "6:1" } }, "", "6:1", 0);
	expect_taken("c", "2:2", plain, "a", "3:1", 0);
	expect_taken("c", "4:1", plain, "b", "4:1", 0);
	expect_refused("b", "5:1", plain, ALLOCATOR_E_RANGE_MISMATCH);
	/* nor who lives in the pods' own, which others may have got since the backup was made */
	assert_int_equal(ask("a"), ALLOCATOR_E_EXHAUSTED);
	expect_taken("a", "3:1", plain, "", "3:1", 0);
	expect_taken("b", "4:1", (struct wish){ .pid = 7, .maps = { "4:1" } }, "", "4:1", 0);
	see("4:1");
	expect_taken("b", "4:1", plain, "", "4:1", 1000);
	see("6:1");
	events();
	expect_taken("c", "6:1", plain, "", "6:1", 1000);
	later(PASS_GAP_USEC);
	see("6:1");
	later(PASS_GAP_USEC);
	see("6:1");
	assert_true(has_drained());
	events();
	expect_taken("c", "6:1", plain, "", "6:1", 1000);
	assert_int_equal(record("c", "6:1", (struct wish){ .pid = 7, .maps = { "6:1" } }), 0);
	expect_recorded("d", "7:1", OUTCOME_CREATED);
	expect_recorded("a", "3:1", OUTCOME_REVIVED);
}

/* What lives in a range that drains since a backup was restored need not be the pod it was of. */
static void test_restored_and_lived_in(void **state)
{
	(void)state;
	expect_recorded("a", "3:1", OUTCOME_CREATED);
	restore();
	for (int i = 0; i < 2; i++) {
		later(PASS_GAP_USEC);
		see("3:1");
	}
	assert_true(has_drained()); /* but that one */
	assert_string_equal(units(), "0 1 0 0 0 7");
	events();
	expect_taken("a", "3:1", plain, "", "3:1", 1000);
	assert_int_equal(record("a", "3:1", (struct wish){ .pid = 7, .maps = { "3:1" } }), 0);
	assert_int_equal(outcome, OUTCOME_REVIVED);
	/* that process has vouched for it */
	let_go("a");
	expect_recorded("a", "3:1", OUTCOME_REVIVED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_kubelet),   TEST(test_process),  TEST(test_foreign),
		TEST(test_explained), TEST(test_restored), TEST(test_restored_and_lived_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
