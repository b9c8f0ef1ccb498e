/* SPDX-License-Identifier: MIT */

/* Whose ID was this? Against what was so at that moment. */

#include "allocator-life.h"

#define MOMENTS_MAX 64

/* What lookups of some IDs answered, as text, at moments one after the other. */
static struct {
	uint64_t at;
	char text[512];
} moments[MOMENTS_MAX];
static size_t n_moments;

static const uint32_t ids[] = { U, 2 * U - 1, 2 * U, 3 * U + 5, 4 * U, 5 * U, 9 * U };

static void add(char *text, uint32_t id, int r, const struct allocation *got)
{
	if (r != 0)
		sprintf(text + strlen(text), "%u: %d; ", id / U, r);
	else
		sprintf(text + strlen(text), "%u: %s %u:%u %s %s %u %lu %lu %u; ", id / U, got->pod,
			got->range.start / U, got->range.count / U,
			allocation_state_names[got->state], allocation_origin_names[got->origin],
			got->client_uid, (unsigned long)got->created_at,
			(unsigned long)got->released_at, got->process.pid);
}

static void remember(void)
{
	char *text = moments[n_moments].text;

	assert_true(n_moments < MOMENTS_MAX);
	moments[n_moments++].at = the_time.wall;
	*text = 0;
	for (size_t i = 0; i < ELEMENTS_OF(ids); i++) {
		struct allocation got;
		int r = allocator_lookup(allocator, ids[i], &got);

		add(text, ids[i], r, &got);
	}
	later(1000);
}

static void expect_past(void)
{
	for (size_t m = 0; m < n_moments; m++) {
		char text[512] = "";

		for (size_t i = 0; i < ELEMENTS_OF(ids); i++) {
			struct allocation got;
			int r = allocator_lookup_at(allocator, ids[i], moments[m].at, &got);

			add(text, ids[i], r, &got);
		}
		if (strcmp(text, moments[m].text) != 0)
			fail_msg("moment %zu is\n# %s\n# and was\n# %s", m, text, moments[m].text);
	}
	n_moments = 0;
}

static void test_life(void **state)
{
	(void)state;
	remember();
	assert_int_equal(ask_as(1000, "a"), 0);
	remember();
	assert_int_equal(ask_tied("b", 7, 70), 0);
	remember();
	assert_int_equal(tie("b", 8, 80), 0);
	remember();
	let_go("a");
	remember();
	assert_true(ended("b", 8, 80));
	remember();
	drain();
	remember();
	expect_range("a", OUTCOME_REVIVED, U, U);
	remember();
	let_go("a");
	remember();
	expect_range("a", OUTCOME_REVIVED, U, U);
	remember();
	commit();
	start_with(8);
	expect_past();
}

static void test_others(void **state)
{
	(void)state;
	set_pool(U, 4 * U, U);
	assert_int_equal(ask_count("a", 3 * U), 0);
	ask("b");
	give_back("a");
	give_back("b");
	remember();
	/* a range that is broken belongs to nobody, but for the part that was taken */
	ask("c");
	remember();
	assert_int_equal(ask_count("d", 2 * U), 0);
	remember();
	ask("e");
	remember();
	let_go("c");
	remember();
	/* all that is left is the history */
	set_pools(NULL, 0);
	expect_past();
}

/* A pod that gets another range leaves its old one to nobody. */
static void test_left_behind(void **state)
{
	(void)state;
	assert_int_equal(ask_count("a", 2 * U), 0);
	let_go("a");
	remember();
	assert_int_equal(ask_count("a", U), 0);
	remember();
	drain();
	remember();
	set_pool(U, 3 * U, U);
	let_go("a");
	drain();
	remember();
	assert_int_equal(ask_count("b", 2 * U), 0);
	remember();
	assert_int_equal(ask_count("a", 0), 0);
	remember();
	expect_past();
}

static void test_kubelet(void **state)
{
	(void)state;
	assert_int_equal(adopt("k", "2:1"), 0);
	remember();
	assert_int_equal(ask("a"), 0);
	/* the kubelet writes what we gave, writes another range, and removes it */
	assert_int_equal(adopt("a", "1:1"), 0);
	remember();
	assert_int_equal(adopt("k", "3:1"), 0);
	remember();
	assert_int_equal(adopt("x", "1:1"), ALLOCATOR_E_CONFLICT);
	assert_int_equal(allocator_report_conflict(allocator, "kubelet", "x", range_of("1:1"), "a",
						   later(1)),
			 0);
	remember();
	vanish("a");
	remember();
	drain();
	remember();
	assert_int_equal(adopt("x", "1:1"), 0);
	remember();
	expect_past();
}

/* Older than the history: what is there now was there then, if it had begun. */
static void test_forgotten(void **state)
{
	struct allocation got;
	uint64_t begun;

	(void)state;
	later(10);
	assert_int_equal(ask_as(1000, "a"), 0);
	begun = the_time.wall;
	remember();
	ask("b");
	commit();
	allocator_set_settings(allocator, &(struct allocator_settings){ .history_events = 1 });
	assert_true(allocator_prune(allocator, the_time, 100) > 0);
	assert_int_equal(allocator_lookup_at(allocator, U, begun - 1, &got), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(allocator_lookup_at(allocator, U, UINT64_MAX, &got), 0);
	assert_string_equal(got.pod, "a");
	let_go("a");
	/* as it was before its release, of which the history knows */
	assert_int_equal(allocator_lookup_at(allocator, U, begun, &got), 0);
	assert_int_equal(got.state, ALLOCATION_ACTIVE);
	assert_int_equal(got.released_at, 0);
	assert_int_equal(got.client_uid, 1000);
	assert_true(got.in_pool);
	assert_int_equal(allocator_lookup_at(allocator, U, UINT64_MAX, &got), 0);
	assert_int_equal(got.state, ALLOCATION_DRAINING);
	assert_int_equal(got.released_at, the_time.wall);
	n_moments = 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_life),    TEST(test_others),	  TEST(test_left_behind),
		TEST(test_kubelet), TEST(test_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
