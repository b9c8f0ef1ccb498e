/* SPDX-License-Identifier: MIT */

/*
 * A random walk of the allocator and the store under it, against a model that knows of each ID who
 * has it. Clients ask, processes come and go, looks at them take their time, the kubelet writes
 * files, pools come, go, move and change their unit, changes are committed or lost in a crash, and
 * the machine is started anew. SUBIDD_TEST_STEPS is the number of steps of each of the two walks.
 */

#include "allocator-model.h"

#define N_STEPS 110000
#define YEAR (UINT64_C(365) * 86400 * SECOND)

static const struct {
	uint32_t weight; /* of all steps */
	void (*step)(void);
} steps[] = {
	{ 320, step_allocate },	    { 90, step_record },      { 170, step_release },
	{ 30, step_bind },	    { 5, step_reconcile },    { 100, step_process_start },
	{ 110, step_process_end },  { 20, step_notice_ends }, { 160, step_pass },
	{ 8, step_lose_sight },	    { 60, step_adopt },	      { 40, step_vanish },
	{ 6, step_kubelet_claims }, { 4, step_pools },	      { 2, step_settings },
	{ 1, step_restart },	    { 20, step_commit },
};

static void take_step(void)
{
	uint32_t total = 0, at;

	for (size_t i = 0; i < ELEMENTS_OF(steps); i++)
		total += steps[i].weight;
	at = below(total);
	for (size_t i = 0; i < ELEMENTS_OF(steps); i++) {
		if (at < steps[i].weight) {
			steps[i].step();
			check_events();
			return;
		}
		at -= steps[i].weight;
	}
}

static void begin(void)
{
	model_begin(chance_begin());
	the_time.wall = 1700000000 * SECOND;
	step_settings();
	edit_pools();
	put_pools();
	check_events();
	forget_snapshots();
}

static uint32_t n_steps(void)
{
	const char *text = getenv("SUBIDD_TEST_STEPS");

	return text ? (uint32_t)atoi(text) : N_STEPS;
}

static void walk(bool has_true_clock)
{
	begin();
	for (uint32_t step = n_steps(); step > 0; step--) {
		take_step();
		if (below(200) == 0)
			compare_all();
		if (!has_true_clock && below(500) == 0)
			the_time.wall = (30 + below(40)) * YEAR + below(1000) * SECOND;
		if (has_true_clock && below(500) == 0) {
			step_commit();
			compare_snapshots();
			take_snapshot();
		}
	}
	step_restart();
	compare_all();
}

static void test_walk(void **state)
{
	(void)state;
	walk(true);
}

/* The date is changed by years all the time: it decides nothing. */
static void test_walk_through_years(void **state)
{
	(void)state;
	walk(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walk, allocator_setup, allocator_teardown),
		cmocka_unit_test_setup_teardown(test_walk_through_years, allocator_setup,
						allocator_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
