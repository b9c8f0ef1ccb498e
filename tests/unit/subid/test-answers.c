/* SPDX-License-Identifier: MIT */

/* What the libsubid module answers: to whom from the daemon, to whom from the files. */

#include "rig.h"

#include <errno.h>
#include <sys/stat.h>

static struct rig rig;

static int make(void **state)
{
	(void)state;
	rig_make(&rig);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	rig_drop(&rig);
	return 0;
}

static void expect_list(const char *owner, int r, const char *answer)
{
	for (enum id_kind kind = 0; kind < N_ID_KINDS; kind++) {
		int found = rig_list(&rig, owner, kind);

		if (found != r || strcmp(rig_answer, answer) != 0)
			fail_msg("%s: %d '%s', not %d '%s'", owner, found, rig_answer, r, answer);
	}
}

static void expect_has(const char *owner, uint64_t start, uint64_t count, int r, bool has)
{
	int found = rig_has(&rig, owner, start, count);

	if (found != r || strcmp(rig_answer, has ? "yes" : "no") != 0)
		fail_msg("%s %llu:%llu: %d %s", owner, (unsigned long long)start,
			 (unsigned long long)count, found, rig_answer);
}

static void expect_owners(uint64_t id, int r, const char *answer)
{
	int found = rig_owners(&rig, id);

	if (found != r || strcmp(rig_answer, answer) != 0)
		fail_msg("%llu: %d '%s', not %d '%s'", (unsigned long long)id, found, rig_answer, r,
			 answer);
}

#define POOL_RANGE "131072:131072"
#define LINES                                                                                      \
	"kubelet:65536:65536\nalice:1000000:65536\n1001:1065536:65536\nfar:3000000:1\n"            \
	"5005:3000001:1\n"

/* The files' line of a pool's owner counts for nothing, whatever name he goes by. */
static void test_pool(void **state)
{
	(void)state;
	rig_set_lines(&rig, LINES);
	rig_start(&rig, RIG_ANSWERS);
	expect_list("kubelet", 0, POOL_RANGE);
	expect_list("998", 0, POOL_RANGE);
	expect_list("node", 0, POOL_RANGE);
	assert_int_equal(rig.n_status, 6);
	assert_int_equal(rig.n_pod, 0);
	expect_has("kubelet", 131072, 131072, 0, true);
	expect_has("kubelet", 262143, 1, 0, true);
	expect_has("kubelet", 262143, 2, 0, false);
	expect_has("kubelet", 65536, 1, 0, false);
	rig.status = STATUS(INVALID_POOL("kubelet"));
	expect_list("kubelet", ANSWER_E_REFUSED, "");
	expect_has("kubelet", 65536, 1, ANSWER_E_REFUSED, false);
	rig.status = STATUS(POOL("other", RANGE));
	expect_list("kubelet", ANSWER_E_REFUSED, "");
	rig.status = STATUS("");
	expect_list("kubelet", ANSWER_E_REFUSED, "");
	rig_stop(&rig);
}

/* Owner= names an account by its name or its number; two pools can be one owner's. */
static void test_configured(void **state)
{
	(void)state;
	rig_set_lines(&rig, "pods:65536:65536\nkubelet:1:2\n");
	scratch_write(&rig.scratch, "/etc/subidd/subidd.conf",
		      "[Pool a]\nOwner=997\n[Pool b]\n"
		      "Owner=pods\n");
	rig_start(&rig, RIG_ANSWERS);
	rig.status = STATUS(POOL("997", "\"start\":65536,\"count\":65536") "," POOL("pods", RANGE));
	expect_list("pods", 0, "65536:65536 " POOL_RANGE);
	expect_list("997", 0, "65536:65536 " POOL_RANGE);
	expect_has("pods", 65536, 196608, 0, true);
	rig.status = STATUS(INVALID_POOL("997") "," POOL("pods", RANGE));
	expect_list("pods", ANSWER_E_REFUSED, "");
	expect_list("kubelet", 0, "1:2");
	rig_stop(&rig);
}

/* Who is called like the UID of another is not that one, with newuidmap least of all. */
static void test_numeric_name(void **state)
{
	static const char accounts[] =
		"kubelet:x:998:998::/:/bin/sh\nalice:x:1001:1001::/:/bin/sh\n"
		"998:x:5001:5001::/:/bin/sh\n1001:x:5002:5002::/:/bin/sh\n";

	(void)state;
	scratch_write(&rig.scratch, "/etc/passwd", accounts);
	rig_set_lines(&rig, "alice:1000000:5\n1001:2000000:5\n5001:3000000:5\n");
	rig_start(&rig, RIG_ANSWERS);
	rig.pod = NO_POD;
	expect_has("998", 131072, 1, 0, false);
	expect_has("998", 3000000, 5, 0, true);
	expect_list("998", 0, "3000000:5");
	expect_has("1001", 1000000, 1, 0, false);
	expect_has("1001", 2000000, 5, 0, true); /* as useradd writes it */
	expect_has("kubelet", 131072, 1, 0, true);
	/* a pool owner's line by its UID is not the line of one who is called so */
	rig_set_lines(&rig, "998:131072:131072\n");
	expect_has("998", 131072, 1, 0, false);
	expect_list("998", 0, "");
	/* one who is in no file of accounts is called so all the same */
	scratch_write(&rig.scratch, "/etc/passwd", "kubelet:x:998:998::/:/bin/sh\n");
	expect_has("998", 131072, 1, 0, false);
	expect_list("998", 0, POOL_RANGE);
	rig_stop(&rig);
}

static void test_pod(void **state)
{
	(void)state;
	rig_set_lines(&rig, LINES);
	rig_start(&rig, RIG_ANSWERS);
	rig.pod = POD("pod-1", "active");
	expect_list("pod-1", 0, "196608:65536");
	assert_string_equal(rig.call, "{\"method\":\"io.subidd.Allocator.Get\","
				      "\"parameters\":{\"pod\":\"pod-1\"}}");
	expect_has("pod-1", 196608, 65536, 0, true);
	expect_has("pod-1", 196609, 65536, 0, false);
	rig.pod = POD("pod-1", "draining");
	expect_list("pod-1", ANSWER_E_UNKNOWN_OWNER, "");
	expect_has("pod-1", 196608, 65536, 0, false);
	rig.pod = NO_POD;
	expect_list("pod-1", ANSWER_E_UNKNOWN_OWNER, "");
	rig.pod = POD("alice", "active");
	expect_list("alice", 0, "196608:65536");
	expect_has("alice", 196608, 1, 0, true);
	expect_has("alice", 1000000, 1, 0, true);
	rig_stop(&rig);
}

/* A name that is no pod's is not sent. */
static void test_grammar(void **state)
{
	static const char *const names[] = { "",     ".a",   "a b",	 "a\"b", "a/b",
					     "a\\b", "a\nb", "\xc3\xa4", "-pod", "a:b" };
	char longest[130];

	(void)state;
	rig_start(&rig, RIG_ANSWERS);
	rig.pod = "{}";
	for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
		expect_list(names[i], ANSWER_E_UNKNOWN_OWNER, "");
		expect_has(names[i], 65536, 1, 0, false);
	}
	memset(longest, 'a', sizeof(longest));
	longest[129] = '\0';
	expect_list(longest, ANSWER_E_UNKNOWN_OWNER, "");
	assert_int_equal(rig.n_pod, 0);
	longest[128] = '\0';
	expect_list(longest, ANSWER_E_NO_DAEMON, "");
	assert_int_equal(rig.n_pod, 2);
	rig_stop(&rig);
}

/* By name and by UID, as shadow finds them; several lines count together. */
static void test_lines(void **state)
{
	(void)state;
	rig_set_lines(&rig, LINES);
	rig_start(&rig, RIG_ANSWERS);
	expect_list("alice", 0, "1000000:65536 1065536:65536");
	expect_list("amy", 0, "1065536:65536");
	expect_list("1001", 0, "1065536:65536");
	expect_list("far", 0, "3000000:1 3000001:1");
	expect_list("root", 0, "");
	expect_list("nobody", ANSWER_E_UNKNOWN_OWNER, "");
	assert_int_equal(rig.n_status, 0);
	rig.n_pod = 0;
	expect_has("alice", 1000000, 131072, 0, true);
	expect_has("alice", 1065535, 2, 0, true);
	expect_has("far", 3000000, 2, 0, true);
	assert_int_equal(rig.n_pod, 0);
	expect_has("alice", 999999, 2, 0, false);
	expect_has("alice", 1065536, 65537, 0, false);
	assert_int_equal(rig.n_pod, 4);
	rig_set_lines(&rig, NULL);
	expect_list("alice", 0, "");
	expect_has("alice", 1000000, 1, 0, false);
	rig_stop(&rig);
}

/* Ranges that no IDs can have are nobody's, and nobody is asked. */
static void test_impossible(void **state)
{
	(void)state;
	rig_set_lines(&rig, "alice:0:4294967295\n");
	rig_start(&rig, RIG_REFUSES);
	expect_has("alice", 0, 4294967295, 0, true);
	expect_has("alice", 4294967294, 1, 0, true);
	expect_has("alice", 4294967295, 1, 0, false);
	expect_has("alice", 0, 4294967296, 0, false);
	expect_has("alice", 0, 0, 0, false);
	expect_has("alice", 4294967296, 1, 0, false);
	expect_has("alice", UINT64_MAX, 2, 0, false);
	expect_has("alice", 1, UINT64_MAX, 0, false);
	expect_has("kubelet", 1, UINT64_MAX, 0, false);
	rig_stop(&rig);
}

/* One line that could be read in two ways, and its owner gets nothing; the others do. */
static void test_broken_lines(void **state)
{
	static const char *const lines[] = {
		"alice:0x10000:65536",
		"alice:0010000:65536",
		"alice:+5:65536",
		"alice:1:2:3",
		"alice:65536",
		"alice: 65536:65536",
		" alice:65536:65536",
		"alice:-5:65536",
		"alice:65536:65536 ",
		"alice::65536",
		"01001:65536:65536",
		"alice:65536:0",
		"alice:65536:5000000000",
		"alice:4294967295:1",
		"alice:4294901760:65536",
		"alice:18446744073709551616:1",
		"alice:1:1\r",
	};
	char text[256];

	(void)state;
	rig_start(&rig, RIG_ANSWERS);
	for (size_t i = 0; i < ELEMENTS_OF(lines); i++) {
		snprintf(text, sizeof(text), "alice:1000000:65536\n%s\npods:2000000:5\n", lines[i]);
		rig_set_lines(&rig, text);
		expect_list("alice", ANSWER_E_REFUSED, "");
		expect_has("alice", 1000000, 1, ANSWER_E_REFUSED, false);
		expect_list("pods", 0, "2000000:5");
	}
	rig_stop(&rig);
}

/* An account that is in no file is only looked for where a line names its owner by a number. */
static void test_lookups(void **state)
{
	(void)state;
	rig_start(&rig, RIG_ANSWERS);
	rig_n_lookups = 0;
	rig_set_lines(&rig, "far:3000000:1\nalice:5:1\n");
	expect_list("far", 0, "3000000:1");
	expect_has("far", 3000000, 1, 0, true);
	assert_int_equal(rig_n_lookups, 0);
	rig_set_lines(&rig, "far:3000000:1\n5005:5:1\n");
	expect_list("far", 0, "3000000:1 5:1");
	assert_int_equal(rig_n_lookups, 2);
	expect_list("alice", 0, "");
	assert_int_equal(rig_n_lookups, 2);
	rig_stop(&rig);
}

/* shadow reads the line behind a NUL byte as a part of the one before. */
static void test_nul(void **state)
{
	static const char text[] = "x:1:1\0\nalice:1000000:5\n";

	(void)state;
	rig_set_lines(&rig, "");
	scratch_write_bytes(&rig.scratch, "/etc/subuid", text, sizeof(text) - 1, 0644);
	rig_start(&rig, RIG_ANSWERS);
	assert_int_equal(rig_list(&rig, "alice", ID_UID), ANSWER_E_REFUSED);
	expect_owners(1000000, 0, "");
	rig_stop(&rig);
}

static void test_owners(void **state)
{
	(void)state;
	rig_set_lines(&rig,
		      LINES "amy:1000005:1\npods:1000005:1\n0x3e9:1000005:1\nghost:4000000:1\n");
	rig_start(&rig, RIG_ANSWERS);
	expect_owners(1000000, 0, "1001");
	expect_owners(1000005, 0, "1001 997");
	expect_owners(3000000, 0, "5005");
	expect_owners(3000001, 0, "5005");
	assert_int_equal(rig.n_status, 0);
	expect_owners(131072, 0, "998");
	expect_owners(262143, 0, "998");
	expect_owners(262144, 0, "");
	expect_owners(65536, 0, "");   /* the line of a pool's owner */
	expect_owners(4000000, 0, ""); /* nobody's account */
	expect_owners(4294967295, 0, "");
	expect_owners(UINT64_MAX, 0, "");
	rig.status = STATUS(INVALID_POOL("kubelet"));
	expect_owners(131072, 0, "");
	rig_stop(&rig);
}

/* A configuration that is of no use: the daemon, which goes on with the one before, is asked. */
static void test_broken_configuration(void **state)
{
	(void)state;
	rig_set_lines(&rig, LINES);
	scratch_write(&rig.scratch, "/etc/subidd/subidd.conf", "[Pool pods]\nNonsense=1\n");
	rig_start(&rig, RIG_ANSWERS);
	expect_list("kubelet", 0, POOL_RANGE);
	assert_int_equal(rig.n_status, 2); /* once for UIDs and once for GIDs */
	expect_list("alice", 0, "1000000:65536 1065536:65536");
	rig.status = STATUS(POOL("alice", RANGE));
	expect_list("alice", 0, POOL_RANGE);
	expect_has("alice", 1000000, 1, 0, false);
	rig_stop(&rig);
	rig_start(&rig, RIG_REFUSES);
	expect_list("alice", ANSWER_E_NO_DAEMON, "");
	expect_has("alice", 1000000, 1, ANSWER_E_NO_DAEMON, false);
	expect_owners(1000000, ANSWER_E_NO_DAEMON, "");
	rig_stop(&rig);
}

/* Files that are not what they should be. */
static void test_broken_files(void **state)
{
	(void)state;
	rig_set_lines(&rig, NULL);
	assert_int_equal(mkdir(scratch_path(&rig.scratch, "/etc/subuid"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(&rig.scratch, "/etc/subgid"), 0755), 0);
	rig_start(&rig, RIG_ANSWERS);
	expect_list("alice", ANSWER_E_REFUSED, "");
	expect_has("alice", 1, 1, ANSWER_E_REFUSED, false);
	expect_owners(1, ANSWER_E_REFUSED, "");
	expect_list("kubelet", 0, POOL_RANGE);
	assert_int_equal(unlink(scratch_path(&rig.scratch, "/etc/passwd")), 0);
	expect_list("kubelet", 0, POOL_RANGE);
	assert_int_equal(mkdir(scratch_path(&rig.scratch, "/etc/passwd"), 0755), 0);
	expect_list("kubelet", ANSWER_E_REFUSED, "");
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pool, make, drop),
		cmocka_unit_test_setup_teardown(test_configured, make, drop),
		cmocka_unit_test_setup_teardown(test_numeric_name, make, drop),
		cmocka_unit_test_setup_teardown(test_pod, make, drop),
		cmocka_unit_test_setup_teardown(test_grammar, make, drop),
		cmocka_unit_test_setup_teardown(test_lines, make, drop),
		cmocka_unit_test_setup_teardown(test_impossible, make, drop),
		cmocka_unit_test_setup_teardown(test_broken_lines, make, drop),
		cmocka_unit_test_setup_teardown(test_lookups, make, drop),
		cmocka_unit_test_setup_teardown(test_nul, make, drop),
		cmocka_unit_test_setup_teardown(test_owners, make, drop),
		cmocka_unit_test_setup_teardown(test_broken_configuration, make, drop),
		cmocka_unit_test_setup_teardown(test_broken_files, make, drop),
	};

	return cmocka_run_group_tests_name("subid-answers", tests, NULL, NULL);
}
