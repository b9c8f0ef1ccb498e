/* SPDX-License-Identifier: MIT */

/* Passes over folders that a test has made: what no real /proc shows when one wants it to. */

#include "namespaces.h"
#include "testing.h"

#include "node/processes.h"

#include <errno.h>
#include <sys/stat.h>

#define NOBODY 65534

/* The claim of just that range, NULL if there is none. */
static const struct claim *claim_of(const struct claims *claims, uint32_t start, uint32_t count)
{
	for (size_t i = 0; i < claims->n_items; i++)
		if (id_range_equal(claims->items[i].range, (struct id_range){ start, count }))
			return &claims->items[i];
	return NULL;
}

/* A folder like /proc, with the maps of some processes. */
static void make_process(const struct folder *folder, uint32_t pid, const char *uids,
			 const char *gids)
{
	char name[32];

	snprintf(name, sizeof(name), "%u", pid);
	assert_int_equal(mkdir(folder_path(folder, name), 0755), 0);
	snprintf(name, sizeof(name), "%u/uid_map", pid);
	if (uids)
		file_write(folder_path(folder, name), uids, strlen(uids));
	snprintf(name, sizeof(name), "%u/gid_map", pid);
	if (gids)
		file_write(folder_path(folder, name), gids, strlen(gids));
}

/* /proc/self: whose maps are those of the pass itself. */
static void link_self(const struct folder *folder, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", folder_path(folder, "self"));
	assert_int_equal(symlink(target, path), 0);
}

/* Passes over a folder whose other process has one range. Returns what ended the pass. */
static int look_at(const struct folder *folder, bool is_blind)
{
	struct processes *pass;
	struct claims claims;
	int r = processes_open(folder->path, &pass);

	if (r < 0)
		return r;
	assert_int_equal(!!processes_blindness(pass), is_blind);
	if (is_blind)
		print_message("# %s\n", processes_blindness(pass));
	while ((r = processes_step(pass)) > 0)
		;
	if (r == 0) {
		assert_int_equal(processes_finish(pass, &claims), 0);
		assert_non_null(claim_of(&claims, 131072, 65536));
		assert_int_equal(claims.n_items, 1);
		claims_done(&claims);
	}
	processes_free(pass);
	return r;
}

#define FULL "0 0 4294967295\n"

/* In a namespace in which root is root, the map of the real PID 1 looks like the full one. */
static void test_own_map(void **state)
{
	static const struct {
		const char *self;
		bool is_blind;
	} cases[] = { { "1", false }, { "7", true }, { "nowhere", true } };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct folder folder;

		folder_make(&folder);
		make_process(&folder, 1, FULL, FULL);
		make_process(&folder, 7, "0 131072 65536\n", "0 131072 65536\n");
		link_self(&folder, cases[i].self);
		assert_int_equal(look_at(&folder, cases[i].is_blind), 0);
		folder_remove(&folder);
	}
}

static void test_blindness(void **state)
{
	static const struct {
		const char *uids, *gids;
		bool is_blind;
	} cases[] = {
		{ FULL, FULL, false },
		{ "0 0 1\n1 1 4294967294\n", FULL, false },
		{ NULL, NULL, true },
		{ FULL, NULL, true },
		{ "", FULL, true },
		{ FULL, "0 0 65536\n", true },
		{ "0 4294967295 4294967295\n", FULL, true },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		int n_fds = count_fds();
		struct folder folder;

		folder_make(&folder);
		make_process(&folder, 1, cases[i].uids, cases[i].gids);
		link_self(&folder, "1");
		make_process(&folder, 7, "0 131072 65536\n", "0 131072 65536\n");
		file_write(folder_path(&folder, "uptime"), "x", 1);
		assert_int_equal(look_at(&folder, cases[i].is_blind), 0);
		folder_remove(&folder);
		assert_int_equal(count_fds(), n_fds);
	}
}

/* What cannot be told makes the pass worthless, never a smaller one. */
static void test_incomplete(void **state)
{
	static const struct {
		const char *uids, *gids;
		int error;
	} cases[] = {
		{ "0 131072 65536\n", "x\n", -EINVAL },
		{ "0 131072 65536", FULL, -EINVAL },
		{ "", FULL, -EAGAIN }, /* it has no status */
		{ FULL, NULL, -EAGAIN },
		{ NULL, NULL, -EAGAIN },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct folder folder;

		folder_make(&folder);
		make_process(&folder, 1, FULL, FULL);
		link_self(&folder, "1");
		make_process(&folder, 7, cases[i].uids, cases[i].gids);
		assert_int_equal(look_at(&folder, false), cases[i].error);
		folder_remove(&folder);
	}
}

static void test_no_folder(void **state)
{
	struct processes *pass;

	(void)state;
	assert_int_equal(processes_open("/nonexistent", &pass), -ENOENT);
	processes_free(NULL);
}

/* As with hidepid=1: what may not be looked at makes the pass worthless or, for PID 1, blind. */
static void test_no_permission(void **state)
{
	static const char *const maps[] = { "1/uid_map", "1/gid_map", "7/uid_map", "7/gid_map" };
	struct folder folder;
	int r;

	(void)state;
	namespaces_need();
	folder_make(&folder);
	assert_int_equal(chmod(folder.path, 0755), 0);
	make_process(&folder, 1, FULL, FULL);
	link_self(&folder, "1");
	make_process(&folder, 7, "0 131072 65536\n", FULL);
	make_process(&folder, 8, "0 1310720 65536\n", FULL);
	assert_int_equal(chmod(folder_path(&folder, "8"), 0700), 0);
	for (size_t i = 0; i < ELEMENTS_OF(maps); i++)
		assert_int_equal(chmod(folder_path(&folder, maps[i]), 0644), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	r = look_at(&folder, false);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, -EACCES);
	assert_int_equal(chmod(folder_path(&folder, "1"), 0700), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	r = look_at(&folder, true);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 0);
	folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blindness),     cmocka_unit_test(test_own_map),
		cmocka_unit_test(test_incomplete),    cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_no_permission),
	};

	return cmocka_run_group_tests_name("processes-fake", tests, NULL, NULL);
}
