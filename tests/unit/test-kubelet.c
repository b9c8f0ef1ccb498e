/* SPDX-License-Identifier: MIT */

/* Files that come, change and go, in whatever order: in the end the allocator has what the folder
 * has. */

#include "kubelet-rig.h"

#include <errno.h>
#include <sys/stat.h>

static void test_start(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	pod_make(&rig, "userns");
	pod_give(&rig, "userns", 3);
	pod_make(&rig, "empty");
	pod_write(&rig, "empty", "");
	pod_make(&rig, "none");
	pod_make(&rig, ".made");
	pod_give(&rig, ".made", 4);
	pod_make(&rig, "8a3f4b9c-1d2e-4f5a-8b6c-7d8e9f0a1b2c");
	pod_give(&rig, "8a3f4b9c-1d2e-4f5a-8b6c-7d8e9f0a1b2c", 5);
	file_write(pod_path(&rig, "none", ".55"), "x", 1);
	rig_start(&rig);
	assert_int_equal(start_of(&rig, "a"), 2 * UNIT);
	assert_int_equal(start_of(&rig, "userns"), 3 * UNIT);
	assert_int_equal(start_of(&rig, "8a3f4b9c-1d2e-4f5a-8b6c-7d8e9f0a1b2c"), 5 * UNIT);
	assert_int_equal(n_active(&rig), 3);
	assert_int_equal(kubelet_findings(rig.kubelet, POOL)->n_items, 0);
	assert_null(kubelet_findings(rig.kubelet, OTHER_POOL));
	assert_int_equal(rig_held(&rig).n_pods, 5);
	assert_int_equal(rig_held(&rig).n_watches, 6);
	assert_true(rig_count(&rig).n_changed >= 1);
	settle(&rig);
	assert_int_equal(rig_count(&rig).n_adopted, 3);
	rig_drop(&rig);
}

static void test_folder_first(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig_start(&rig);
	pod_make(&rig, "a");
	settle(&rig);
	pod_give(&rig, "a", 2);
	until_start(&rig, "a", 2);
	/* all at once */
	pod_make(&rig, "b");
	pod_give(&rig, "b", 3);
	until_start(&rig, "b", 3);
	rig_drop(&rig);
}

static void test_moved_in(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig_start(&rig);
	pod_make(&rig, ".made");
	pod_give(&rig, ".made", 2);
	assert_int_equal(rename(pod_path(&rig, ".made", NULL), pod_path(&rig, "a", NULL)), 0);
	until_start(&rig, "a", 2);
	assert_int_equal(rename(pod_path(&rig, "a", NULL), pod_path(&rig, "b", NULL)), 0);
	until_start(&rig, "b", 2);
	assert_int_equal(start_of(&rig, "a"), 0);
	/* what happens there is still seen */
	pod_give(&rig, "b", 3);
	until_start(&rig, "b", 3);
	assert_int_equal(rename(pod_path(&rig, "b", NULL), folder_path(&rig.folder, "out")), 0);
	until_start(&rig, "b", 0);
	settle(&rig);
	assert_int_equal(rig_held(&rig).n_watches, 1);
	assert_int_equal(rig_held(&rig).n_pods, 0);
	rig_drop(&rig);
}

static void test_file_changes(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	rig_start(&rig);
	pod_give(&rig, "a", 3);
	until_start(&rig, "a", 3);
	pod_write(&rig, "a", "");
	until_start(&rig, "a", 0);
	pod_write(&rig, "a", file_text(4 * UNIT, UNIT));
	until_start(&rig, "a", 4);
	unlink(pod_path(&rig, "a", "userns"));
	until_start(&rig, "a", 0);
	assert_int_equal(symlink("/dev/null", pod_path(&rig, "a", ".l")), 0);
	assert_int_equal(rename(pod_path(&rig, "a", ".l"), pod_path(&rig, "a", "userns")), 0);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "symbolic link");
	unlink(pod_path(&rig, "a", "userns"));
	until_findings(&rig, 0);
	rig_drop(&rig);
}

static void test_folder_anew(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	rig_start(&rig);
	for (uint32_t i = 0; i < 20; i++) {
		pod_remove(&rig, "a");
		pod_make(&rig, "a");
		pod_give(&rig, "a", 3 + i);
		if (i % 3 == 0)
			until_start(&rig, "a", 3 + i);
	}
	until_start(&rig, "a", 22);
	pod_remove(&rig, "a");
	until_start(&rig, "a", 0);
	settle(&rig);
	assert_int_equal(n_active(&rig), 0);
	assert_int_equal(rig_held(&rig).n_pods, 0);
	rig_drop(&rig);
}

/* An earlier daemon's rows: those whose file is gone, whose pool has no folder, and those at work.
 */
static void test_rows(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig_adopt(&rig, POOL, "stays", 2);
	rig_adopt(&rig, POOL, "gone", 3);
	rig_adopt(&rig, POOL, "moved", 4);
	rig_adopt(&rig, POOL, "bad", 5);
	rig_adopt(&rig, OTHER_POOL, "orphan", 6);
	rig_adopt(&rig, OTHER_POOL, "renamed", 7);
	rig_allocate(&rig, "ours", 8);
	pod_make(&rig, "stays");
	pod_give(&rig, "stays", 2);
	pod_make(&rig, "moved");
	pod_give(&rig, "moved", 9);
	pod_make(&rig, "bad");
	pod_write(&rig, "bad", "x");
	pod_make(&rig, "renamed");
	pod_give(&rig, "renamed", 7);
	rig_start(&rig);
	assert_int_equal(start_of(&rig, "stays"), 2 * UNIT);
	assert_int_equal(start_of(&rig, "gone"), 0);
	assert_int_equal(start_of(&rig, "moved"), 9 * UNIT);
	assert_int_equal(start_of(&rig, "bad"), 5 * UNIT);
	assert_int_equal(start_of(&rig, "orphan"), 0);
	assert_int_equal(start_of(&rig, "renamed"), 7 * UNIT);
	assert_int_equal(start_of(&rig, "ours"), 8 * UNIT);
	assert_int_equal(n_active(&rig), 5);
	rig_stop(&rig);

	/* without a folder for the pool all of them are orphans */
	rig.watched.pool = "third";
	rig_start(&rig);
	assert_int_equal(start_of(&rig, "bad"), 0);
	assert_int_equal(start_of(&rig, "stays"), 2 * UNIT);
	assert_int_equal(kubelet_set_folders(rig.kubelet, NULL, 0), 1);
	until_start(&rig, "stays", 0);
	until_start(&rig, "renamed", 0);
	settle(&rig);
	assert_int_equal(n_active(&rig), 1);
	rig_drop(&rig);
}

static void test_missing(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	rig_adopt(&rig, POOL, "a", 2);
	rmdir(rig.pods);
	rmdir(rig.folder.path);
	rig_start(&rig);
	assert_finding(&rig, "kubelet-pods", "No such file");
	assert_int_equal(start_of(&rig, "a"), 2 * UNIT);
	settle(&rig);
	mkdir(rig.folder.path, 0755);
	settle(&rig);
	mkdir(rig.pods, 0755);
	until_findings(&rig, 0);
	until_start(&rig, "a", 0);
	pod_make(&rig, "b");
	pod_give(&rig, "b", 3);
	until_start(&rig, "b", 3);
	rig_drop(&rig);
}

static void test_taken_away(void **state)
{
	struct kubelet_rig rig;
	char away[100];

	(void)state;
	rig_make(&rig);
	snprintf(away, sizeof(away), "%s.away", rig.pods);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	pod_make(&rig, "b");
	pod_give(&rig, "b", 3);
	rig_start(&rig);
	assert_int_equal(rename(rig.pods, away), 0);
	until_findings(&rig, 1);
	assert_finding(&rig, "kubelet-pods", "No such file");
	assert_int_equal(n_active(&rig), 2);
	unlink(folder_path(&rig.folder, "pods.away/a/userns"));
	settle(&rig);
	assert_int_equal(n_active(&rig), 2);
	assert_int_equal(rename(away, rig.pods), 0);
	until_findings(&rig, 0);
	until_start(&rig, "a", 0);
	assert_int_equal(start_of(&rig, "b"), 3 * UNIT);
	/* something else in its place */
	assert_int_equal(rename(rig.pods, away), 0);
	file_write(rig.pods, "x", 1);
	until_findings(&rig, 1);
	settle(&rig);
	assert_finding(&rig, "kubelet-pods", "Not a directory");
	unlink(rig.pods);
	assert_int_equal(start_of(&rig, "b"), 3 * UNIT);
	rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),	    cmocka_unit_test(test_folder_first),
		cmocka_unit_test(test_moved_in),    cmocka_unit_test(test_file_changes),
		cmocka_unit_test(test_folder_anew), cmocka_unit_test(test_rows),
		cmocka_unit_test(test_missing),	    cmocka_unit_test(test_taken_away),
	};

	return cmocka_run_group_tests_name("kubelet", tests, NULL, NULL);
}
