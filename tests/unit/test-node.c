/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "core/wellknown.h"

#include "cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define N_LINES 100000
#define TIME_LIMIT_MS 1000

static struct scratch scratch;

static int make(void **state)
{
	(void)state;
	scratch_make_node(&scratch);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

#define SETTINGS "[Pool kubelet]\nMaxPods=1\n"

static void test_unreadable(void **state)
{
	struct node_state node = scratch_load_node(&scratch, SETTINGS, "kubelet:65536:65536\n",
						   NULL);

	(void)state;
	node_state_done(&node);
	remove(scratch_path(&scratch, "/etc/subgid"));
	scratch_load(&scratch, &node);
	assert_string_equal(
		finding_of(&node.pools.items[0], RULE_NO_ENTRY)->message,
		"kubelet gets no GIDs: the file cannot be read: No such file or directory");
	node_state_done(&node);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* N_LINES lines that FORMAT makes from their number, and the owner's behind them. */
static char *make_lines(const char *format)
{
	size_t size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	for (int i = 0; i < N_LINES; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(stream, format, i);
#pragma GCC diagnostic pop
	}
	fputs("kubelet:2000224256:65536\n", stream);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void expect_big(const char *format, bool valid, size_t n_findings, size_t n_errors)
{
	_cleanup_(freep) char *text = make_lines(format);
	struct node_state node;
	int64_t started, took;

	scratch_write(&scratch, "/etc/subidd/subidd.conf", SETTINGS);
	scratch_write(&scratch, "/etc/subuid", text);
	scratch_write(&scratch, "/etc/subgid", text);
	started = now_ms();
	scratch_load(&scratch, &node);
	took = now_ms() - started;
	print_message("# %d lines of %.*s: %lld ms\n", N_LINES, (int)strlen(format) - 1, format,
		      (long long)took);
	assert_true(took < TIME_LIMIT_MS);
	assert_int_equal(node.pools.items[0].valid, valid);
	assert_int_equal(node.pools.items[0].findings.n_items, n_findings);
	assert_int_equal(node.pools.items[0].findings.n_errors, n_errors);
	node_state_done(&node);
}

static void test_big_files(void **state)
{
	(void)state;
	expect_big("user%d:100000:65536\n", true, 0, 0);
	expect_big("user%d:0x10000:65536\n", true, FINDINGS_PER_RULE + 1, 0);
	expect_big("user%d:2000224256:65536\n", false, FINDINGS_PER_RULE + 1, 2 * N_LINES);
	expect_big("# %d\n", true, 0, 0);
}

/* Warnings by the thousand hide no error, and the rest is counted. */
static void test_cap(void **state)
{
	_cleanup_(freep) char *text = make_lines("user%d:0x10000:65536\n");
	const struct findings *findings;
	struct node_state node;

	(void)state;
	strcpy(strstr(text, "kubelet:"), "kubelet:0x10000:65536\n");
	node = scratch_load_node(&scratch, SETTINGS, text, NULL);
	findings = &node.pools.items[0].findings;
	assert_int_equal(findings->n_items, 2 + FINDINGS_PER_RULE + 1);
	assert_int_equal(findings->n_errors, 2);
	assert_int_equal(findings_first_error(findings)->rule, RULE_MALFORMED_ENTRY);
	assert_int_equal(findings_first_error(findings)->line, N_LINES + 1);
	assert_string_equal(findings->items[findings->n_items - 1].message,
			    "more findings like these are not shown: 199936");
	node_state_done(&node);
}

static void test_too_many_lines(void **state)
{
	_cleanup_(freep) char *text = malloc(2000003);
	struct node_state node;

	(void)state;
	for (size_t i = 0; i < 1000001; i++)
		memcpy(text + 2 * i, "a\n", 3);
	node = scratch_load_node(&scratch, SETTINGS, text, NULL);
	assert_non_null(
		strstr(finding_of(&node.pools.items[0], RULE_NO_ENTRY)->message, "File too large"));
	node_state_done(&node);
}

#define TWO_POOLS "[Pool one]\nOwner=root\nMaxPods=1\n[Pool two]\nOwner=crio\n"

static void expect_overlap(const char *subuid, const char *subgid, bool overlap)
{
	struct node_state node = scratch_load_node(&scratch, TWO_POOLS, subuid, subgid);

	for (size_t i = 0; i < 2; i++) {
		const struct pool *pool = &node.pools.items[i];
		const char *other = i == 0 ? "of the pool two" : "of the pool one";
		bool found = false;

		for (size_t j = 0; j < pool->findings.n_items; j++) {
			const struct finding *finding = &pool->findings.items[j];

			if (finding->rule == RULE_OVERLAPS_ENTRY &&
			    strstr(finding->message, other)) {
				assert_int_equal(finding->level, LEVEL_ERROR);
				assert_int_equal(finding->line, i + 1);
				found = true;
			}
		}
		assert_int_equal(found, overlap);
		if (overlap)
			assert_false(pool->valid);
	}
	node_state_done(&node);
}

static void test_pools_against_each_other(void **state)
{
	(void)state;
	expect_overlap("root:2000224256:65536\ncrio:2000289792:65536\n", NULL, false);
	expect_overlap("root:2000224256:65537\ncrio:2000289792:65536\n", NULL, true);
	expect_overlap("root:2000224256:65536\ncrio:2000289791:65536\n", NULL, true);
	/* also where one is invalid for another reason */
	expect_overlap("root:1:65536\ncrio:65536:65536\n", NULL, true);
	/* and where only the GIDs meet */
	expect_overlap("root:65536:65536\ncrio:131072:65536\n",
		       "root:65536:65536\ncrio:131071:65536\n", true);
}

static void test_pools_side_by_side(void **state)
{
	struct node_state node = scratch_load_node(
		&scratch, "[Pool kubelet]\n[Pool containers]\n",
		"kubelet:2000224256:7208960\ncontainers:200000:268435456\n", NULL);
	const struct pool *pool = pools_find(&node.pools, "containers");

	(void)state;
	assert_int_equal(node.pools.n_items, 2);
	assert_true(pool->valid);
	assert_int_equal(pool->range.start, 200000);
	assert_int_equal(pool_n_units(pool), 4096);
	assert_int_equal(pool->rules, RULES_BASIC);
	pool = pools_find(&node.pools, "kubelet");
	assert_true(pool->valid);
	assert_int_equal(pool_n_units(pool), 110);
	assert_null(pools_find(&node.pools, "other"));
	node_state_done(&node);
}

static void test_same_owner_twice(void **state)
{
	struct node_state node = scratch_load_node(&scratch,
						   "[Pool a]\nOwner=kubelet\n[Pool b]\nOwner=998\n",
						   "kubelet:2000224256:7208960\n", NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_non_null(finding_of(&node.pools.items[i], RULE_OVERLAPS_ENTRY));
	node_state_done(&node);
}

static void test_writers(void **state)
{
	struct node_state node = scratch_load_node(
		&scratch, "[Daemon]\nAllowUsers=crio 1234 ghost\nAllowGroups=ops 77 none\n", "",
		NULL);

	(void)state;
	assert_int_equal(node.n_writer_uids, 2);
	assert_int_equal(node.writer_uids[0], 997);
	assert_int_equal(node.writer_uids[1], 1234);
	assert_int_equal(node.n_writer_gids, 2);
	assert_int_equal(node.writer_gids[0], 500);
	assert_int_equal(node.writer_gids[1], 77);
	assert_int_equal(node.n_unknown_writers, 2);
	assert_string_equal(node.unknown_writers[0], "ghost");
	assert_string_equal(node.unknown_writers[1], "none");
	node_state_done(&node);
}

static bool has_input(const struct node_state *node, const char *path)
{
	for (size_t i = 0; i < node->n_inputs; i++)
		if (strcmp(node->inputs[i], scratch_path(&scratch, path)) == 0)
			return true;
	return false;
}

static void test_inputs(void **state)
{
	struct node_state node = scratch_load_node(
		&scratch, "[Pool kubelet]\n[Pool b]\nKubeletConfig=/etc/b.yaml\n", "", NULL);

	(void)state;
	assert_int_equal(node.n_inputs, 7);
	assert_true(has_input(&node, "/etc/subuid"));
	assert_true(has_input(&node, "/etc/subgid"));
	assert_true(has_input(&node, "/etc/passwd"));
	assert_true(has_input(&node, "/etc/group"));
	assert_true(has_input(&node, "/etc/nsswitch.conf"));
	assert_true(has_input(&node, "/var/lib/kubelet/config.yaml"));
	assert_true(has_input(&node, "/etc/b.yaml"));
	node_state_done(&node);
	node = scratch_load_node(&scratch, "[Pool b]\nSource=getsubids\n", "", NULL);
	assert_true(has_input(&node, "/usr/bin/getsubids"));
	node_state_done(&node);
}

/* It is read at run time, so it is no input, and it need not be there. */
static void test_pods_folder(void **state)
{
	static const char entries[] = "kubelet:2000224256:7208960\n";
	struct node_state node;
	char path[128];

	(void)state;
	node = scratch_load_node(&scratch,
				 "[Pool kubelet]\nKubeletPodsDirectory=/var/lib/kubelet/pods\n"
				 "[Pool other]\n",
				 entries, NULL);
	snprintf(path, sizeof(path), "%s/var/lib/kubelet/pods", scratch.root);
	assert_string_equal(node.pools.items[0].kubelet_pods, path);
	assert_true(node.pools.items[0].valid);
	assert_null(node.pools.items[1].kubelet_pods);
	for (size_t i = 0; i < node.n_inputs; i++)
		assert_string_not_equal(node.inputs[i], path);
	node_state_done(&node);
}

static void test_well_known_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_wellknown_ranges; i++) {
		assert_true(wellknown_ranges[i].first < wellknown_ranges[i].last);
		assert_true(*wellknown_ranges[i].user && *wellknown_ranges[i].source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unreadable, make, drop),
		cmocka_unit_test_setup_teardown(test_big_files, make, drop),
		cmocka_unit_test_setup_teardown(test_cap, make, drop),
		cmocka_unit_test_setup_teardown(test_too_many_lines, make, drop),
		cmocka_unit_test_setup_teardown(test_pools_against_each_other, make, drop),
		cmocka_unit_test_setup_teardown(test_pools_side_by_side, make, drop),
		cmocka_unit_test_setup_teardown(test_same_owner_twice, make, drop),
		cmocka_unit_test_setup_teardown(test_writers, make, drop),
		cmocka_unit_test_setup_teardown(test_inputs, make, drop),
		cmocka_unit_test_setup_teardown(test_pods_folder, make, drop),
		cmocka_unit_test(test_well_known_table),
	};

	return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
