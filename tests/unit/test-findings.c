/* SPDX-License-Identifier: MIT */

/* What people read: a finding of each rule, word for word. */

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

/* A row for each rule of the contract: its finding, word for word, with file and line. */
static const struct {
	enum finding_rule rule;
	enum finding_level level;
	const char *settings, *subuid, *subgid;
	const char *file;
	uint32_t line;
	const char *message;
} rows[] = {
	{ RULE_NO_OWNER_ACCOUNT, LEVEL_ERROR, "[Pool a]\nRules=kubelet\n", "", NULL, "/etc/passwd",
	  0, "a has no account: create it with useradd(8)" },
	{ RULE_NO_OWNER_ACCOUNT, LEVEL_WARNING, "[Pool a]\n", "", NULL, "/etc/passwd", 0,
	  "a has no account: create it with useradd(8)" },
	{ RULE_NO_ENTRY, LEVEL_ERROR, "", "", NULL, "/etc/subuid", 0,
	  "kubelet gets no UIDs: add a line for it, such as "
	  "kubelet:2000224256:7208960" },
	{ RULE_MULTIPLE_ENTRIES, LEVEL_ERROR, SETTINGS, "kubelet:1:1\n\n998:1:1\n", NULL,
	  "/etc/subuid", 3, "kubelet has 2 lines here: leave one, with all of its IDs" },
	{ RULE_MALFORMED_ENTRY, LEVEL_ERROR, SETTINGS, "\nkubelet:0x10000:65536\n", NULL,
	  "/etc/subuid", 2,
	  "the line of kubelet has a hexadecimal number: write it as "
	  "NAME:START:COUNT, with decimal numbers" },
	{ RULE_MALFORMED_ENTRY, LEVEL_WARNING, SETTINGS, "kubelet:65536:65536\n\x1b[1m:+1:1\n",
	  NULL, "/etc/subuid", 2,
	  "the line of ?[1m has a number with a sign: write it as "
	  "NAME:START:COUNT, with decimal numbers" },
	{ RULE_UID_GID_MISMATCH, LEVEL_ERROR, SETTINGS, "kubelet:65536:65536\n",
	  "#\nkubelet:131072:65536\n", "/etc/subgid", 2,
	  "kubelet has the GIDs 131072:65536, but the UIDs 65536:65536: make both "
	  "the same" },
	{ RULE_START_TOO_LOW, LEVEL_ERROR, SETTINGS "IdsPerPod=131072\n", "kubelet:65536:131072\n",
	  NULL, "/etc/subuid", 1,
	  "the range of kubelet starts at 65536: start it at 131072 or higher" },
	{ RULE_START_UNALIGNED, LEVEL_ERROR, SETTINGS, "kubelet:65537:65536\n", NULL, "/etc/subuid",
	  1,
	  "the range of kubelet starts at 65537, which is no multiple of 65536: "
	  "the next one is 131072" },
	{ RULE_START_UNALIGNED, LEVEL_ERROR, SETTINGS, "kubelet:4294836225:1\n", NULL,
	  "/etc/subuid", 1,
	  "the range of kubelet starts at 4294836225, which is no multiple of "
	  "65536: the one below is 4294836224" },
	{ RULE_COUNT_UNALIGNED, LEVEL_ERROR, SETTINGS, "kubelet:65536:65537\n", NULL, "/etc/subuid",
	  1,
	  "the range of kubelet has 65537 IDs, which is no multiple of 65536: the "
	  "nearest one is 65536" },
	{ RULE_COUNT_UNALIGNED, LEVEL_WARNING, SETTINGS "Rules=basic\n", "kubelet:65536:65539\n",
	  NULL, "/etc/subuid", 1,
	  "the range of kubelet has 65539 IDs, which is no multiple of 65536: the "
	  "last 3 of them stay unused" },
	{ RULE_TOO_SMALL, LEVEL_ERROR, "", "kubelet:65536:65536\n", NULL, "/etc/subuid", 1,
	  "the range of kubelet has room for 1 units of 65536 IDs, and 110 are "
	  "needed: that takes a count of 7208960" },
	{ RULE_PAST_END, LEVEL_ERROR, SETTINGS, "kubelet:327680:4294836224\n", NULL, "/etc/subuid",
	  1,
	  "the range of kubelet, 4294836224 IDs from 327680, runs past the last ID "
	  "that can be used, 4294901759: with this start its count can be "
	  "4294574080 at most" },
	{ RULE_PAST_END, LEVEL_ERROR, SETTINGS, "kubelet:4294901760:65536\n", NULL, "/etc/subuid",
	  1,
	  "the range of kubelet starts at 4294901760, past the last ID that can be "
	  "used, 4294901759" },
	{ RULE_RESERVED_RANGE, LEVEL_WARNING, SETTINGS, "kubelet:2147287040:131072\n", NULL,
	  "/etc/subuid", 1,
	  "the range of kubelet touches 2147352576-2147418111, which systemd keeps "
	  "for foreign IDs: units there are never handed out" },
	{ RULE_OVERLAPS_ENTRY, LEVEL_ERROR, SETTINGS, "kubelet:65536:65536\nalice:131071:5\n",
	  "kubelet:65536:65536\n", "/etc/subuid", 2,
	  "the line of alice gives it 131071:5, which overlaps 65536:65536 of "
	  "kubelet: move one of them" },
	{ RULE_OVERLAPS_ACCOUNT, LEVEL_ERROR, SETTINGS, "kubelet:500:65536\n", NULL, "/etc/passwd",
	  2,
	  "kubelet has the UID 998, which lies in the range of kubelet: move the "
	  "account or the range" },
	{ RULE_OVERLAPS_ACCOUNT, LEVEL_ERROR, SETTINGS, "", "kubelet:500:1\n", "/etc/group", 2,
	  "ops has the GID 500, which lies in the range of kubelet: move the "
	  "account or the range" },
	{ RULE_OVERLAPS_ACCOUNT, LEVEL_ERROR, SETTINGS, "", "kubelet:996:1\n", "/etc/passwd", 3,
	  "crio has the GID 996, which lies in the range of kubelet: move the "
	  "account or the range" },
	{ RULE_OVERLAPS_ACCOUNT, LEVEL_WARNING, SETTINGS "AllowAccountOverlap=yes\n",
	  "kubelet:997:65536\n", NULL, "/etc/passwd", 2,
	  "kubelet has the UID 998, which lies in the range of kubelet: move the "
	  "account or the range" },
	{ RULE_WELL_KNOWN_RANGE, LEVEL_WARNING, SETTINGS, "kubelet:2147483648:65536\n", NULL,
	  "/etc/subuid", 1,
	  "the range of kubelet crosses 2147483648-4294967295, used by FreeIPA, "
	  "for subordinate IDs, and misread by signed programs (FreeIPA's "
	  "subordinate ID design)" },
};

static void test_rows(void **state)
{
	bool seen[N_RULES] = {
		[RULE_KUBELET_CONFIG] = true, /* has tests of its own */
		[RULE_KUBELET_PODS] = true,   /* these are found at run time */
		[RULE_KUBELET_CONFLICT] = true,
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(rows); i++) {
		struct node_state node = scratch_load_node(&scratch, rows[i].settings,
							   rows[i].subuid, rows[i].subgid);
		const struct finding *finding = finding_of(&node.pools.items[0], rows[i].rule);

		assert_non_null(finding);
		assert_string_equal(finding->message, rows[i].message);
		assert_int_equal(finding->level, rows[i].level);
		assert_int_equal(finding->line, rows[i].line);
		assert_string_equal(finding->file, scratch_path(&scratch, rows[i].file));
		seen[rows[i].rule] = true;
		node_state_done(&node);
	}
	for (int rule = 0; rule < N_RULES; rule++)
		assert_true(seen[rule]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, make, drop),
	};

	return cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
