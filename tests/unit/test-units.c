/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "core/units.h"

#include <stdbool.h>

#define NONE NO_UNIT

static const struct unit_wait no_wait = {};

static struct unit_release release(uint64_t order)
{
	return (struct unit_release){ order, order };
}

/*
 * A pool as a text, a letter a unit: "." fresh, a digit released (0 longest ago), "d" draining, "f"
 * foreign, "A" active, "R" reserved.
 */
static struct unit_map map_of(const char *text)
{
	struct unit_map map = {};

	assert_int_equal(unit_map_init(&map, (uint32_t)strlen(text)), 0);
	for (uint32_t i = 0; text[i]; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			unit_map_fill(&map, i, 1, UNIT_RELEASED,
				      release((uint64_t)(text[i] - '0') + 1));
		else
			unit_map_fill(&map, i, 1,
				      text[i] == 'd'   ? UNIT_DRAINING
				      : text[i] == 'f' ? UNIT_FOREIGN
				      : text[i] == 'A' ? UNIT_ACTIVE
				      : text[i] == 'R' ? UNIT_RESERVED
						       : UNIT_FRESH,
				      release(0));
	}
	assert_int_equal(unit_map_seal(&map), 0);
	return map;
}

static const struct {
	const char *pool;
	uint32_t n_units, first;
} choices[] = {
	{ "", 1, NONE },
	{ ".", 0, NONE },
	{ ".", 1, 0 },
	{ ".", 2, NONE },
	{ "A", 1, NONE },
	{ "A", UINT32_MAX, NONE },
	{ "...", 1, 0 },
	{ "A..", 1, 1 },
	{ "AA.", 1, 2 },
	/* never-used units before all others, wherever they are */
	{ "0.", 1, 1 },
	{ "0123456789.", 1, 10 },
	/* then the one that was released longest ago */
	{ "210", 1, 2 },
	{ "102", 1, 1 },
	{ "A3A1A2A", 1, 3 },
	/* the same release: the first one */
	{ "A00", 1, 1 },
	/* nothing but fresh and released units is ever chosen */
	{ "dfAR", 1, NONE },
	{ "dfAR.", 1, 4 },
	{ "R9dfA", 1, 1 },
	{ ".R.", 2, NONE },
	{ ".d.", 2, NONE },
	{ ".f.", 2, NONE },
	{ ".A.", 2, NONE },
	{ "0R0", 2, NONE },
	{ "0d1f2A3", 2, NONE },
	/* runs: all fresh first, from the start */
	{ "....", 4, 0 },
	{ "....", 5, NONE },
	{ ".A..", 2, 2 },
	{ ".A.A..A...", 2, 4 },
	{ ".A.A..A...", 3, 7 },
	{ ".A.A..A...", 4, NONE },
	{ "00..", 2, 2 },
	{ "0.0..", 2, 3 },
	/* then the run whose latest release is the earliest, fresh units counting as never released
	 */
	{ "0.1", 2, 0 },
	{ "1.0", 2, 1 },
	{ "9.8.7A.6", 2, 6 },
	{ "3210", 2, 2 },
	{ "0123", 2, 0 },
	{ "0912A345", 2, 2 },
	{ "0912A345", 3, 5 },
	{ "0912A345", 4, 0 },
	{ "5050", 2, 0 },
	{ "505.0", 2, 3 },
	{ "9999", 4, 0 },
	{ "1111", 2, 0 },
	{ "0A1A22", 2, 4 },
	/* a queue that began before a gap must not reach over it */
	{ "12A21", 2, 0 },
	{ "1A2", 2, NONE },
	{ "9A0.A", 2, 2 },
	{ "876543210", 3, 6 },
	{ "012345678", 3, 0 },
	{ "302415", 3, 0 },
	{ "304415", 3, 0 },
	{ "314405", 3, 0 },
	{ "514302", 3, 3 },
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(choices); i++) {
		_cleanup_(unit_map_done) struct unit_map map = map_of(choices[i].pool);
		uint32_t first = NONE;
		int r = unit_map_choose(&map, choices[i].n_units, no_wait, &first);

		if (first != choices[i].first)
			print_error("# \"%s\", %u units: %d\n", choices[i].pool, choices[i].n_units,
				    (int)first);
		assert_int_equal(r, choices[i].first != NONE);
		assert_int_equal(first, choices[i].first);
	}
}

/* A digit D was released at the clock D + 1; it is NOW, and released units wait for DELAY. */
static const struct {
	const char *pool;
	struct unit_wait wait;
	uint32_t n_units, first, n_waiting;
} waits[] = {
	{ "0", { 0, 1 }, 1, 0, 0 },
	{ "0", { 1, 1 }, 1, NONE, 1 },
	{ "0", { 1, 2 }, 1, 0, 0 },
	{ "0", { 5, 5 }, 1, NONE, 1 },
	{ "0", { 5, 6 }, 1, 0, 0 },
	{ "0", { UINT64_MAX, UINT64_MAX }, 1, NONE, 1 },
	{ "0", { UINT64_MAX - 1, UINT64_MAX }, 1, 0, 0 },
	/* a release in the future */
	{ "9", { 1, 3 }, 1, NONE, 1 },
	{ "9", { 0, 3 }, 1, 0, 0 },
	/* never-used units never wait */
	{ ".", { UINT64_MAX, 0 }, 1, 0, 0 },
	{ "0.", { 9, 1 }, 1, 1, 1 },
	{ "0.0", { 9, 1 }, 2, NONE, 2 },
	/* the oldest one, or none */
	{ "210", { 2, 3 }, 1, 2, 2 },
	{ "210", { 2, 4 }, 1, 2, 1 },
	{ "210", { 3, 3 }, 1, NONE, 3 },
	{ "A3d1f2R0", { 3, 5 }, 1, 7, 2 },
	/* runs that waiting units break */
	{ "0120", { 3, 5 }, 2, 0, 1 },
	{ "0910", { 3, 5 }, 2, 2, 1 },
	{ "0910", { 3, 5 }, 3, NONE, 1 },
	{ "0919", { 3, 5 }, 2, NONE, 2 },
	{ ".9.", { 3, 5 }, 2, NONE, 1 },
	{ ".9..", { 3, 5 }, 2, 2, 1 },
	{ "9.0", { 3, 5 }, 2, 1, 1 },
	{ "90129", { 3, 5 }, 2, 1, 3 },
	{ "90129", { 3, 6 }, 3, 1, 2 },
};

static void test_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(waits); i++) {
		_cleanup_(unit_map_done) struct unit_map map = map_of(waits[i].pool);
		uint32_t first = NONE;
		int r = unit_map_choose(&map, waits[i].n_units, waits[i].wait, &first);
		uint32_t n = unit_map_n_waiting(&map, waits[i].wait);

		if (first != waits[i].first || n != waits[i].n_waiting)
			print_error("# case %zu, \"%s\": %d, %u wait\n", i, waits[i].pool,
				    (int)first, n);
		assert_int_equal(r, waits[i].first != NONE);
		assert_int_equal(first, waits[i].first);
		assert_int_equal(n, waits[i].n_waiting);
	}
}

/* Rows come in any order, and several may touch one unit: the strongest state, the last release. */
static void test_fill(void **state)
{
	static const struct {
		enum unit_state a, b, expected;
	} cases[] = {
		{ UNIT_RELEASED, UNIT_FRESH, UNIT_RELEASED },
		{ UNIT_RELEASED, UNIT_FOREIGN, UNIT_FOREIGN },
		{ UNIT_FOREIGN, UNIT_DRAINING, UNIT_DRAINING },
		{ UNIT_DRAINING, UNIT_ACTIVE, UNIT_ACTIVE },
		{ UNIT_ACTIVE, UNIT_RESERVED, UNIT_RESERVED },
		{ UNIT_RELEASED, UNIT_RESERVED, UNIT_RESERVED },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
		for (int turned = 0; turned < 2; turned++) {
			_cleanup_(unit_map_done) struct unit_map map = {};

			assert_int_equal(unit_map_init(&map, 3), 0);
			unit_map_fill(&map, 1, 1, turned ? cases[i].b : cases[i].a, release(0));
			unit_map_fill(&map, 1, 1, turned ? cases[i].a : cases[i].b, release(0));
			assert_int_equal(unit_map_seal(&map), 0);
			assert_int_equal(unit_map_state(&map, 0), UNIT_FRESH);
			assert_int_equal(unit_map_state(&map, 1), cases[i].expected);
			assert_int_equal(unit_map_state(&map, 2), UNIT_FRESH);
			assert_int_equal(map.n_in_state[cases[i].expected], 1);
			assert_int_equal(map.n_in_state[UNIT_FRESH], 2);
		}
}

static void test_fill_order(void **state)
{
	static const uint64_t orders[] = { 5, 3, 9, 1, 7 };
	uint32_t first;

	(void)state;
	for (uint32_t shift = 0; shift < 5; shift++) {
		_cleanup_(unit_map_done) struct unit_map map = {};

		assert_int_equal(unit_map_init(&map, 5), 0);
		for (uint32_t i = 0; i < 5; i++) {
			uint32_t unit = (i + shift) % 5;

			unit_map_fill(&map, unit, 1, UNIT_RELEASED, release(orders[unit]));
		}
		/* one unit, two releases: the later one counts */
		unit_map_fill(&map, 3, 1, UNIT_RELEASED, release(8));
		unit_map_fill(&map, 3, 1, UNIT_RELEASED, release(2));
		assert_int_equal(unit_map_seal(&map), 0);
		for (uint32_t i = 0; i < 5; i++) {
			static const uint32_t expected[] = { 1, 0, 4, 3, 2 };

			assert_int_equal(unit_map_choose(&map, 1, no_wait, &first), 1);
			assert_int_equal(first, expected[i]);
			unit_map_set(&map, first, UNIT_ACTIVE, release(0));
		}
		assert_int_equal(unit_map_choose(&map, 1, no_wait, &first), 0);
	}
}

/* A unit that becomes fresh again in front of the hint is found again. */
static void test_fresh_again(void **state)
{
	_cleanup_(unit_map_done) struct unit_map map = map_of("AAAA.");
	uint32_t first;

	(void)state;
	unit_map_set(&map, 4, UNIT_ACTIVE, release(0));
	assert_int_equal(unit_map_choose(&map, 1, no_wait, &first), 0);
	unit_map_set(&map, 3, UNIT_FRESH, release(0));
	unit_map_set(&map, 1, UNIT_FRESH, release(0));
	assert_int_equal(unit_map_choose(&map, 1, no_wait, &first), 1);
	assert_int_equal(first, 1);
	unit_map_set(&map, 2, UNIT_FRESH, release(0));
	assert_int_equal(unit_map_choose(&map, 3, no_wait, &first), 1);
	assert_int_equal(first, 1);
	unit_map_set(&map, 1, UNIT_RELEASED, release(1));
	assert_int_equal(unit_map_choose(&map, 1, no_wait, &first), 1);
	assert_int_equal(first, 2);
	unit_map_set(&map, 1, UNIT_FRESH, release(0));
	assert_int_equal(unit_map_choose(&map, 1, no_wait, &first), 1);
	assert_int_equal(first, 1);
}

static void test_done_twice(void **state)
{
	struct unit_map map = {};

	(void)state;
	unit_map_done(&map);
	assert_int_equal(unit_map_init(&map, 0), 0);
	assert_int_equal(unit_map_seal(&map), 0);
	unit_map_done(&map);
	unit_map_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choices),	   cmocka_unit_test(test_fill),
		cmocka_unit_test(test_fill_order), cmocka_unit_test(test_fresh_again),
		cmocka_unit_test(test_done_twice), cmocka_unit_test(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
