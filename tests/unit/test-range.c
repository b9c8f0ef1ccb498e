/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "core/allocation.h"
#include "core/pool.h"
#include "core/range.h"

/* The borders of 32 bits, and in the middle one block. */
static const uint32_t numbers[] = {
	0,	    1,		2,	    65535,	    65536,	65537,
	131071,	    131072,	2147483647, 2147483648,	    4294836224, 4294901759,
	4294901760, 4294901761, 4294967293, UINT32_MAX - 1, UINT32_MAX,
};

#define N ELEMENTS_OF(numbers)

static struct id_range range_of(size_t i)
{
	return (struct id_range){ numbers[i / N], numbers[i % N] };
}

/* The same in 64 bits, where nothing wraps; the last ID, 4294967295, is in no range. */
static void test_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < N * N; i++) {
		struct id_range range = range_of(i);
		uint64_t end = (uint64_t)range.start + range.count;
		bool valid = range.count > 0 && end <= UINT32_MAX;

		assert_int_equal(id_range_valid(range), valid);
		if (valid)
			assert_int_equal(id_range_end(range), end);
	}
	assert_true(id_range_valid((struct id_range){ 0, UINT32_MAX }));
	assert_true(id_range_valid((struct id_range){ UINT32_MAX - 1, 1 }));
	assert_false(id_range_valid((struct id_range){ UINT32_MAX, 1 }));
	assert_false(id_range_valid((struct id_range){ UINT32_MAX - 1, 2 }));
	assert_false(id_range_valid((struct id_range){ 1, UINT32_MAX }));
	assert_false(id_range_valid((struct id_range){ 65536, 0 }));
}

static void test_contains(void **state)
{
	(void)state;
	for (size_t i = 0; i < N * N; i++) {
		struct id_range range = range_of(i);

		if (!id_range_valid(range))
			continue;
		for (size_t j = 0; j < N; j++) {
			uint64_t id = numbers[j];

			assert_int_equal(id_range_contains(range, numbers[j]),
					 id >= range.start &&
						 id < (uint64_t)range.start + range.count);
		}
	}
}

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < N * N; i++)
		for (size_t j = 0; j < N * N; j++) {
			struct id_range a = range_of(i), b = range_of(j);
			uint64_t a_end = (uint64_t)a.start + a.count;
			uint64_t b_end = (uint64_t)b.start + b.count;

			if (!id_range_valid(a) || !id_range_valid(b))
				continue;
			assert_int_equal(id_range_overlaps(a, b),
					 !(a_end <= b.start || b_end <= a.start));
			assert_int_equal(id_range_within(a, b),
					 a.start >= b.start && a_end <= b_end);
			assert_int_equal(id_range_equal(a, b), i == j);
		}
}

/* A unit that touches the reserved range at all is left out of the capacity. */
static void test_capacity(void **state)
{
	static const struct {
		struct id_range range;
		uint32_t unit, n_units, capacity;
	} cases[] = {
		{ { 65536, 7208960 }, 65536, 110, 110 },
		{ { 65536, 65535 }, 65536, 0, 0 },
		{ { 65536, 131071 }, 65536, 1, 1 },
		{ { 0, 0 }, 65536, 0, 0 },
		{ { 0, 0 }, 0, 0, 0 },
		{ { RESERVED_START, 65536 }, 65536, 1, 0 },
		{ { RESERVED_START - 65536, 3 * 65536 }, 65536, 3, 2 },
		{ { RESERVED_START - 65536, 65536 }, 65536, 1, 1 },
		{ { RESERVED_START + 65536, 65536 }, 65536, 1, 1 },
		{ { RESERVED_START - 1, 2 * 65536 }, 65536, 2, 0 },
		{ { RESERVED_START - 65536, 2 * 131072 }, 131072, 2, 1 },
		{ { 200000, 268435456 }, 65536, 4096, 4096 },
		{ { 65536, 4294836224 }, 65536, 65534, 65533 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct pool pool = { .range = cases[i].range, .unit = cases[i].unit };

		assert_int_equal(pool_n_units(&pool), cases[i].n_units);
		assert_int_equal(pool_capacity(&pool), cases[i].capacity);
	}
}

static void test_find(void **state)
{
	struct pool items[] = { { .name = "kubelet" }, { .name = "containers" } };
	const struct pools pools = { items, 2 }, none = {};

	(void)state;
	assert_ptr_equal(pools_find(&pools, "kubelet"), &items[0]);
	assert_ptr_equal(pools_find(&pools, "containers"), &items[1]);
	assert_null(pools_find(&pools, "kube"));
	assert_null(pools_find(&pools, ""));
	assert_null(pools_find(&none, "kubelet"));
}

/* All bytes in the first and in another place; the lengths around the limits. */
static void test_pod_key(void **state)
{
	static const char first[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	char key[POD_KEY_MAX + 3];

	(void)state;
	for (int c = 1; c < 256; c++) {
		char one[] = { (char)c, 0 }, two[] = { 'a', (char)c, 0 };
		bool ok = strchr(first, c);

		assert_int_equal(pod_key_valid(one), ok);
		assert_int_equal(pod_key_valid(two), ok || strchr("._-", c));
	}
	assert_false(pod_key_valid(""));
	assert_false(pod_key_valid("../evil"));
	assert_true(pod_key_valid("3c2ff20e-0a23-4f2d-a8c5-5f3b0d0b3a5e"));
	memset(key, 'x', sizeof(key));
	key[POD_KEY_MAX + 1] = 0;
	assert_false(pod_key_valid(key));
	key[POD_KEY_MAX] = 0;
	assert_true(pod_key_valid(key));
	key[POD_KEY_MAX - 1] = '/';
	assert_false(pod_key_valid(key));
}

static void test_label(void **state)
{
	char label[LABEL_MAX + 3];

	(void)state;
	for (int c = 1; c < 256; c++) {
		char one[] = { (char)c, 0 };

		assert_int_equal(label_valid(one), c >= 0x20 && c != 0x7f);
	}
	assert_false(label_valid(""));
	assert_false(label_valid("a\nb"));
	memset(label, 'x', sizeof(label));
	label[LABEL_MAX + 1] = 0;
	assert_false(label_valid(label));
	label[LABEL_MAX] = 0;
	assert_true(label_valid(label));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid), cmocka_unit_test(test_contains),
		cmocka_unit_test(test_pairs), cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_find),  cmocka_unit_test(test_pod_key),
		cmocka_unit_test(test_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
