/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "core/claims.h"

#define N_WALKS 300
#define N_MOST 40 /* claims of a walk */
#define N_IDS 64  /* of the small world that the walks are in */

static struct claim *add(struct claims_draft *draft, uint32_t start, uint32_t count, uint32_t pid,
			 bool is_new)
{
	struct claim *claim = NULL;
	bool ret_is_new = !is_new;

	assert_int_equal(claims_draft_add(draft, (struct id_range){ start, count }, pid, &claim,
					  &ret_is_new),
			 0);
	assert_int_equal(ret_is_new, is_new);
	assert_int_equal(claim->range.start, start);
	assert_int_equal(claim->range.count, count);
	return claim;
}

static const struct claim *find(const struct claims *claims, uint32_t start, uint32_t count)
{
	return claims_find(claims, (struct id_range){ start, count });
}

static void test_empty(void **state)
{
	struct claims_draft draft = { 0 };
	struct claims claims = { .n_items = 7 };

	(void)state;
	assert_int_equal(claims_draft_finish(&draft, &claims), 0);
	assert_int_equal(claims.n_items, 0);
	assert_null(find(&claims, 0, UINT32_MAX));
	claims_done(&claims);
	claims_draft_done(&draft);
}

static void test_order(void **state)
{
	struct claims_draft draft = { 0 };
	struct claims claims;

	(void)state;
	strcpy(add(&draft, 131072, 65536, 5, true)->command, "sleep");
	assert_string_equal(add(&draft, 131072, 65536, 6, false)->command, "sleep");
	assert_string_equal(add(&draft, 131072, 1, 7, true)->command, "");
	add(&draft, 65536, 4294901759, 8, true);
	add(&draft, UINT32_MAX - 1, 1, 9, true);
	add(&draft, 0, 1, 10, true);
	assert_int_equal(claims_draft_finish(&draft, &claims), 0);
	assert_null(draft.tree);
	assert_int_equal(draft.n_items, 0);
	assert_int_equal(claims.n_items, 5);
	assert_int_equal(claims.items[0].pid, 10);
	assert_int_equal(claims.items[1].pid, 8);
	assert_int_equal(claims.items[2].pid, 7);
	assert_int_equal(claims.items[3].pid, 5);
	assert_string_equal(claims.items[3].command, "sleep");
	assert_int_equal(claims.items[4].pid, 9);
	assert_ptr_equal(find(&claims, UINT32_MAX - 1, 1), &claims.items[1]);
	assert_ptr_equal(find(&claims, 0, UINT32_MAX), &claims.items[0]);
	assert_null(find(&claims, 1, 65535));
	claims_done(&claims);
}

/* The claims of a walk as the test remembers them: bool arrays and a plain list. */
struct model {
	struct id_range ranges[N_MOST];
	size_t n_ranges;
};

static bool model_has(const struct model *model, struct id_range range)
{
	for (size_t i = 0; i < model->n_ranges; i++)
		if (id_range_equal(model->ranges[i], range))
			return true;
	return false;
}

static bool is_before(struct id_range a, struct id_range b)
{
	return a.start < b.start || (a.start == b.start && a.count < b.count);
}

/* The first of those that share an ID with the range, counted one by one. */
static const struct id_range *model_find(const struct model *model, struct id_range range)
{
	const struct id_range *found = NULL;

	for (size_t i = 0; i < model->n_ranges; i++)
		for (uint32_t id = range.start; id < range.start + range.count; id++)
			if (id_range_contains(model->ranges[i], id) &&
			    (!found || is_before(model->ranges[i], *found)))
				found = &model->ranges[i];
	return found;
}

static struct id_range any_range(uint64_t *seed)
{
	uint32_t start = chance(seed, N_IDS);

	return (struct id_range){ start, 1 + chance(seed, N_IDS - start) };
}

static struct claims make(struct model *model, uint64_t *seed)
{
	uint32_t n = chance(seed, N_MOST);
	struct claims_draft draft = { 0 };
	struct claims claims;

	for (uint32_t i = 0; i < n; i++) {
		struct id_range range = any_range(seed);
		bool is_new = !model_has(model, range);

		add(&draft, range.start, range.count, i + 1, is_new);
		if (is_new)
			model->ranges[model->n_ranges++] = range;
	}
	assert_int_equal(claims_draft_finish(&draft, &claims), 0);
	assert_int_equal(claims.n_items, model->n_ranges);
	return claims;
}

static void test_walks(void **state)
{
	uint64_t seed = chance_begin();

	(void)state;
	for (int walk = 0; walk < N_WALKS; walk++) {
		struct model model = { .n_ranges = 0 };
		struct claims claims = make(&model, &seed);

		for (size_t i = 1; i < claims.n_items; i++)
			assert_true(is_before(claims.items[i - 1].range, claims.items[i].range));
		for (uint32_t start = 0; start < N_IDS; start++)
			for (uint32_t count = 1; count <= N_IDS - start; count++) {
				const struct id_range range = { start, count };
				const struct id_range *want = model_find(&model, range);
				const struct claim *found = claims_find(&claims, range);

				assert_int_equal(!found, !want);
				assert_true(!found || id_range_equal(found->range, *want));
			}
		claims_done(&claims);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_walks),
	};

	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
