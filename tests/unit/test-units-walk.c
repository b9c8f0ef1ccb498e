/* SPDX-License-Identifier: MIT */

/* A random walk of a map of units. */

#include "testing.h"

#include "core/units.h"

#include <stdbool.h>

#define NONE NO_UNIT

static const struct unit_wait no_wait = {};

static struct unit_release release(uint64_t order)
{
	return (struct unit_release){ order, order };
}

/* The dumbest model: what each unit is, searched from end to end. */
struct model {
	uint32_t n_units;
	enum unit_state *states;
	uint64_t *orders; /* of the release; 0 for a unit that is not released */
};

/* Releases are dated by their order. */
static bool model_waits(const struct model *model, uint32_t unit, struct unit_wait wait)
{
	return model->states[unit] == UNIT_RELEASED && wait.delay > 0 &&
	       wait.now < model->orders[unit] + wait.delay;
}

/* The latest release in a run, 0 if all of it is fresh; UINT64_MAX if not all of it is free. */
static uint64_t model_latest(const struct model *model, uint32_t first, uint32_t n,
			     struct unit_wait wait)
{
	uint64_t latest = 0;

	for (uint32_t i = first; i < first + n; i++) {
		if (model->states[i] > UNIT_RELEASED || model_waits(model, i, wait))
			return UINT64_MAX;
		if (model->orders[i] > latest)
			latest = model->orders[i];
	}
	return latest;
}

static bool model_choose(const struct model *model, uint32_t n, struct unit_wait wait,
			 uint32_t *ret)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; n <= model->n_units && i <= model->n_units - n && best > 0; i++) {
		uint64_t latest = model_latest(model, i, n, wait);

		if (latest < best) {
			best = latest;
			*ret = i;
		}
	}
	return best != UINT64_MAX;
}

static void compare(const struct unit_map *map, const struct model *model, struct unit_wait wait)
{
	uint32_t n[N_UNIT_STATES] = {}, n_waiting = 0;

	for (uint32_t i = 0; i < model->n_units; i++) {
		assert_int_equal(unit_map_state(map, i), model->states[i]);
		n[model->states[i]]++;
		n_waiting += model_waits(model, i, wait);
	}
	assert_int_equal(unit_map_n_waiting(map, wait), n_waiting);
	assert_memory_equal(n, map->n_in_state, sizeof(n));
}

static void set(struct unit_map *map, struct model *model, uint32_t unit, enum unit_state state,
		uint64_t order)
{
	unit_map_set(map, unit, state, release(order));
	model->states[unit] = state;
	model->orders[unit] = state == UNIT_RELEASED ? order : 0;
}

/* A release in this step, or one that another row kept from an earlier step; all are different. */
static uint64_t release_in(uint32_t step)
{
	return ((uint64_t)step + 1) << 32;
}

static uint64_t release_before(uint32_t step, uint64_t *random)
{
	return ((uint64_t)chance(random, step + 1) << 32) + step + 1;
}

/* Of all units, of a few, of none: the delay is up to so many steps. */
static struct unit_wait some_wait(uint32_t step, uint64_t *random)
{
	uint64_t delay = chance(random, 3) == 0 ? 0 : chance(random, step + 1);

	return (struct unit_wait){ delay << 32, release_in(step) };
}

/* A run is chosen by both and taken; or a unit becomes anything. */
static void walk_step(struct unit_map *map, struct model *model, uint64_t *random, uint32_t step)
{
	uint32_t n = 1 + (chance(random, 4) == 0 ? chance(random, 5) : 0);
	uint32_t chosen = NONE, expected = NONE, unit = chance(random, model->n_units);
	struct unit_wait wait = some_wait(step, random);

	assert_int_equal(unit_map_choose(map, n, wait, &chosen),
			 model_choose(model, n, wait, &expected));
	assert_int_equal(chosen, expected);
	if (chosen != NONE && chance(random, 2) == 0)
		for (uint32_t i = chosen; i < chosen + n; i++)
			set(map, model, i, UNIT_ACTIVE, 0);
	else if (chance(random, 8) > 0)
		set(map, model, unit, UNIT_RELEASED, release_in(step));
	else if (chance(random, 4) == 0)
		set(map, model, unit, UNIT_RELEASED, release_before(step, random));
	else
		set(map, model, unit, (enum unit_state)chance(random, N_UNIT_STATES),
		    release_in(step));
}

static void random_walk(uint32_t n_units, uint32_t n_steps, uint64_t *random)
{
	_cleanup_(unit_map_done) struct unit_map map = {};
	_cleanup_(freep) enum unit_state *states = calloc(n_units, sizeof(*states));
	_cleanup_(freep) uint64_t *orders = calloc(n_units, sizeof(*orders));
	struct model model = { n_units, states, orders };

	assert_int_equal(unit_map_init(&map, n_units), 0);
	for (uint32_t i = 0; i < n_units; i++) {
		states[i] = (enum unit_state)chance(random, N_UNIT_STATES);
		orders[i] = states[i] == UNIT_RELEASED ? i + 1 : 0;
		unit_map_fill(&map, i, 1, states[i], release(orders[i]));
	}
	assert_int_equal(unit_map_seal(&map), 0);
	for (uint32_t step = n_units; step < n_units + n_steps; step++) {
		walk_step(&map, &model, random, step);
		if (step % 1000 == 0)
			compare(&map, &model, some_wait(step, random));
	}
	compare(&map, &model, no_wait);
}

static void test_random_walk(void **state)
{
	static const struct {
		uint32_t n_units, n_steps;
	} walks[] = {
		{ 1, 10000 },	 { 2, 20000 },	  { 3, 20000 },	  { 7, 50000 },
		{ 110, 100000 }, { 1000, 10000 }, { 65535, 500 },
	};
	uint64_t random = chance_begin();

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(walks); i++)
		random_walk(walks[i].n_units, walks[i].n_steps, &random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
