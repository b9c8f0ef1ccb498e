/* SPDX-License-Identifier: MIT */

/* The short form of power-cuts, and that it finds what it looks for. */

#include "cuts.h"

#include "testing.h"

static size_t n_cuts = 1000; /* or the argument */

static void print(const struct cuts_result *result)
{
	print_message("# %zu cuts: %zu lost, %zu duplicate, %zu corrupt; first start %zu, "
		      "upgrade %zu, recovery %zu, commits %zu, stop %zu\n",
		      result->n_cuts, result->n_lost, result->n_duplicate, result->n_corrupt,
		      result->n_first, result->n_upgrade, result->n_open, result->n_commit,
		      result->n_stop);
}

#define SURELY_ALL_KINDS 1000 /* cuts */

static void test_cuts(void **state)
{
	struct cuts_result result = cuts_run(n_cuts, chance_begin(), WEAKNESS_NONE, true, NULL);

	(void)state;
	print(&result);
	assert_int_equal(result.n_lost, 0);
	assert_int_equal(result.n_duplicate, 0);
	assert_int_equal(result.n_corrupt, 0);
	assert_true(n_cuts < SURELY_ALL_KINDS ||
		    (result.n_first > 0 && result.n_upgrade > 0 && result.n_open > 0 &&
		     result.n_commit > 0 && result.n_stop > 0));
}

/* The test has teeth: with other settings of SQLite the same cuts lose what was acknowledged. */
static void expect_losses(enum weakness weakness)
{
	uint64_t seed = chance_begin();
	size_t n = 0, n_lost = 0;

	for (; n_lost < 3 && n < 2000; n += 100)
		n_lost += cuts_run(100, seed + 2 * n, weakness, false, NULL).n_lost;
	print_message("# %s: %zu cuts, %zu lost\n", weakness_names[weakness], n, n_lost);
	assert_true(n_lost >= 3);
}

static void test_synchronous_normal(void **state)
{
	(void)state;
	expect_losses(WEAKNESS_NORMAL);
}

static void test_journal_delete(void **state)
{
	(void)state;
	expect_losses(WEAKNESS_DELETE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_synchronous_normal),
		cmocka_unit_test(test_journal_delete),
	};

	if (argc > 1)
		n_cuts = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
