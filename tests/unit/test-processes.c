/* SPDX-License-Identifier: MIT */
#include "namespaces.h"
#include "testing.h"

#include "core/idmap.h"
#include "node/processes.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534
#define N_CHAIN_PASSES 400
#define N_CHAIN_MISSES 4 /* the PIDs may start over at the bottom */

static uint32_t first_id(void)
{
	return namespaces_range().start;
}

/* The text of a map of one line, in a buffer that the next call overwrites. */
static const char *map_text(uint32_t inside, uint32_t outside, uint32_t count)
{
	static char text[64];

	snprintf(text, sizeof(text), "%u %u %u\n", inside, outside, count);
	return text;
}

static pid_t fork_mapped(uint32_t outside, uint32_t count, namespaces_act_fn act, void *userdata)
{
	const char *text = map_text(0, outside, count);

	return namespaces_fork(text, text, act, userdata);
}

static struct claims look(void)
{
	struct processes *pass;
	struct claims claims;
	int r;

	assert_int_equal(processes_open(PROCESSES_FOLDER, &pass), 0);
	assert_null(processes_blindness(pass));
	while ((r = processes_step(pass)) > 0)
		;
	assert_int_equal(r, 0);
	assert_true(processes_count(pass) > 1);
	assert_int_equal(processes_finish(pass, &claims), 0);
	processes_free(pass);
	return claims;
}

/* The claim of just that range, NULL if there is none. */
static const struct claim *claim_of(const struct claims *claims, uint32_t start, uint32_t count)
{
	for (size_t i = 0; i < claims->n_items; i++)
		if (id_range_equal(claims->items[i].range, (struct id_range){ start, count }))
			return &claims->items[i];
	return NULL;
}

static bool is_claimed(struct id_range range)
{
	struct claims claims = look();
	bool is = claims_find(&claims, range);

	claims_done(&claims);
	return is;
}

/* Are N ranges of one ID each claimed, and nothing else of the test's range? */
static void expect_ids(const uint32_t *ids, size_t n_ids, pid_t pid)
{
	struct claims claims = look();
	size_t n = 0;

	for (size_t i = 0; i < claims.n_items; i++)
		n += id_range_overlaps(claims.items[i].range, namespaces_range());
	assert_int_equal(n, n_ids);
	for (size_t i = 0; i < n_ids; i++) {
		const struct claim *claim = claim_of(&claims, ids[i], 1);

		assert_non_null(claim);
		assert_int_equal(claim->pid, pid);
	}
	claims_done(&claims);
}

static void take_name(void *userdata)
{
	prctl(PR_SET_NAME, userdata);
}

static void test_mapped(void **state)
{
	uint32_t first = first_id();
	struct claims claims;
	pid_t children[2];

	(void)state;
	namespaces_need();
	assert_false(is_claimed(namespaces_range()));
	children[0] = fork_mapped(first, 65536, take_name, (void *)"a) \n\xff b");
	children[1] = fork_mapped(first, 65536, take_name, (void *)"other");
	claims = look();
	assert_non_null(claim_of(&claims, first, 65536));
	if (children[0] < children[1]) {
		assert_int_equal(claim_of(&claims, first, 65536)->pid, children[0]);
		assert_string_equal(claim_of(&claims, first, 65536)->command, "a) ?? b");
	}
	claims_done(&claims);
	namespaces_kill(children[0]);
	assert_true(is_claimed(namespaces_range()));
	namespaces_kill(children[1]);
	assert_false(is_claimed(namespaces_range()));
}

static void test_gids_differ(void **state)
{
	uint32_t first = first_id();
	_cleanup_(freep) char *uids = strdup(map_text(0, first, 10));
	pid_t child;
	struct claims claims;

	(void)state;
	namespaces_need();
	child = namespaces_fork(uids, map_text(0, first + 1000, 20), NULL, NULL);
	claims = look();
	assert_non_null(claim_of(&claims, first, 10));
	assert_non_null(claim_of(&claims, first + 1000, 20));
	claims_done(&claims);
	namespaces_kill(child);
}

/* Its maps can be read until somebody waits for it, and it still has its IDs. */
static void test_zombie(void **state)
{
	pid_t child;

	(void)state;
	namespaces_need();
	child = fork_mapped(first_id(), 65536, NULL, NULL);
	assert_int_equal(kill(child, SIGKILL), 0);
	namespaces_await_zombie(child);
	assert_true(is_claimed(namespaces_range()));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(is_claimed(namespaces_range()));
}

/* A namespace in the namespace: its map is in IDs of the outer one. */
static void nest(void *userdata)
{
	namespaces_fork(userdata, userdata, NULL, NULL);
}

/* Kills a child and waits for its own children too, who have nobody else. */
static void kill_all(pid_t child)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	namespaces_kill(child);
	while (wait(NULL) > 0)
		;
}

/* The inner namespace's map is shown to us in IDs of the host. */
static void test_nested(void **state)
{
	uint32_t first = first_id();
	struct claims claims;
	pid_t child;

	(void)state;
	namespaces_need();
	child = fork_mapped(first, 65536, nest, (void *)"0 100 50\n");
	claims = look();
	assert_non_null(claim_of(&claims, first, 65536));
	assert_non_null(claim_of(&claims, first + 100, 50));
	claims_done(&claims);
	kill_all(child);
}

/*
 * The kernel hands a map of 340 lines out in several pieces. It takes one of a page at most, so
 * that the numbers have to be small ones.
 */
static void test_most_lines(void **state)
{
	uint32_t first = first_id();
	char text[IDMAP_TEXT_MAX];
	struct claims claims;
	int size = 0;
	pid_t child;

	(void)state;
	namespaces_need();
	for (uint32_t i = 0; i < IDMAP_EXTENTS_MAX; i++)
		size += sprintf(text + size, "%u %u 1\n", i, 2 * i);
	child = fork_mapped(first, 65536, nest, text);
	claims = look();
	for (uint32_t i = 0; i < IDMAP_EXTENTS_MAX; i++)
		assert_non_null(claim_of(&claims, first + 2 * i, 1));
	assert_null(claim_of(&claims, first + 1, 1));
	claims_done(&claims);
	kill_all(child);
}

/* Takes IDs, then a namespace of its own: whoever has no map still lives with those IDs. */
static void take_ids_unmapped(void *userdata)
{
	uint32_t base = *(const uint32_t *)userdata;

	if (setgroups(0, NULL) < 0 || setresgid(base + 4, base + 5, base + 6) < 0 ||
	    setresuid(base + 1, base + 2, base + 3) < 0 || unshare(CLONE_NEWUSER) < 0)
		_exit(1);
}

static void test_empty_map(void **state)
{
	uint32_t first = first_id(), base = 0, ids[6];
	pid_t child;

	(void)state;
	namespaces_need();
	for (uint32_t i = 0; i < 6; i++)
		ids[i] = first + 1 + i;
	child = fork_mapped(first, 65536, take_ids_unmapped, &base);
	expect_ids(ids, 6, child);
	namespaces_kill(child);
	child = namespaces_fork(NULL, NULL, take_ids_unmapped, &first);
	expect_ids(ids, 6, child);
	namespaces_kill(child);
}

/* One of the two maps is written: the other IDs are still those of the namespace around it. */
static void test_half_empty(void **state)
{
	uint32_t first = first_id();
	pid_t child;

	(void)state;
	namespaces_need();
	child = namespaces_fork(map_text(0, first, 65536), "", NULL, NULL);
	assert_true(is_claimed(namespaces_range()));
	namespaces_kill(child);
}

static void take_ids(void *userdata)
{
	uint32_t base = *(const uint32_t *)userdata;

	if (setgroups(0, NULL) < 0 || setresgid(base + 5, base + 5, base + 5) < 0 ||
	    setresuid(base + 7, base + 7, base + 7) < 0)
		_exit(1);
}

static void test_setuid(void **state)
{
	uint32_t first = first_id();
	const uint32_t ids[] = { first + 5, first + 7 };
	pid_t child;

	(void)state;
	namespaces_need();
	child = namespaces_fork(NULL, NULL, take_ids, &first);
	expect_ids(ids, 2, child);
	namespaces_kill(child);
	child = namespaces_fork("0 0 4294967295\n", "0 0 4294967295\n", take_ids, &first);
	expect_ids(ids, 2, child);
	namespaces_kill(child);
}

/* A map of everything says nothing about a range, in whatever pieces it was written. */
static void test_full(void **state)
{
	static const char *const texts[] = {
		"0 0 4294967295\n",
		"0 0 1\n1 1 4294967294\n",
		"0 0 65536\n65536 65536 2147418112\n2147483648 2147483648 2147483647\n",
	};

	(void)state;
	namespaces_need();
	for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
		pid_t child = namespaces_fork(texts[i], texts[i], NULL, NULL);

		assert_false(is_claimed(namespaces_range()));
		namespaces_kill(child);
	}
}

/* An ordinary user sees the same. */
static void test_ordinary_user(void **state)
{
	pid_t child;
	bool is;

	(void)state;
	namespaces_need();
	child = fork_mapped(first_id(), 65536, NULL, NULL);
	assert_int_equal(seteuid(NOBODY), 0);
	is = is_claimed(namespaces_range());
	assert_int_equal(seteuid(0), 0);
	assert_true(is);
	namespaces_kill(child);
}

/*
 * There is always one of the chain, but none that was there when the pass began is there when it
 * ends. Only where the PIDs start over at the bottom may a pass miss it, and not the next one.
 */
static void test_chain(void **state)
{
	struct id_range range = { first_id(), 65536 };
	struct chain chain;
	uint32_t n_missed = 0;
	bool was_missed = false;

	(void)state;
	namespaces_need();
	chain = chain_start(range);
	for (int i = 0; i < N_CHAIN_PASSES; i++) {
		bool is_missed = !is_claimed(range);

		assert_false(is_missed && was_missed);
		n_missed += is_missed;
		was_missed = is_missed;
	}
	print_message("# %" PRIu64 " processes, missed by %u of %d passes\n", *chain.n, n_missed,
		      N_CHAIN_PASSES);
	chain_stop(&chain);
	assert_true(n_missed <= N_CHAIN_MISSES);
	assert_false(is_claimed(range));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mapped),	   cmocka_unit_test(test_gids_differ),
		cmocka_unit_test(test_zombie),	   cmocka_unit_test(test_nested),
		cmocka_unit_test(test_empty_map),  cmocka_unit_test(test_half_empty),
		cmocka_unit_test(test_setuid),	   cmocka_unit_test(test_full),
		cmocka_unit_test(test_most_lines), cmocka_unit_test(test_ordinary_user),
		cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
