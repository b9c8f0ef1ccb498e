/* SPDX-License-Identifier: MIT */

/* The kubelet's files that cannot be what they should be. */

#include "kubelet-rig.h"

#include <errno.h>
#include <sys/stat.h>

#define NOBODY 65534

/* What turns bad keeps its row; what is good again loses its finding. */
static void test_bad_files(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	rig_start(&rig);
	pod_write(&rig, "a", "{");
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "no JSON object");
	assert_string_equal(kubelet_findings(rig.kubelet, POOL)->items[0].file,
			    pod_path(&rig, "a", "userns"));
	assert_int_equal(start_of(&rig, "a"), 2 * UNIT);
	pod_give(&rig, "a", 2);
	until_findings(&rig, 0);
	assert_int_equal(rig_count(&rig).n_adopted, 1);
	assert_int_equal(rig_count(&rig).n_vanished, 0);

	unlink(pod_path(&rig, "a", "userns"));
	until_start(&rig, "a", 0);
	mkdir(pod_path(&rig, "a", "userns"), 0700);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "Is a directory");
	rmdir(pod_path(&rig, "a", "userns"));
	until_findings(&rig, 0);
	mkfifo(pod_path(&rig, "a", "userns"), 0700);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "Not a regular file");
	rig_drop(&rig);
}

static void test_odd_files(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_write(&rig, "a",
		  "{\"uidMappings\":[{\"hostId\":131072,\"containerId\":0,\"length\":65536}],"
		  "\"gidMappings\":[{\"hostId\":262144,\"containerId\":0,\"length\":65536}]}");
	rig_start(&rig);
	assert_finding(&rig, "kubelet-pods", "different ranges");
	assert_int_equal(n_active(&rig), 0);
	assert_int_equal(rig_count(&rig).n_claims, 2);
	assert_true(rig_claims(&rig, 131072, UNIT));
	assert_true(rig_claims(&rig, 262144, UNIT));
	/* nothing is known now, so what was in use may be so */
	pod_write(&rig, "a", "x");
	settle(&rig);
	assert_finding(&rig, "kubelet-pods", "no JSON object");
	assert_int_equal(rig_count(&rig).n_claims, 2);
	pod_write(&rig, "a", file_text(0, UNIT));
	settle(&rig);
	assert_finding(&rig, "kubelet-pods", "below 65536");
	assert_int_equal(rig_count(&rig).n_claims, 1);
	pod_remove(&rig, "a");
	until_findings(&rig, 0);
	assert_int_equal(rig_count(&rig).n_claims, 0);
	rig_drop(&rig);
}

static void test_place(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig.watched.pool = OTHER_POOL;
	pod_make(&rig, "a");
	pod_give(&rig, "a", 9);
	rig_start(&rig);
	assert_int_equal(kubelet_findings(rig.kubelet, OTHER_POOL)->n_items, 1);
	assert_non_null(strstr(kubelet_findings(rig.kubelet, OTHER_POOL)->items[0].message,
			       "589824:65536 does not lie in the pool"));
	assert_int_equal(start_of(&rig, "a"), 9 * UNIT);
	pod_give(&rig, "a", 2);
	until_start(&rig, "a", 2);
	settle(&rig);
	assert_non_null(strstr(kubelet_findings(rig.kubelet, OTHER_POOL)->items[0].message,
			       "131072:65536 is no run of whole units"));
	assert_int_equal(rig_count(&rig).n_claims, 0);
	rig_drop(&rig);
}

static void test_names(void **state)
{
	struct kubelet_rig rig;
	char longest[POD_KEY_MAX + 2] = {};

	(void)state;
	rig_make(&rig);
	memset(longest, 'x', sizeof(longest) - 1);
	pod_make(&rig, longest);
	pod_give(&rig, longest, 3);
	rig_start(&rig);
	assert_finding(&rig, "kubelet-pods", "no pod's");
	assert_int_equal(n_active(&rig), 0);
	assert_true(rig_claims(&rig, 3 * UNIT, UNIT));
	pod_make(&rig, "a b\n");
	until_findings(&rig, 2);
	longest[POD_KEY_MAX] = 0;
	pod_make(&rig, longest);
	pod_give(&rig, longest, 4);
	until_start(&rig, longest, 4);
	/* no folders at all */
	file_write(pod_path(&rig, "file", NULL), "", 0);
	assert_int_equal(symlink(longest, pod_path(&rig, "link", NULL)), 0);
	until_findings(&rig, 4);
	assert_int_equal(n_active(&rig), 1);
	unlink(pod_path(&rig, "file", NULL));
	unlink(pod_path(&rig, "link", NULL));
	until_findings(&rig, 2);
	rig_drop(&rig);
}

static void test_conflict(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig_allocate(&rig, "ours", 2);
	rig_start(&rig);
	pod_make(&rig, "theirs");
	pod_give(&rig, "theirs", 2);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-conflict",
		       "gave 131072:65536 to pod theirs, but pod ours has 131072:65536");
	assert_int_equal(rig_count(&rig).n_conflicts, 1);
	assert_string_equal(rig_count(&rig).last_conflict[0], "theirs");
	assert_string_equal(rig_count(&rig).last_conflict[1], "ours");
	assert_int_equal(start_of(&rig, "ours"), 2 * UNIT);
	assert_int_equal(start_of(&rig, "theirs"), 0);
	assert_true(rig_claims(&rig, 2 * UNIT, UNIT));
	/* it is tried again, and told once */
	assert_int_equal(kubelet_scan(rig.kubelet), 0);
	pod_give(&rig, "theirs", 2);
	settle(&rig);
	assert_int_equal(rig_count(&rig).n_conflicts, 1);
	rig_release(&rig, "ours");
	assert_int_equal(kubelet_scan(rig.kubelet), 0);
	assert_int_equal(start_of(&rig, "theirs"), 2 * UNIT);
	assert_int_equal(kubelet_findings(rig.kubelet, POOL)->n_items, 0);
	assert_int_equal(rig_count(&rig).n_claims, 0);
	rig_drop(&rig);
}

static void test_two_pods_one_range(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	rig_start(&rig);
	pod_make(&rig, "b");
	pod_give(&rig, "b", 2);
	until_findings(&rig, 1);
	assert_int_equal(start_of(&rig, "a"), 2 * UNIT);
	assert_int_equal(rig_count(&rig).n_conflicts, 1);
	/* once the first has gone, the second one's turn has come without a scan */
	pod_remove(&rig, "a");
	until_start(&rig, "b", 2);
	until_findings(&rig, 0);
	assert_int_equal(start_of(&rig, "a"), 0);
	/* a change of the range from one conflict into another */
	rig_allocate(&rig, "x", 3);
	rig_allocate(&rig, "y", 4);
	pod_give(&rig, "b", 3);
	until_findings(&rig, 1);
	assert_int_equal(start_of(&rig, "b"), 0);
	pod_give(&rig, "b", 4);
	settle(&rig);
	assert_int_equal(rig_count(&rig).n_conflicts, 3);
	assert_finding(&rig, "kubelet-conflict", "pod y has");
	assert_true(rig_claims(&rig, 4 * UNIT, UNIT));
	assert_int_equal(rig_count(&rig).n_claims, 1);
	rig_drop(&rig);
}

static void test_closed_to_us(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else can become somebody else */
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	chmod(rig.folder.path, 0755);
	chmod(rig.pods, 0755);
	chmod(pod_path(&rig, "a", NULL), 0755);
	chmod(pod_path(&rig, "a", "userns"), 0644);
	assert_int_equal(seteuid(NOBODY), 0);
	rig_start(&rig);
	assert_int_equal(start_of(&rig, "a"), 2 * UNIT);

	assert_int_equal(seteuid(0), 0);
	pod_write(&rig, "a", file_text(3 * UNIT, UNIT));
	chmod(pod_path(&rig, "a", "userns"), 0600);
	assert_int_equal(seteuid(NOBODY), 0);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "Permission denied");
	assert_int_equal(start_of(&rig, "a"), 2 * UNIT);

	assert_int_equal(seteuid(0), 0);
	chmod(pod_path(&rig, "a", "userns"), 0644);
	assert_int_equal(seteuid(NOBODY), 0);
	until_start(&rig, "a", 3);
	until_findings(&rig, 0);

	/* the whole folder: its own change of mode is seen */
	assert_int_equal(seteuid(0), 0);
	chmod(rig.pods, 0700);
	assert_int_equal(seteuid(NOBODY), 0);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "Permission denied");
	assert_int_equal(start_of(&rig, "a"), 3 * UNIT);
	assert_int_equal(seteuid(0), 0);
	chmod(rig.pods, 0755);
	assert_int_equal(seteuid(NOBODY), 0);
	until_findings(&rig, 0);
	assert_int_equal(seteuid(0), 0);
	rig_drop(&rig);
}

/* Nothing of it is forgotten: the next scan finds what was not taken over. */
static void test_broken_store(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig_start(&rig);
	assert_int_equal(kubelet_set_interval(rig.kubelet, 1), 0);
	rig_break(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	until_start(&rig, "a", 2);
	rig_break(&rig);
	pod_remove(&rig, "a");
	until_start(&rig, "a", 0);

	/* a commit that failed */
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	until_start(&rig, "a", 2);
	assert_int_equal(kubelet_set_interval(rig.kubelet, 3600 * UINT64_C(1000000)), 0);
	settle(&rig);
	rig_release(&rig, "a");
	rig_adopt(&rig, POOL, "b", 3);
	assert_int_equal(kubelet_set_interval(rig.kubelet, 100 * 1000), 0);
	kubelet_distrust(rig.kubelet);
	until_start(&rig, "a", 2);
	until_start(&rig, "b", 0);
	rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),    cmocka_unit_test(test_odd_files),
		cmocka_unit_test(test_place),	     cmocka_unit_test(test_names),
		cmocka_unit_test(test_conflict),     cmocka_unit_test(test_two_pods_one_range),
		cmocka_unit_test(test_closed_to_us), cmocka_unit_test(test_broken_store),
	};

	return cmocka_run_group_tests_name("kubelet-trouble", tests, NULL, NULL);
}
