/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "core/idmap.h"

#include <errno.h>
#include <inttypes.h>

#define N_WALKS 2000

static struct idmap parse(const char *text)
{
	struct idmap map;

	if (idmap_parse(text, strlen(text), &map) < 0)
		fail_msg("refused: %s", text);
	return map;
}

/* As a kernel writes them. */
static void test_maps(void **state)
{
	struct idmap map = parse("         0     131072      65536\n");

	(void)state;
	assert_int_equal(map.n_hosts, 1);
	assert_int_equal(map.hosts[0].start, 131072);
	assert_int_equal(map.hosts[0].count, 65536);
	assert_false(map.is_full);
	assert_false(map.is_empty);
	assert_false(idmap_contains(&map, 131071));
	assert_true(idmap_contains(&map, 131072));
	assert_true(idmap_contains(&map, 196607));
	assert_false(idmap_contains(&map, 196608));
	map = parse("         0       1000          1\n         1     100000      65536\n");
	assert_int_equal(map.n_hosts, 2);
	assert_int_equal(map.hosts[1].start, 100000);
	map = parse("");
	assert_int_equal(map.n_hosts, 0);
	assert_true(map.is_empty);
	assert_false(map.is_full);
	assert_false(idmap_contains(&map, 0));
	map = parse("4294967294 4294967294 1\n");
	assert_int_equal(map.hosts[0].start, 4294967294);
	assert_int_equal(map.hosts[0].count, 1);
}

static void test_full(void **state)
{
	static const struct {
		const char *text;
		bool is_full;
	} cases[] = {
		{ "         0          0 4294967295\n", true },
		{ "0 0 1\n1 1 4294967294\n", true }, /* PrivateUsers=full of systemd.exec(5) */
		{ "0 2147483648 2147483647\n2147483647 0 2147483648\n", true },
		{ "0 0 4294967294\n", false },
		{ "0 1 4294967294\n", false },
		{ "0 0 65536\n65536 65537 4294901758\n", false },
		{ "0 1 4294967294\n1 1 4294967294\n", false }, /* twice the same: no kernel */
		{ "0 0 4294967295\n0 5 5\n", true },
		{ "0 4294967295 4294967295\n", false }, /* seen from another namespace */
		{ "0 0 65536\n65536 4294967295 4294901759\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
		if (parse(cases[i].text).is_full != cases[i].is_full)
			fail_msg("%s", cases[i].text);
}

static void test_past_end(void **state)
{
	struct idmap map = parse("0 4294967295 65536\n");

	(void)state;
	assert_int_equal(map.n_hosts, 0);
	assert_false(map.is_empty);
	map = parse("0 4294967290 4294967295\n0 4294967294 1\n0 4294967294 2\n");
	assert_int_equal(map.n_hosts, 3);
	assert_int_equal(map.hosts[0].count, 5);
	assert_int_equal(map.hosts[1].count, 1);
	assert_int_equal(map.hosts[2].count, 1);
	assert_false(idmap_contains(&map, UINT32_MAX));
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"\n",
		" ",
		"0\n",
		"0 1\n",
		"0 1 2",
		"0 1 2 \n",
		"0 1 2 3\n",
		"0 1 0\n",
		"0\t1\t2\n",
		"a b c\n",
		"0 1 -2\n",
		"0 0x1 2\n",
		"00 1 2\n",
		"0 1 4294967296\n",
		"4294967296 1 1\n",
		"0 1 2\n\n",
		"0 1 2\n0 1\n",
		"0 1 2\r\n",
	};
	struct idmap map = { .n_hosts = 7 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(texts); i++)
		if (idmap_parse(texts[i], strlen(texts[i]), &map) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
	assert_int_equal(idmap_parse("0 1 2\0", 7, &map), -EINVAL);
	assert_int_equal(map.n_hosts, 7);
}

static void test_most_lines(void **state)
{
	char text[IDMAP_TEXT_MAX + 64];
	struct idmap map;
	int size = 0;

	(void)state;
	for (uint32_t i = 0; i < IDMAP_EXTENTS_MAX; i++)
		size += sprintf(text + size, "%10u %10u %10u\n", 4000000000u + i,
				4000000000u + 2 * i, 1u);
	assert_int_equal(size, IDMAP_TEXT_MAX);
	assert_int_equal(idmap_parse(text, (size_t)size, &map), 0);
	assert_int_equal(map.n_hosts, IDMAP_EXTENTS_MAX);
	assert_int_equal(map.hosts[339].start, 4000000678);
	size += sprintf(text + size, "%10u %10u %10u\n", 1u, 1u, 1u);
	assert_int_equal(idmap_parse(text, (size_t)size, &map), -EINVAL);
}

static void test_overlaps(void **state)
{
	struct idmap map = parse("0 100000 10\n10 4294967290 5\n");

	(void)state;
	assert_true(idmap_overlaps(&map, (struct id_range){ 100000, 10 }));
	assert_true(idmap_overlaps(&map, (struct id_range){ 100009, 10 }));
	assert_true(idmap_overlaps(&map, (struct id_range){ 99990, 11 }));
	assert_false(idmap_overlaps(&map, (struct id_range){ 99990, 10 }));
	assert_false(idmap_overlaps(&map, (struct id_range){ 100010, 10 }));
	assert_true(idmap_overlaps(&map, (struct id_range){ 4294967294, 1 }));
	assert_true(idmap_overlaps(&map, (struct id_range){ 0, UINT32_MAX }));
	map = parse("");
	assert_false(idmap_overlaps(&map, (struct id_range){ 0, UINT32_MAX }));
}

/* Cuts all IDs into pieces, mixes them and may leave one out: only then is the map not full. */
static void test_pieces(void **state)
{
	uint64_t seed = chance_begin();

	(void)state;
	for (int walk = 0; walk < N_WALKS; walk++) {
		uint32_t n = 1 + chance(&seed, 20), left_out = chance(&seed, 2 * n), start = 0;
		struct id_range pieces[20];
		char text[20 * 33 + 1] = "";
		struct idmap map;
		bool is_whole;

		for (uint32_t i = 0; i < n; i++) {
			uint32_t most = UINT32_MAX - start - (n - 1 - i);
			uint32_t count = i == n - 1 ? most : 1 + chance(&seed, most);

			pieces[i] = (struct id_range){ start, count };
			start += count;
		}
		assert_int_equal(start, UINT32_MAX);
		is_whole = left_out >= n;
		if (!is_whole)
			pieces[left_out] = pieces[--n];
		for (uint32_t i = 0; i < n; i++) {
			uint32_t other = chance(&seed, n);
			struct id_range piece = pieces[i];

			pieces[i] = pieces[other];
			pieces[other] = piece;
		}
		for (uint32_t i = 0; i < n; i++)
			sprintf(text + strlen(text), "%10u %10u %10u\n", i, pieces[i].start,
				pieces[i].count);
		map = parse(text);
		assert_int_equal(map.n_hosts, n);
		assert_int_equal(map.is_full, is_whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),	   cmocka_unit_test(test_full),
		cmocka_unit_test(test_past_end),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_most_lines), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests_name("idmap", tests, NULL, NULL);
}
