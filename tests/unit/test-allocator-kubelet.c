/* SPDX-License-Identifier: MIT */

/* Ranges that the kubelet gives by itself: its files come, change and go in any order. */

#include "allocator-life.h"

#include "allocator-private.h"
#include "store-private.h"

#include <errno.h>

static void test_stands(void **state)
{
	bool released;

	(void)state;
	assert_int_equal(adopt("k", "3:1"), 0);
	assert_int_equal(allocator_get(allocator, "k", &answer), 0);
	assert_int_equal(answer.origin, ORIGIN_KUBELET);
	assert_int_equal(answer.state, ALLOCATION_ACTIVE);
	assert_int_equal(answer.client_uid, 0);
	commit();
	/* the rescan sees it again and again */
	assert_int_equal(adopt("k", "3:1"), 0);
	assert_false(allocator_is_pending(allocator));
	assert_string_equal(events(), "adopted k 3:1");
	/* the pod has it, nobody else gets it, and it cannot be released by a client */
	expect_range("k", OUTCOME_EXISTING, 3 * U, U);
	assert_int_equal(allocator_release(allocator, "k", (struct requester){ 0, 1, true },
					   the_time, &answer, &released),
			 ALLOCATOR_E_KUBELET);
	ask("a");
	ask("b");
	expect_range("c", OUTCOME_CREATED, 4 * U, U);
	vanish("k");
	assert_string_equal(rows(), "a:1:1:active b:2:1:active k:3:1:draining c:4:1:active ");
	events();
	vanish("k");
	vanish("a");
	vanish("x");
	assert_string_equal(events(), "");
	drain();
	/* it can be asked for now, and is a request's then */
	expect_range("k", OUTCOME_REVIVED, 3 * U, U);
	assert_int_equal(answer.origin, ORIGIN_REQUEST);
	vanish("k");
	expect_range("k", OUTCOME_EXISTING, 3 * U, U);
}

/* What a pod has in each state, and what its file says. */
static void test_own(void **state)
{
	(void)state;
	/* the range that we gave it: a request's becomes the kubelet's */
	assert_int_equal(ask_tied("a", 5, 5), 0);
	assert_int_equal(adopt("a", "1:1"), 0);
	assert_int_equal(allocator_get(allocator, "a", &answer), 0);
	assert_int_equal(answer.origin, ORIGIN_KUBELET);
	assert_false(ended("a", 5, 5));
	vanish("a");
	/* it drains */
	assert_int_equal(adopt("a", "1:1"), 0);
	vanish("a");
	drain();
	/* it is released */
	assert_int_equal(adopt("a", "1:1"), 0);
	assert_string_equal(events(),
			    "allocated a 1:1; bound a 1:1 pid 5; adopted a 1:1; vanished a 1:1; "
			    "adopted a 1:1; vanished a 1:1; drained a 1:1; adopted a 1:1");
	assert_string_equal(rows(), "a:1:1:active ");
	assert_int_equal(allocator_usage(allocator, 0, the_time).active, 1);
}

/* Another range than before: released, draining, active and the kubelet's, active and ours. */
static void test_moved(void **state)
{
	(void)state;
	ask("a");
	give_back("a");
	assert_int_equal(adopt("a", "3:1"), 0);
	assert_string_equal(rows(), ":1:1:released a:3:1:active ");
	vanish("a");
	assert_int_equal(adopt("a", "4:2"), 0);
	assert_string_equal(rows(), ":1:1:released :3:1:draining a:4:2:active ");
	events();
	assert_int_equal(adopt("a", "6:1"), 0);
	assert_string_equal(events(), "vanished a 4:2; adopted a 6:1");
	assert_string_equal(rows(), ":1:1:released :3:1:draining :4:2:draining a:6:1:active ");
	/* over a part of its own, which may live */
	assert_int_equal(adopt("a", "6:2"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(pod_in_way, "a");
	ask("b");
	assert_int_equal(adopt("b", "8:1"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(pod_in_way, "b");
	assert_int_equal(allocator_get(allocator, "b", &answer), 0);
	assert_int_equal(answer.origin, ORIGIN_REQUEST);
}

static void test_conflicts(void **state)
{
	(void)state;
	ask("a");
	ask("b");
	ask("c");
	let_go("b");
	give_back("c");
	assert_int_equal(adopt("k", "1:1"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(pod_in_way, "a");
	/* one ID is enough */
	assert_int_equal(adopt("k", "131071:1"), ALLOCATOR_E_CONFLICT);
	assert_int_equal(adopt("k", "3:1"), 0);
	assert_string_equal(rows(), "a:1:1:active b:2:1:released k:3:1:active ");
	assert_int_equal(adopt("l", "3:1"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(pod_in_way, "k");
	assert_int_equal(adopt("l", "2:2"), ALLOCATOR_E_CONFLICT);
	/* something drains there that nobody can come back to */
	assert_int_equal(ask_count("d", 2 * U), 0);
	let_go("d");
	assert_int_equal(ask_count("d", U), 0);
	assert_int_equal(adopt("l", "4:2"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(pod_in_way, "");
	events();
	assert_int_equal(allocator_report_conflict(allocator, "kubelet", "l", range_of("3:1"), "k",
						   later(1)),
			 0);
	assert_string_equal(events(), "conflict l 3:1 by k");
	/* the first one goes: now it is the second one's */
	vanish("k");
	assert_int_equal(adopt("l", "3:1"), ALLOCATOR_E_CONFLICT);
	drain();
	assert_int_equal(adopt("l", "3:1"), 0);
	assert_string_equal(events(), "vanished k 3:1; drained  4:2; drained k 3:1; "
				      "reused k 3:1 by l; adopted l 3:1");
}

/* It breaks ranges that are released, and takes what is foreign: that is its pod. */
static void test_over_released(void **state)
{
	(void)state;
	assert_int_equal(ask_count("a", 4 * U), 0);
	give_back("a");
	see("2:1");
	events();
	assert_int_equal(adopt("k", "2:1"), 0);
	assert_string_equal(events(), "reused a 1:4 by k; adopted k 2:1");
	assert_string_equal(rows(), ":1:1:released k:2:1:active :3:2:released ");
	assert_string_equal(units(), "1 0 3 0 0 7");
	/* not in units, and not in the pool */
	assert_int_equal(adopt("l", "100000:10"), 0);
	assert_int_equal(adopt("m", "900:1"), 0);
	assert_string_equal(units(), "2 0 2 0 0 6");
	assert_int_equal(allocator_usage(allocator, 0, the_time).n_outside, 1);
	assert_int_equal(allocator_lookup(allocator, 100005, &answer), 0);
	assert_string_equal(answer.pod, "l");
	assert_int_equal(allocator_lookup(allocator, 99999, &answer), ALLOCATOR_E_NOT_FOUND);
}

static int count(const struct allocation *row, void *userdata)
{
	assert_int_equal(row->origin, ORIGIN_KUBELET);
	assert_true(row->in_pool);
	strcat(userdata, row->pod);
	return 0;
}

static void test_each(void **state)
{
	char pods[16] = "";

	(void)state;
	assert_int_equal(adopt("k", "3:1"), 0);
	assert_int_equal(adopt("l", "2:1"), 0);
	assert_int_equal(adopt("m", "1:1"), 0);
	ask("a");
	vanish("l");
	assert_int_equal(allocator_each_kubelet(allocator, count, pods), 0);
	assert_string_equal(pods, "mk");
	commit();
	start_with(8);
	*pods = 0;
	assert_int_equal(allocator_each_kubelet(allocator, count, pods), 0);
	assert_string_equal(pods, "mk");
}

/* Refuses an event of that kind, as a store that fails in the middle of a change. */
static void refuse(enum event_kind kind)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.kind = %d"
		 " BEGIN SELECT RAISE(ABORT, 'refused'); END",
		 kind);
	assert_int_equal(sqlite3_exec(allocator->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void refuse_no_more(void)
{
	assert_int_equal(
		sqlite3_exec(allocator->store->db, "DROP TRIGGER refuse", NULL, NULL, NULL),
		SQLITE_OK);
}

/* A file that names another range is one change: all of it, or nothing. */
static void test_moved_and_failed(void **state)
{
	(void)state;
	assert_int_equal(adopt("k", "3:1"), 0);
	commit();
	events();
	refuse(EVENT_ADOPTED);
	assert_int_equal(adopt("k", "4:1"), -EUCLEAN);
	assert_string_equal(rows(), "k:3:1:active ");
	assert_string_equal(events(), "");
	assert_int_equal(allocator_get(allocator, "k", &answer), 0);
	assert_string_equal(units(), "1 0 0 0 0 7");
	refuse_no_more();
	assert_int_equal(adopt("k", "4:1"), 0);
	assert_string_equal(events(), "vanished k 3:1; adopted k 4:1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_stands),	     TEST(test_own),	       TEST(test_moved),
		TEST(test_conflicts),	     TEST(test_over_released), TEST(test_each),
		TEST(test_moved_and_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
