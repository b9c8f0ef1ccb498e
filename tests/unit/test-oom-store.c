/* SPDX-License-Identifier: MIT */

/* Memory that runs out in the choice of units, in the store and in the allocator. */

#include "allocator-rig.h"
#include "oom.h"

#include "core/units.h"

#define STRIDE 61 /* opening makes more than ten thousand allocations */

static bool choose(void)
{
	_cleanup_(unit_map_done) struct unit_map map = {};
	uint32_t first;

	if (unit_map_init(&map, 100) < 0)
		return false;
	unit_map_fill(&map, 0, 100, UNIT_RELEASED, (struct unit_release){ 1, 1 });
	return unit_map_seal(&map) == 0 &&
	       unit_map_choose(&map, 5, (struct unit_wait){}, &first) == 1;
}

static void test_units(void **state)
{
	(void)state;
	oom_loop(OOM_ALL, choose, NULL, 1);
}

static struct folder own;

/* Never "damaged" or "lost", when it is only memory that is wanted. */
static bool open_store(void)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store = NULL;
	struct allocation row;
	int r = store_open(own.path, &store, &message);

	if (r > 0)
		fail_msg("%d: %s", r, message ? message : "");
	assert_int_equal(r == 0, store != NULL);
	if (r == 0)
		r = store_get(store, "pod", &row);
	store_free(store);
	return r == 0;
}

static void check_store(void)
{
	assert_true(open_store());
}

static void test_open(void **state)
{
	const struct allocation row = { .pod = "pod", .pool = "p", .range = { 1, 1 } };
	_cleanup_(freep) char *message = NULL;
	struct store *store;

	(void)state;
	folder_make(&own);
	assert_int_equal(store_open(own.path, &store, &message), 0);
	assert_int_equal(store_insert(store, &row), 0);
	store_free(store);
	oom_loop(OOM_ALL, open_store, check_store, STRIDE);
	folder_remove(&own);
}

/* The first start: whatever fails, the next one begins where it was. */
static bool open_first(void)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store = NULL;
	int r = store_open(own.path, &store, &message);

	assert_true(r <= 0);
	store_free(store);
	return r == 0;
}

static void check_first(void)
{
	assert_true(open_first());
	folder_remove(&own);
	folder_make(&own);
}

static void test_open_first(void **state)
{
	(void)state;
	folder_make(&own);
	oom_loop(OOM_ALL, open_first, check_first, STRIDE);
	folder_remove(&own);
}

static struct store *kept;

static int count(const struct event *event, void *userdata)
{
	(void)event;
	++*(int *)userdata;
	return 0;
}

/* Everything of the history in one go; what fails says so, and what does not is right. */
static bool use_history(void)
{
	const struct event event = { .pod = "a", .pool = "p", .range = { 1, 1 }, .time = 1 };
	const struct event_query queries[] = { { "a", false, 0, 0, 9, 9 },
					       { NULL, true, 1, 0, 9, 9 },
					       { NULL, false, 0, 0, 9, 9 } };
	uint32_t n_pruned = 0;
	bool ok = store_begin(kept) == 0;

	ok = ok && store_insert_event(kept, &event) == 0;
	ok = ok && store_insert_event(kept, &event) == 0;
	for (size_t i = 0; ok && i < ELEMENTS_OF(queries); i++) {
		int n = 0, r = store_each_event(kept, &queries[i], count, &n);

		assert_true(r < 0 || n == 2);
		ok = r == 0;
	}
	ok = ok && store_prune_events(kept, 9, 9, 9, &n_pruned) == 0;
	assert_int_equal(n_pruned, ok);
	return ok;
}

static void check_history(void)
{
	uint64_t sequence;

	assert_int_equal(store_reopen(kept), 0);
	assert_int_equal(store_last_event(kept, &sequence), 0);
	assert_int_equal(sequence, 0);
}

static void test_history(void **state)
{
	_cleanup_(freep) char *message = NULL;

	(void)state;
	folder_make(&own);
	assert_int_equal(store_open(own.path, &kept, &message), 0);
	oom_loop(OOM_ALL, use_history, check_history, 5);
	store_free(take_ptr(kept));
	folder_remove(&own);
}

static const struct requester root = { 0, 1, true };

static int try_allocate(const char *pod, uint32_t count)
{
	const struct allocate_request request = {
		.pod = pod, .count = count, .by = root, .now = later(1)
	};

	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal);
}

/* Every kind of change, in one batch; only its results are looked at here. */
static bool change(void)
{
	bool released, ok = true;

	ok = try_allocate("a", 2 * U) == 0 && ok;
	ok = allocator_release(allocator, "a", root, later(1), &answer, &released) == 0 && ok;
	ok = try_allocate("b", 0) == 0 && ok; /* takes a part of what a had */
	ok = try_allocate("a", 0) == 0 && ok; /* no range of its own any more */
	ok = allocator_release(allocator, "b", root, later(1), &answer, &released) == 0 && ok;
	ok = try_allocate("b", 0) == 0 && ok; /* comes back */
	ok = allocator_get(allocator, "a", &answer) == 0 && ok;
	if (allocator_is_pending(allocator))
		ok = allocator_commit(allocator) == 0 && ok;
	return ok;
}

/* What is in memory is what a daemon that has just started finds. */
static void check_change(void)
{
	_cleanup_(freep) char *found = NULL, *used = NULL;

	/* opens the store again and makes anew what is derived, if anything has failed */
	allocator_get(allocator, "x", &answer);
	found = strdup(rows());
	used = strdup(usage());
	restart();
	set_pool(U, 3 * U, U);
	assert_string_equal(rows(), found);
	assert_string_equal(usage(), used);
	/* and a clean table for the next try */
	for (const char *const *pod = (const char *const[]){ "a", "b", NULL }; *pod; pod++)
		if (allocator_get(allocator, *pod, &answer) == 0)
			give_back(*pod);
	if (allocator_is_pending(allocator))
		commit();
	restart();
	set_pool(U, 3 * U, U);
}

static void test_changes(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	oom_loop(OOM_ALL, change, check_change, 5);
}

static int request_result;

/* One request of several rows, after another one of the same batch. */
static bool request(void)
{
	request_result = try_allocate("c", U);
	return request_result == 0;
}

/*
 * A request that failed has changed nothing. The one before it is still there, unless SQLite took
 * the whole transaction back: then the commit must say so.
 */
static void check_request(void)
{
	allocator_get(allocator, "x", &answer);
	if (strstr(rows(), "b:3:1:released"))
		assert_true(allocator_commit(allocator) < 0);
	else if (request_result == 0)
		assert_string_equal(rows(),
				    "c:1:1:active :2:1:released b:3:1:active :4:2:released ");
	else
		assert_string_equal(rows(), "a:1:2:released b:3:1:active c:4:2:released ");
	restart();
	set_pool(U, 5 * U, U);
	/* c had a range that it cannot come back to, as it wants another count now */
	assert_int_equal(try_allocate("b", 0), 0);
}

static void test_request(void **state)
{
	(void)state;
	set_pool(U, 5 * U, U);
	assert_int_equal(try_allocate("a", 2 * U), 0);
	assert_int_equal(try_allocate("b", 0), 0);
	assert_int_equal(try_allocate("c", 2 * U), 0);
	give_back("a");
	give_back("b");
	give_back("c");
	commit();
	assert_int_equal(try_allocate("b", 0), 0);
	oom_loop(OOM_ALL, request, check_request, 3);
}

/* The first request of a log, which has more to write than the others. */
static bool begin_log(void)
{
	bool ok = try_allocate("a", 0) == 0;

	return (!allocator_is_pending(allocator) || allocator_commit(allocator) == 0) && ok;
}

/* Whatever failed: the next one works, in the same daemon. */
static void check_log(void)
{
	uint64_t size;

	assert_int_equal(try_allocate("a", 0), 0);
	give_back("a");
	commit();
	assert_int_equal(allocator_backup_begin(allocator, &size), 0); /* it brings the log home */
	allocator_backup_end(allocator);
	oom_keep_blocks();
}

static void test_log(void **state)
{
	(void)state;
	set_pool(U, 3 * U, U);
	commit();
	check_log();
	oom_loop(OOM_ALL, begin_log, check_log, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_open_first),
		cmocka_unit_test(test_history),
		cmocka_unit_test_setup_teardown(test_changes, allocator_setup, allocator_teardown),
		cmocka_unit_test_setup_teardown(test_request, allocator_setup, allocator_teardown),
		cmocka_unit_test_setup_teardown(test_log, allocator_setup, allocator_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
