/* SPDX-License-Identifier: MIT */

/* What a release is judged by: clocks, processes and pools, kept through restarts. */

#include "store-folder.h"

#define U 65536u
#define BOOT "f7a01c1e-9e2f-4a34-a2a2-0d5e0a9d5c11"

static struct store *store;

static int make(void **state)
{
	folder_setup(state);
	store = open_store();
	return 0;
}

static int drop(void **state)
{
	store_free(take_ptr(store));
	return folder_teardown(state);
}

static void test_clock(void **state)
{
	static const struct store_clock clocks[] = { { BOOT, 0, 0 },
						     { "x", INT64_MIN, INT64_MAX },
						     { BOOT, INT64_MAX, 7 } };
	struct store_clock clock = { "x", 1, 1 };

	(void)state;
	assert_int_equal(store_get_clock(store, &clock), 0);
	assert_string_equal(clock.boot, "");
	assert_int_equal(clock.offset, 0);
	assert_int_equal(clock.last, 0);
	for (size_t i = 0; i < ELEMENTS_OF(clocks); i++) {
		assert_int_equal(store_set_clock(store, &clocks[i]), 0);
		assert_int_equal(store_reopen(store), 0);
		assert_int_equal(store_get_clock(store, &clock), 0);
		assert_memory_equal(&clock, &clocks[i], sizeof(clock));
	}
	assert_int_equal(store_set_clock(store, &(struct store_clock){ "", 5, 5 }),
			 STORE_E_CONFLICT);
}

static void test_pools(void **state)
{
	static const struct store_pool pools[] = {
		{ "kubelet", { U, 110 * U }, U },
		{ "other", { 0, UINT32_MAX }, UINT32_MAX },
		{ "kubelet", {}, 2 * U },
		{ "other", { UINT32_MAX - 1, 1 }, 0 },
	};
	struct store_pool pool = { "untouched" };

	(void)state;
	assert_int_equal(store_get_pool(store, "kubelet", &pool), STORE_E_NOT_FOUND);
	assert_string_equal(pool.name, "untouched");
	for (size_t i = 0; i < ELEMENTS_OF(pools); i++) {
		assert_int_equal(store_put_pool(store, &pools[i]), 0);
		assert_int_equal(store_reopen(store), 0);
		assert_int_equal(store_get_pool(store, pools[i].name, &pool), 0);
		assert_memory_equal(&pool, &pools[i], sizeof(pool));
	}
	assert_int_equal(store_get_pool(store, "kubelet", &pool), 0);
	assert_memory_equal(&pool, &pools[2], sizeof(pool));
	assert_int_equal(store_get_pool(store, "", &pool), STORE_E_NOT_FOUND);
}

static struct allocation row_of(uint32_t i)
{
	struct allocation row = { .pool = "p", .range = { i * U, U } };

	snprintf(row.pod, sizeof(row.pod), "%c", 'a' + (int)i);
	return row;
}

static struct allocation released(uint32_t i, enum allocation_state state, uint64_t clock)
{
	struct allocation row = row_of(i);

	row.state = state;
	row.released_at = 1;
	row.release_order = 100 - i; /* not the order of the starts */
	row.clock = clock;
	return row;
}

static struct allocation bound(uint32_t i)
{
	struct allocation row = row_of(i);

	row.process = (struct process){ UINT32_MAX, INT64_MAX, BOOT };
	return row;
}

static int collect(const struct allocation *row, void *userdata)
{
	char *text = userdata;

	strcat(text, *row->pod ? row->pod : "-");
	return 0;
}

typedef int (*each_fn)(struct store *store, uint32_t first, store_row_fn row, void *userdata);

static void expect(each_fn each, uint32_t first, const char *expected)
{
	char text[64] = "";

	assert_int_equal(each(store, first, collect, text), 0);
	assert_string_equal(text, expected);
}

static void expect_draining(uint64_t first, const char *expected)
{
	char text[64] = "";

	assert_int_equal(store_each_draining(store, first, collect, text), 0);
	assert_string_equal(text, expected);
}

/* The rows of a kind, as they come and go. */
static void test_kinds(void **state)
{
	struct allocation row, got;
	uint64_t clock = 7;

	(void)state;
	assert_int_equal(store_last_clock(store, &clock), 0);
	assert_int_equal(clock, 0);
	for (uint32_t i = 0; i < 12; i++) {
		row = row_of(i);
		if (i % 4 == 1)
			row = bound(i);
		else if (i % 4 == 2)
			row = released(i, ALLOCATION_DRAINING, 100 * i);
		else if (i % 4 == 3)
			row = released(i, ALLOCATION_RELEASED, 2 * i);
		row.origin = i % 4 == 0 || i % 4 == 3 ? ORIGIN_KUBELET : ORIGIN_REQUEST;
		assert_int_equal(store_insert(store, &row), 0);
		assert_int_equal(store_get(store, row.pod, &got), 0);
		assert_memory_equal(&got, &row, sizeof(row));
	}
	assert_int_equal(store_reopen(store), 0);
	expect(store_each_bound, 0, "bfj");
	expect(store_each_bound, 5 * U, "fj");
	expect_draining(0, "kgc");
	expect_draining(91, "gc");
	expect(store_each_kubelet, 0, "aei");
	expect(store_each_kubelet, UINT32_MAX, "");
	assert_int_equal(store_last_clock(store, &clock), 0);
	assert_int_equal(clock, 1000);
	row = released(1, ALLOCATION_DRAINING, INT64_MAX);
	assert_int_equal(store_update(store, &row), 0);
	row = released(2, ALLOCATION_RELEASED, 3);
	row.pod[0] = 0;
	assert_int_equal(store_update(store, &row), 0);
	row = released(6, ALLOCATION_DRAINING, 3);
	row.pod[0] = 0;
	assert_int_equal(store_update(store, &row), 0);
	row = released(0, ALLOCATION_DRAINING, 3);
	row.origin = ORIGIN_KUBELET;
	assert_int_equal(store_update(store, &row), 0);
	assert_int_equal(store_delete(store, 4 * U), 0);
	expect(store_each_bound, 0, "fj");
	expect_draining(0, "k-ba");
	expect(store_each_kubelet, 0, "i");
	assert_int_equal(store_last_clock(store, &clock), 0);
	assert_int_equal(clock, INT64_MAX);
}

/* A wrong daemon must not tie to a process what is given back. */
static void test_refused(void **state)
{
	struct allocation row = released(0, ALLOCATION_DRAINING, 1);

	(void)state;
	row.process = bound(0).process;
	assert_int_equal(store_insert(store, &row), STORE_E_CONFLICT);
	row = bound(0);
	row.process.boot[0] = 0;
	assert_int_equal(store_insert(store, &row), STORE_E_CONFLICT);
	row = bound(0);
	assert_int_equal(store_insert(store, &row), 0);
	row.state = ALLOCATION_RELEASED;
	row.released_at = row.release_order = 1;
	assert_int_equal(store_update(store, &row), STORE_E_CONFLICT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_clock),
		TEST(test_pools),
		TEST(test_kinds),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
