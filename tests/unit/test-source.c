/* SPDX-License-Identifier: MIT */

/* Where a pool's range is taken from: the files, or getsubids(1). */

#include "scratch.h"

#include "cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct scratch scratch;

static int make(void **state)
{
	(void)state;
	scratch_make(&scratch);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

static struct node_state load(const char *settings, const char *nsswitch, const char *subuid)
{
	struct node_state node;

	scratch_write(&scratch, "/etc/passwd", "kubelet:x:998:998::/:/bin/sh\n");
	scratch_write(&scratch, "/etc/subuid", subuid);
	scratch_write(&scratch, "/etc/subgid", subuid);
	scratch_write(&scratch, "/etc/subidd/subidd.conf", settings);
	if (nsswitch)
		scratch_write(&scratch, "/etc/nsswitch.conf", nsswitch);
	scratch_load(&scratch, &node);
	return node;
}

#define SETTINGS "[Pool kubelet]\nMaxPods=1\n"
#define FILES_START 2000224256
#define FILES_LINE "kubelet:2000224256:65536\n"
#define ASKED_START 2000289792

/* Where the range comes from tells who was asked. */
static void test_source(void **state)
{
	static const struct {
		const char *settings, *nsswitch;
		uint32_t start;
	} cases[] = {
		{ SETTINGS, NULL, FILES_START },
		{ SETTINGS, "passwd: files\n", FILES_START },
		{ SETTINGS, "subid: files\n", FILES_START },
		{ SETTINGS, "subid: files sss\n", FILES_START },
		{ SETTINGS, "subid: subidd\n", FILES_START },
		{ SETTINGS, "subid:\n", FILES_START },
		{ SETTINGS, "# subid: sss\n", FILES_START },
		{ SETTINGS, "subid: sss\n", ASKED_START },
		{ SETTINGS, "passwd: files\nSUBID:\tsss files", ASKED_START },
		{ SETTINGS, "subid:sss\n", ASKED_START },
		{ SETTINGS "Source=getsubids\n", "subid: files\n", ASKED_START },
		{ SETTINGS "Source=files\n", "subid: sss\n", FILES_START },
	};

	(void)state;
	scratch_write_getsubids(&scratch, "echo '0: kubelet 2000289792 65536'");
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		struct node_state node = load(cases[i].settings, cases[i].nsswitch, FILES_LINE);

		if (node.pools.items[0].range.start != cases[i].start)
			fail_msg("%s: %u", cases[i].nsswitch, node.pools.items[0].range.start);
		node_state_done(&node);
	}
}

static void expect_finding(const char *nsswitch, const char *subuid, enum finding_rule rule,
			   const char *file, const char *message)
{
	struct node_state node = load(SETTINGS "Source=getsubids\n", nsswitch, subuid);
	const struct finding *finding = finding_of(&node.pools.items[0], rule);

	assert_int_equal(finding != NULL, message != NULL);
	if (finding) {
		assert_string_equal(finding->file, scratch_path(&scratch, file));
		if (!strstr(finding->message, message))
			fail_msg("%s", finding->message);
	}
	assert_int_equal(node.pools.items[0].valid, message == NULL);
	node_state_done(&node);
}

static void test_findings(void **state)
{
	(void)state;
	scratch_write_getsubids(&scratch, "echo 'Error fetching ranges' >&2; exit 1");
	expect_finding("", FILES_LINE, RULE_NO_ENTRY, SCRATCH_GETSUBIDS,
		       "status 1: Error fetching ranges");
	scratch_write_getsubids(&scratch,
				"echo '0: kubelet 65536 65536'; echo '1: kubelet 131072 65536'");
	expect_finding("", FILES_LINE, RULE_MULTIPLE_ENTRIES, SCRATCH_GETSUBIDS, "2 lines");
	scratch_write_getsubids(&scratch, "echo nonsense");
	expect_finding("", FILES_LINE, RULE_MALFORMED_ENTRY, SCRATCH_GETSUBIDS,
		       "an answer of getsubids");
	scratch_write_getsubids(
		&scratch, "[ $1 = -g ] && start=1 || start=2; echo \"0: kubelet $start 65536\"");
	expect_finding("", FILES_LINE, RULE_UID_GID_MISMATCH, SCRATCH_GETSUBIDS, "GIDs 1:65536");
}

/* The files' other lines count only where they are in force; the owner's own never do. */
static void test_others(void **state)
{
	static const char lines[] = "kubelet:0:1\nalice:2000289792:1\n";

	(void)state;
	scratch_write_getsubids(&scratch, "echo '0: kubelet 2000289792 65536'");
	expect_finding("subid: files\n", lines, RULE_OVERLAPS_ENTRY, "/etc/subuid", "alice");
	expect_finding("subid: sss\n", lines, RULE_OVERLAPS_ENTRY, NULL, NULL);
}

/* It would ask the module, and that this daemon, which waits for it. */
static void test_circle(void **state)
{
	(void)state;
	scratch_write_getsubids(&scratch, "echo '0: kubelet 2000289792 65536'; touch asked");
	expect_finding("subid: subidd\n", FILES_LINE, RULE_NO_ENTRY, SCRATCH_GETSUBIDS,
		       "not asked: nsswitch.conf has `subid: subidd`");
	assert_int_equal(access(scratch_path(&scratch, "/asked"), F_OK), -1);
}

/* Under --root the host's own program is never asked. */
static void test_root_without_program(void **state)
{
	(void)state;
	remove(scratch_path(&scratch, SCRATCH_GETSUBIDS));
	expect_finding("", FILES_LINE, RULE_NO_ENTRY, SCRATCH_GETSUBIDS, "No such file");
}

/* One that hangs costs its time once, and not for UIDs and GIDs of each pool. */
static void test_hangs(void **state)
{
	struct node_state node;
	char asked[8] = "";
	FILE *file;

	(void)state;
	scratch_write_getsubids(&scratch, "echo asked >> asked\nexec sleep 600");
	node = load("[Pool kubelet]\nSource=getsubids\n[Pool other]\nSource=getsubids\n", NULL, "");
	for (size_t i = 0; i < 2; i++) {
		const struct finding *finding = finding_of(&node.pools.items[i], RULE_NO_ENTRY);

		assert_non_null(finding);
		assert_non_null(strstr(finding->message, i == 0 ? "within 5000 ms" : "not asked"));
	}
	node_state_done(&node);
	file = fopen(scratch_path(&scratch, "/asked"), "re");
	assert_non_null(file);
	assert_string_equal(fgets(asked, sizeof(asked), file), "asked\n");
	assert_null(fgets(asked, sizeof(asked), file));
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_source, make, drop),
		cmocka_unit_test_setup_teardown(test_findings, make, drop),
		cmocka_unit_test_setup_teardown(test_others, make, drop),
		cmocka_unit_test_setup_teardown(test_circle, make, drop),
		cmocka_unit_test_setup_teardown(test_root_without_program, make, drop),
		cmocka_unit_test_setup_teardown(test_hangs, make, drop),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
