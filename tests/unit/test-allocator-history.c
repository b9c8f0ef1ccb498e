/* SPDX-License-Identifier: MIT */

/* Which changes leave which events, who sees them when, and how long they are kept. */

#include "allocator-life.h"

#include "allocator-private.h"
#include "store-private.h"

#include <errno.h>

/* A refusal leaves nothing. */
static void test_refused(void **state)
{
	(void)state;
	set_quota(1);
	assert_int_equal(ask_as(1000, "a"), 0);
	assert_string_equal(events(), "allocated a 1:1");
	commit();
	assert_int_equal(ask_as(1000, "a"), 0);
	assert_int_equal(ask_as(1000, "b"), ALLOCATOR_E_QUOTA);
	assert_int_equal(ask_count("c", 1), ALLOCATOR_E_BAD_COUNT);
	assert_int_equal(ask_count("c", 9 * U), ALLOCATOR_E_EXHAUSTED);
	assert_int_equal(ask_count("a", 2 * U), ALLOCATOR_E_COUNT_MISMATCH);
	assert_int_equal(ask_pool("d", "x"), ALLOCATOR_E_NO_SUCH_POOL);
	assert_int_equal(give_back_as(1001, "a"), ALLOCATOR_E_NOT_OWNER);
	assert_int_equal(give_back_as(1001, "x"), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(tie("x", 5, 5), ALLOCATOR_E_NOT_FOUND);
	assert_false(ended("a", 5, 5));
	vanish("a");
	assert_int_equal(adopt("k", "1:1"), ALLOCATOR_E_CONFLICT);
	assert_string_equal(events(), "");
	assert_false(allocator_is_pending(allocator));
}

static int keep_event(const struct event *event, void *userdata)
{
	*(struct event *)userdata = *event;
	return 0;
}

static struct event last_event(void)
{
	const struct event_query query = { .until = UINT64_MAX, .before = UINT64_MAX };
	struct event_query newest = query;
	struct event event = {};

	assert_int_equal(store_last_event(allocator->store, &newest.before), 0);
	newest.before++;
	newest.since = 0;
	assert_int_equal(store_each_event_between(allocator->store, newest.before - 1,
						  newest.before - 1, keep_event, &event),
			 0);
	return event;
}

/* Who did it, to whom, and when. */
static void test_fields(void **state)
{
	struct allocate_request request = {
		.pod = "a",
		.namespace = "kube-system",
		.name = "coredns",
		.by = { 1000, 77, false },
	};
	struct event event;

	(void)state;
	request.now = later(5);
	assert_int_equal(allocator_allocate(allocator, &request, &answer, &outcome, &refusal), 0);
	event = last_event();
	assert_int_equal(event.kind, EVENT_ALLOCATED);
	assert_int_equal(event.time, the_time.wall);
	assert_string_equal(event.pod, "a");
	assert_string_equal(event.pool, "kubelet");
	assert_string_equal(event.namespace, "kube-system");
	assert_string_equal(event.name, "coredns");
	assert_true(event.has_client);
	assert_int_equal(event.client_uid, 1000);
	assert_int_equal(event.client_pid, 77);
	assert_int_equal(event.pid, 0);
	/* released by somebody else, and by nobody */
	assert_int_equal(tie("a", 9, 99), 0);
	event = last_event();
	assert_int_equal(event.kind, EVENT_BOUND);
	assert_int_equal(event.pid, 9);
	assert_int_equal(event.client_uid, 0);
	assert_true(ended("a", 9, 99));
	event = last_event();
	assert_int_equal(event.kind, EVENT_RELEASED);
	assert_int_equal(event.cause, CAUSE_PROCESS_ENDED);
	assert_int_equal(event.pid, 9);
	assert_false(event.has_client);
	assert_string_equal(event.name, "coredns");
	drain();
	event = last_event();
	assert_int_equal(event.kind, EVENT_DRAINED);
	assert_false(event.has_client);
	assert_int_equal(event.time, the_time.wall);
}

static void test_reused(void **state)
{
	(void)state;
	set_pool(U, 4 * U, U);
	assert_int_equal(ask_count("a", 2 * U), 0);
	ask("b");
	ask("c");
	give_back("a");
	give_back("b");
	give_back("c");
	events();
	/* both that had a part of it, each once, with what it had */
	assert_int_equal(ask_count("d", 3 * U), 0);
	assert_string_equal(events(), "reused a 1:2 by d; reused b 3:1 by d; allocated d 1:3");
	/* what is left of a range was nobody's any more */
	give_back("d");
	expect_range("e", OUTCOME_CREATED, 4 * U, U);
	expect_range("f", OUTCOME_CREATED, U, U);
	expect_range("g", OUTCOME_CREATED, 2 * U, U);
	assert_string_equal(events(),
			    "released d 1:3 request; drained d 1:3; reused c 4:1 by e; allocated e "
			    "4:1; reused d 1:3 by f; allocated f 1:1; allocated g 2:1");
}

/* A range is another one: once, also if it was changed while the daemon was down. */
static void test_pools(void **state)
{
	struct pool_geometry pool = { "kubelet", U, 8 * U, U, false };

	(void)state;
	assert_string_equal(events(), "");
	set_pools(&pool, 1);
	assert_false(allocator_is_pending(allocator) && *events());
	pool.count = 9 * U;
	set_pools(&pool, 1);
	assert_string_equal(events(), "poolChanged kubelet 1:9");
	pool.is_invalid = true;
	set_pools(&pool, 1);
	assert_string_equal(events(), "poolChanged kubelet 0:0");
	set_pools(&pool, 1);
	assert_string_equal(events(), "");
	commit();
	restart();
	set_pools(&pool, 1);
	assert_string_equal(events(), "");
	pool.is_invalid = false;
	pool.unit = 3 * U;
	restart();
	set_pools(&pool, 1);
	assert_string_equal(events(), "poolChanged kubelet 1:9");
	commit();
	/* gone and back as it was, with another one beside it */
	set_pools(NULL, 0);
	restart();
	set_pools(&pool, 1);
	assert_string_equal(events(), "");
	set_pools((const struct pool_geometry[]){ { "x", 100 * U, U, U, true }, pool }, 2);
	assert_string_equal(events(), "poolChanged x 0:0");
}

/* What was not committed when the daemon died is told by the next one. */
static void test_pools_after_a_crash(void **state)
{
	(void)state;
	set_pool(U, U, U);
	assert_string_equal(events(), "poolChanged kubelet 1:1");
	restart();
	assert_string_equal(rows(), "");
	set_pool(U, U, U);
	commit();
	restart();
	set_pool(U, U, U);
	assert_int_equal(allocator_last_event(allocator), 2);
}

static int count_event(const struct event *event, void *userdata)
{
	uint64_t *last = userdata;

	assert_true(event->sequence == *last + 1);
	*last = event->sequence;
	return 0;
}

/* Nobody sees what may be undone. */
static void test_watch(void **state)
{
	uint64_t before = allocator_last_event(allocator), seen = before;

	(void)state;
	ask("a");
	assert_int_equal(allocator_last_event(allocator), before);
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(seen, before);
	commit();
	assert_int_equal(allocator_last_event(allocator), before + 1);
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(seen, before + 1);
	/* of two changes the first is there, the second is on its way */
	ask("b");
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(seen, before + 1);
	restart();
	set_pool(U, 8 * U, U);
	assert_int_equal(allocator_last_event(allocator), before + 1);
	ask("c");
	ask("d");
	commit();
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(seen, before + 3);
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(allocator_events_after(allocator, UINT64_MAX - 1, count_event, &seen), 0);
}

/* A batch that is lost takes its events with it, and its sequences are given again. */
static void test_lost_batch(void **state)
{
	uint64_t before = allocator_last_event(allocator), seen = before;

	(void)state;
	ask("a");
	sqlite3_exec(allocator->store->db, "ROLLBACK", NULL, NULL, NULL);
	assert_int_equal(ask("b"), -EIO);
	assert_true(allocator_commit(allocator) < 0);
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(allocator_last_event(allocator), before);
	expect_range("c", OUTCOME_CREATED, U, U);
	commit();
	assert_int_equal(allocator_events_after(allocator, seen, count_event, &seen), 0);
	assert_int_equal(seen, before + 1);
	assert_string_equal(events(), "allocated c 1:1");
}

static void set_history(uint64_t age, uint64_t n)
{
	allocator_set_settings(
		allocator, &(struct allocator_settings){ .history_age = age, .history_events = n });
}

static uint64_t n_events(void)
{
	struct store_facts facts;

	assert_int_equal(allocator_store_facts(allocator, &facts), 0);
	return facts.n_events;
}

/* With each commit, so that it never grows past its bound for long. */
static void test_most(void **state)
{
	char pod[16];

	(void)state;
	set_pool(U, 4000 * U, U);
	for (int i = 0; i < 100; i++) {
		snprintf(pod, sizeof(pod), "p%d", i);
		ask(pod);
	}
	commit();
	assert_true(n_events() > 100);
	set_history(0, 20);
	/* two go for each that comes: nobody waits for all that are too many */
	for (int i = 100; i < 190; i++) {
		snprintf(pod, sizeof(pod), "p%d", i);
		ask(pod);
		commit();
		assert_true(n_events() <= 102 - (uint64_t)(i - 99) || n_events() == 20);
	}
	assert_int_equal(n_events(), 20);
	/* all of them are in one piece, the newest ones */
	assert_int_equal(last_event().sequence, allocator_last_event(allocator));
	set_history(0, 1);
	assert_int_equal(allocator_prune(allocator, the_time, 5), 5);
	assert_int_equal(allocator_prune(allocator, the_time, 100), 14);
	assert_int_equal(allocator_prune(allocator, the_time, 100), 0);
	assert_int_equal(n_events(), 1);
	commit();
	ask("x");
	commit();
	assert_int_equal(n_events(), 1);
	assert_string_equal(last_event().pod, "x");
}

static void test_age(void **state)
{
	(void)state;
	ask("a");
	later(HOUR);
	ask("b");
	later(HOUR);
	ask("c");
	commit();
	set_history(3 * HOUR, 0);
	assert_int_equal(allocator_prune(allocator, the_time, 100), 0);
	later(HOUR + 2);
	assert_int_equal(allocator_prune(allocator, the_time, 100), 2); /* a, and the pool */
	later(100 * HOUR);
	assert_int_equal(allocator_prune(allocator, the_time, 100), 1); /* never the newest */
	assert_int_equal(n_events(), 1);
	/* a date before all of them, and before the age */
	the_time.wall = HOUR;
	assert_int_equal(allocator_prune(allocator, the_time, 100), 0);
	set_history(0, 0);
	the_time.wall = 100 * YEAR;
	assert_int_equal(allocator_prune(allocator, the_time, 100), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_fields),
		TEST(test_reused),
		TEST(test_pools),
		TEST(test_pools_after_a_crash),
		TEST(test_watch),
		TEST(test_lost_batch),
		TEST(test_most),
		TEST(test_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
