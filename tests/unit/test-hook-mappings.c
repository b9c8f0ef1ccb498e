/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-mappings.h"

#include <errno.h>

#define START 131072
#define MAX 5
#define N_WALKS 500

struct wanted {
	struct hook_mode mode;
	struct hook_user user;
	struct subidd_mapping uids[MAX], gids[MAX]; /* up to a size of 0 */
};

static const uint32_t groups[] = { 3000, 5, 5, 2000 };

static const struct wanted taken[] = {
	{ { 65536 }, { 0, 0 }, { { 0, START, 65536 } }, { { 0, START, 65536 } } },
	{ { 1 }, { 0, 0 }, { { 0, START, 1 } }, { { 0, START, 1 } } },
	{ { 3001 }, { 3000, 2, groups, 4 }, { { 0, START, 3001 } }, { { 0, START, 3001 } } },
	{ { 100, .keep_id = true },
	  { 10, 99 },
	  { { 0, START, 10 }, { 10, 10, 1 }, { 11, START + 11, 89 } },
	  { { 0, START, 99 }, { 99, 99, 1 } } },
	{ { 100, .keep_id = true },
	  { 100, 1000 },
	  { { 0, START, 100 }, { 100, 100, 1 } },
	  { { 0, START, 100 }, { 1000, 1000, 1 } } },
	{ { 1, .keep_id = true },
	  { 1, 1 },
	  { { 0, START, 1 }, { 1, 1, 1 } },
	  { { 0, START, 1 }, { 1, 1, 1 } } },
	{ { 2500, .keep_id = true },
	  { 1000, 2000, groups, 4 },
	  { { 0, START, 1000 }, { 1000, 1000, 1 }, { 1001, START + 1001, 1499 } },
	  { { 0, START, 5 },
	    { 5, 5, 1 },
	    { 6, START + 6, 1994 },
	    { 2000, 2000, 1 },
	    { 2001, START + 2001, 499 } } }, /* and 3000, which is checked by the walk */
	{ { 65536, .map_to_root = true },
	  { 1000, 2000 },
	  { { 0, 1000, 1 }, { 1, START + 1, 65535 } },
	  { { 0, 2000, 1 }, { 1, START + 1, 65535 } } },
	{ { 1, .map_to_root = true }, { 70000, 70001 }, { { 0, 70000, 1 } }, { { 0, 70001, 1 } } },
};

static const uint32_t root_group[] = { 0 };

static const struct {
	struct hook_mode mode;
	struct hook_user user;
	const char *word;
} refused[] = {
	{ { 100 }, { 100, 0 }, "UID 100" },
	{ { 100 }, { 0, 4294967295 }, "GID 4294967295" },
	{ { 2999 }, { 0, 0, groups, 1 }, "GID 3000" },
	{ { 100, .keep_id = true }, { 0, 1 }, "UID 0" },
	{ { 100, .keep_id = true }, { 1, 0 }, "GID 0" },
	{ { 100, .keep_id = true }, { 1, 1, root_group, 1 }, "GID 0" },
	{ { 100, .keep_id = true }, { 4294967295, 1 }, "4294967295" },
	{ { 100, .map_to_root = true }, { 0, 1 }, "UID 0" },
	{ { 100, .map_to_root = true }, { 1, 0 }, "GID 0" },
	{ { 100, .map_to_root = true }, { 1, 1, groups, 1 }, "GID 3000" },
};

static void expect(const struct subidd_mapping *found, size_t n,
		   const struct subidd_mapping *wanted)
{
	for (size_t i = 0; i < MAX && wanted[i].size > 0; i++) {
		assert_true(i < n);
		assert_int_equal(found[i].container_id, wanted[i].container_id);
		assert_int_equal(found[i].host_id, wanted[i].host_id);
		assert_int_equal(found[i].size, wanted[i].size);
	}
}

static size_t count(const struct subidd_mapping *wanted)
{
	size_t n = 0;

	while (n < MAX && wanted[n].size > 0)
		n++;
	return n;
}

static void test_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(taken); i++) {
		struct hook_failure failure = {};
		struct hook_mappings found;

		if (mappings_make(&taken[i].mode, START, &taken[i].user, &found, &failure) < 0)
			fail_msg("%zu: %s", i, failure.text);
		expect(found.uids, found.n_uids, taken[i].uids);
		expect(found.gids, found.n_gids, taken[i].gids);
		assert_int_equal(found.n_uids, count(taken[i].uids));
		assert_int_equal(found.n_gids,
				 count(taken[i].gids) + (count(taken[i].gids) == MAX));
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(refused); i++) {
		struct hook_failure failure = {};
		struct hook_mappings found;

		if (mappings_make(&refused[i].mode, START, &refused[i].user, &found, &failure) !=
		    -EINVAL)
			fail_msg("taken: %zu", i);
		if (!strstr(failure.text, refused[i].word))
			fail_msg("no %s in: %s", refused[i].word, failure.text);
	}
}

static bool is_kept(const struct hook_user *user, uint32_t id)
{
	bool is = id == user->gid;

	for (size_t i = 0; i < user->n_groups; i++)
		is = is || id == user->groups[i];
	return is;
}

/* Each ID by itself, against what it should be. */
static void check_each(const struct hook_mode *mode, const struct hook_user *user)
{
	struct hook_failure failure = {};
	struct hook_mappings found;
	uint32_t host;

	if (mappings_make(mode, START, user, &found, &failure) < 0)
		fail_msg("%s", failure.text);
	for (uint32_t id = 0; id < 600; id++) {
		bool is_mapped = mappings_find(found.gids, found.n_gids, id, &host);

		assert_int_equal(is_mapped, id < mode->size || is_kept(user, id));
		if (is_mapped)
			assert_int_equal(host, is_kept(user, id) ? id : START + id);
	}
}

static void test_walk(void **state)
{
	uint64_t seed = chance_begin();
	uint32_t some[HOOK_GROUPS_MAX + 1];

	(void)state;
	for (int walk = 0; walk < N_WALKS; walk++) {
		struct hook_mode mode = { .size = 1 + chance(&seed, 500), .keep_id = true };
		struct hook_user user = { 1, 1 + chance(&seed, 510), some,
					  chance(&seed, HOOK_GROUPS_MAX + 1) };

		for (size_t i = 0; i < user.n_groups; i++)
			some[i] = 1 + chance(&seed, 510);
		check_each(&mode, &user);
	}
}

static void test_too_many(void **state)
{
	struct hook_mode mode = { .size = 65536, .keep_id = true };
	uint32_t some[HOOK_GROUPS_MAX + 1];
	struct hook_user user = { 1, 2, some, HOOK_GROUPS_MAX };
	struct hook_failure failure = {};
	struct hook_mappings found;

	(void)state;
	for (uint32_t i = 0; i < ELEMENTS_OF(some); i++)
		some[i] = 10 + 2 * i;
	assert_int_equal(mappings_make(&mode, START, &user, &found, &failure), 0);
	assert_true(found.n_gids <= HOOK_EXTENTS_MAX);
	user.n_groups++;
	assert_int_equal(mappings_make(&mode, START, &user, &found, &failure), -EINVAL);
	mode.keep_id = false;
	assert_int_equal(mappings_make(&mode, START, &user, &found, &failure), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("hook-mappings", tests, NULL, NULL);
}
