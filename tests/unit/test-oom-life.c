/* SPDX-License-Identifier: MIT */

/* Memory that runs out in whatever happens to allocations after they were made. */

#include "allocator-life.h"
#include "oom.h"

#include "allocator-private.h"
#include "store-private.h"

#define N_UNITS 6
#define STRIDE 11 /* each try opens the store anew */

static const struct requester root = { 0, 1, true };
static struct process process;
static struct pass passes[2];
static struct claims kubelet_claims;

/* What passes find is read by others: it is made where memory suffices. */
static void make_claims(void)
{
	for (size_t i = 0; i < ELEMENTS_OF(passes); i++) {
		claims_done(&passes[i].claims);
		passes[i].claims = claims_of(i == 0 ? "4:1 5:1" : "5:1 6:1");
	}
	claims_done(&kubelet_claims);
	kubelet_claims = claims_of("6:1");
	process = process_of(5, 50);
}

static bool give(const char *pod, const struct process *tied)
{
	const struct allocate_request request = {
		.pod = pod, .process = tied, .by = root, .now = later(1)
	};

	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal) == 0;
}

/* What lives in the range is its own. */
static bool record(const char *pod, struct id_range range)
{
	const struct idmap maps[2] = { { .hosts = { range }, .n_hosts = 1 } };
	const struct allocate_request request = {
		.pod = pod,
		.start = range.start,
		.count = range.count,
		.process = &process,
		.maps = maps,
		.by = root,
		.now = later(1),
	};

	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal) == 0;
}

static int ignore_row(const struct allocation *row, void *userdata)
{
	(void)row;
	(void)userdata;
	return 0;
}

static int ignore_event(const struct event *event, void *userdata)
{
	(void)event;
	(void)userdata;
	return 0;
}

static bool sweep(void)
{
	const char *living[] = { "a" };
	const struct reconcile_request request = {
		.pods = living,
		.n_pods = 1,
		.created_before = UINT64_MAX,
		.by = root,
		.now = later(1),
	};

	return allocator_reconcile(allocator, &request, ignore_row, NULL) == 0;
}

static bool take_pass(size_t i)
{
	passes[i].began = passes[i].ended = later(PASS_GAP_USEC).boot;
	return allocator_take_pass(allocator, &passes[i]) == 0;
}

static bool commit_all(void)
{
	return !allocator_is_pending(allocator) || allocator_commit(allocator) == 0;
}

/* Everything, in one batch; only its results are looked at here. */
static bool live(void)
{
	const struct id_range range = { 3 * U, U }, next = { 4 * U, U };
	bool released, ok = true;

	ok = give("a", NULL) && ok;
	ok = give("b", &process) && ok;
	ok = allocator_bind(allocator, "a", &process, root, later(1), &answer) == 0 && ok;
	ok = allocator_adopt(allocator, "kubelet", "k", range, later(1), &answer) == 0 && ok;
	ok = allocator_adopt(allocator, "kubelet", "k", next, later(1), &answer) == 0 && ok;
	ok = allocator_report_conflict(allocator, "kubelet", "l", next, "k", later(1)) == 0 && ok;
	ok = allocator_process_ended(allocator, "a", &process, later(1), &released) == 0 && ok;
	ok = allocator_each_bound(allocator, ignore_row, NULL) == 0 && ok;
	ok = take_pass(0) && ok;
	ok = allocator_vanish(allocator, "k", later(1)) == 0 && ok;
	ok = sweep() && ok;
	ok = allocator_take_kubelet_claims(allocator, &kubelet_claims) == 0 && ok;
	ok = take_pass(1) && ok;
	ok = allocator_drain(allocator, the_time) == 0 && ok;
	ok = give("c", NULL) && ok;
	ok = record("d", (struct id_range){ 5 * U, U }) && ok;
	ok = allocator_prune(allocator, the_time, 10) >= 0 && ok;
	ok = commit_all() && ok;
	ok = allocator_lookup_at(allocator, U, UINT64_MAX, &answer) == 0 && ok;
	ok = allocator_events_after(allocator, 0, ignore_event, NULL) == 0 && ok;
	return ok;
}

/* Each row has its events, and no event is without its row. */
static void expect_history(void)
{
	for (uint32_t id = U; id < (N_UNITS + 1) * U; id += U) {
		struct allocation now, then;
		int r = allocator_lookup(allocator, id, &now);

		assert_int_equal(allocator_lookup_at(allocator, id, UINT64_MAX, &then), r);
		if (r != 0)
			continue;
		assert_string_equal(now.pod, then.pod);
		assert_int_equal(now.state, then.state);
		assert_int_equal(now.released_at, then.released_at);
	}
}

/* A clean table for the next try; the sequences go on, as the store has written down where they
 * are.
 */
static void clean(void)
{
	assert_int_equal(sqlite3_exec(allocator->store->db,
				      "DELETE FROM allocation;"
				      "DELETE FROM event WHERE sequence <"
				      " (SELECT max(sequence) FROM event);"
				      "UPDATE event SET pod = NULL, start = NULL, count = NULL",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	start_with(N_UNITS);
	if (allocator_is_pending(allocator))
		commit();
	make_claims();
}

/* What is in memory is what is made from the store and the last passes. */
static void check(void)
{
	_cleanup_(freep) char *used = NULL;

	assert_false(allocator_is_pending(allocator));
	allocator_get(allocator, "x", &answer);
	used = strdup(units());
	expect_history();
	set_pool(U, N_UNITS * U, U);
	assert_string_equal(units(), used);
	commit();
	clean();
}

static void test_life(void **state)
{
	(void)state;
	clean();
	oom_loop(OOM_ALL, live, check, STRIDE);
	for (size_t i = 0; i < ELEMENTS_OF(passes); i++)
		claims_done(&passes[i].claims);
	claims_done(&kubelet_claims);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, life_setup, allocator_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
