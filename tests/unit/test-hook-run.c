/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-run.h"

#include <errno.h>

#define UNIT 65536

/* The first has units 2 to 5 and half a unit, the second the units 10 and 11 of twice the size. */
static const struct hook_pool pools[] = {
	{ "a", { 2 * UNIT, 4 * UNIT + UNIT / 2 }, UNIT },
	{ "b", { 20 * UNIT, 4 * UNIT }, 2 * UNIT },
};

/* Extents are first ID, count; the GIDs are the UIDs if there are none. */
static const struct {
	const char *uids, *gids;
	uint32_t start, count; /* 0: in no pool */
	const char *word;      /* of the refusal */
} cases[] = {
	{ "0 131072 65536\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 131072 262144\n", NULL, 2 * UNIT, 4 * UNIT, NULL },
	{ "0 131072 1\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 196607 1\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 196607 2\n", NULL, 2 * UNIT, 2 * UNIT, NULL },
	{ "0 131071 1\n", NULL, 0, 0, NULL },
	{ "0 131071 2\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 1000 1\n1 131072 65535\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 131072 1000\n1000 1000 1\n1001 132073 64535\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 196608 65536\n65536 131072 65536\n", NULL, 2 * UNIT, 2 * UNIT, NULL },
	{ "0 131072 65536\n65536 131072 65536\n", NULL, 2 * UNIT, UNIT, NULL },
	{ "0 131072 196608\n196608 150000 1\n", NULL, 2 * UNIT, 3 * UNIT, NULL },
	{ "0 0 4294967294\n", NULL, 0, 0, "two pools" },
	{ "0 393216 32768\n", NULL, 0, 0, NULL }, /* half a unit is none */
	{ "0 393215 2\n", NULL, 5 * UNIT, UNIT, NULL },
	{ "0 1310720 1\n", NULL, 20 * UNIT, 2 * UNIT, NULL },
	{ "0 1441791 2\n", NULL, 20 * UNIT, 4 * UNIT, NULL },
	{ "0 1572864 65536\n", NULL, 0, 0, NULL },
	{ "0 4294967294 1\n", NULL, 0, 0, NULL },
	{ "", NULL, 0, 0, NULL },
	{ "0 131072 65536\n65536 262144 65536\n", NULL, 0, 0, "131072:65536 and 262144:65536" },
	{ "0 262144 65536\n65536 131072 1\n", NULL, 0, 0, "131072:65536 and 262144:65536" },
	{ "0 131072 1\n1 1310720 1\n", NULL, 0, 0, "of a and 1310720:131072 of b" },
	{ "0 131072 65536\n", "0 196608 65536\n", 0, 0, "GIDs in 196608:65536" },
	{ "0 131072 65536\n", "0 131072 65537\n", 0, 0, "GIDs in 131072:131072" },
	{ "0 131072 65536\n", "0 1310720 65536\n", 0, 0, "of b" },
	{ "0 131072 65536\n", "0 1000 1\n", 0, 0, "GIDs in no pool" },
	{ "0 1000 1\n", "0 131072 65536\n", 0, 0, "UIDs in no pool" },
	{ "0 131072 1000\n", "0 140000 1000\n", 2 * UNIT, UNIT, NULL },
};

static void parse(const char *text, struct idmap *ret)
{
	if (idmap_parse(text, strlen(text), ret) < 0)
		fail_msg("refused: %s", text);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct hook_failure failure = {};
		struct hook_run run = {};
		struct hook_maps maps;
		int r;

		parse(cases[i].uids, &maps.uids);
		parse(cases[i].gids ? cases[i].gids : cases[i].uids, &maps.gids);
		r = run_find(&maps, pools, ELEMENTS_OF(pools), &run, &failure);
		if (r != (cases[i].word ? -EINVAL : 0))
			fail_msg("%zu: %d %s", i, r, failure.text);
		if (cases[i].word && !strstr(failure.text, cases[i].word))
			fail_msg("no %s in: %s", cases[i].word, failure.text);
		assert_int_equal(run.pool != NULL, cases[i].count > 0);
		assert_int_equal(run.range.start, cases[i].start);
		assert_int_equal(run.range.count, cases[i].count);
	}
}

static void test_overlaps(void **state)
{
	struct idmap map;

	(void)state;
	parse("0 1000 1\n1 131072 10\n", &map);
	assert_true(run_overlaps(&map, (struct id_range){ 131081, 5 }));
	assert_true(run_overlaps(&map, (struct id_range){ 0, 1001 }));
	assert_false(run_overlaps(&map, (struct id_range){ 131082, 5 }));
	assert_false(run_overlaps(&map, (struct id_range){ 1001, 131072 - 1001 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_overlaps),
	};

	return cmocka_run_group_tests_name("hook-run", tests, NULL, NULL);
}
