/* SPDX-License-Identifier: MIT */

/* Many pods: lost events, watches that have run out, and a random walk. */

#include "kubelet-rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#define N_PODS 2000
#define N_STEPS 12000

/* Watches that there are; the linker sends the calls here. */
static int n_left = -1;
int __real_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);

int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	if (n_left == 0) {
		errno = ENOSPC;
		return -1;
	}
	n_left -= n_left > 0;
	return __real_inotify_add_watch(fd, path, mask);
}

static bool has_no_instance;
int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);

int __wrap_inotify_init1(int flags)
{
	if (!has_no_instance)
		return __real_inotify_init1(flags);
	errno = EMFILE;
	return -1;
}

static const char *name_of(uint32_t i)
{
	static char names[4][16];
	static unsigned int next;
	char *name = names[next++ % ELEMENTS_OF(names)];

	snprintf(name, sizeof(names[0]), "pod-%u", i);
	return name;
}

static int read_limit(const char *path)
{
	char text[32] = {};
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	return atoi(text);
}

static void test_lost_events(void **state)
{
	int n = read_limit("/proc/sys/fs/inotify/max_queued_events") + 10;
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	pod_make(&rig, "first");
	pod_give(&rig, "first", 2);
	rig_start(&rig);
	for (int i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), ".%d", i);
		assert_int_equal(mknod(pod_path(&rig, "first", name), S_IFREG | 0600, 0), 0);
	}
	/* nobody hears of these */
	pod_remove(&rig, "first");
	pod_make(&rig, "first");
	pod_give(&rig, "first", 3);
	pod_make(&rig, "second");
	pod_give(&rig, "second", 4);
	until_start(&rig, "first", 3);
	until_start(&rig, "second", 4);
	/* but of this: the folder is another one, and watched again */
	settle(&rig);
	pod_give(&rig, "first", 5);
	until_start(&rig, "first", 5);
	assert_int_equal(n_active(&rig), 2);
	rig_drop(&rig);
}

static void test_no_watches(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	for (uint32_t i = 0; i < 10; i++) {
		pod_make(&rig, name_of(i));
		pod_give(&rig, name_of(i), 2 + i);
	}
	n_left = 4;
	rig_start(&rig);
	assert_int_equal(n_active(&rig), 10);
	assert_int_equal(rig_held(&rig).n_watches, 4);
	assert_int_equal(kubelet_set_interval(rig.kubelet, 20 * 1000), 0);
	for (uint32_t i = 0; i < 10; i++)
		pod_give(&rig, name_of(i), 22 + i);
	for (uint32_t i = 0; i < 10; i++)
		until_start(&rig, name_of(i), 22 + i);
	n_left = -1;
	assert_int_equal(kubelet_scan(rig.kubelet), 0);
	assert_int_equal(rig_held(&rig).n_watches, 11);
	rig_drop(&rig);
}

static void test_no_instance(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	has_no_instance = true;
	rig_start(&rig);
	has_no_instance = false;
	assert_int_equal(kubelet_set_interval(rig.kubelet, 20 * 1000), 0);
	pod_make(&rig, "a");
	pod_give(&rig, "a", 2);
	until_start(&rig, "a", 2);
	pod_remove(&rig, "a");
	until_start(&rig, "a", 0);
	rig_drop(&rig);
}

/* Each pod has a unit of its own, so that the end does not depend on who came first. */
static void change(const struct kubelet_rig *rig, uint64_t *seed, uint32_t i)
{
	const char *name = name_of(i);
	bool is_there = access(pod_path(rig, name, NULL), F_OK) == 0;

	if (!is_there) {
		pod_make(rig, name);
		if (chance(seed, 4) > 0)
			pod_give(rig, name, 2 + i + N_PODS * chance(seed, 3));
		return;
	}
	switch (chance(seed, 8)) {
	case 0:
		pod_write(rig, name, "");
		break;
	case 1:
		unlink(pod_path(rig, name, "userns"));
		break;
	case 2:
	case 3:
	case 4:
		pod_remove(rig, name);
		break;
	default:
		pod_give(rig, name, 2 + i + N_PODS * chance(seed, 3));
	}
}

/* The pod's range, by its file alone. */
static uint32_t file_start(const struct kubelet_rig *rig, const char *name)
{
	_cleanup_(closep) int fd = open(pod_path(rig, name, "userns"), O_RDONLY | O_CLOEXEC);
	char text[256] = {};
	unsigned int start = 0;

	if (fd < 0)
		return 0;
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	sscanf(text, "{\"uidMappings\":[{\"hostId\":%u", &start);
	return start;
}

static bool is_level(void *userdata)
{
	const struct kubelet_rig *rig = userdata;
	size_t n = 0;

	for (uint32_t i = 0; i < N_PODS; i++) {
		uint32_t start = file_start(rig, name_of(i));

		if (start != start_of(rig, name_of(i)))
			return false;
		n += start > 0;
	}
	return n == n_active(rig);
}

static void test_churn(void **state)
{
	struct kubelet_rig rig;
	uint64_t seed = chance_begin();

	(void)state;
	rig_make(&rig);
	rig_start(&rig);
	for (int i = 0; i < N_STEPS; i++) {
		change(&rig, &seed, chance(&seed, N_PODS));
		if (chance(&seed, 20) == 0)
			assert_true(sd_event_run(rig.event, 0) >= 0);
	}
	settle(&rig); /* to compare is slow */
	until(&rig, is_level, &rig);
	settle(&rig);
	assert_true(is_level(&rig));
	assert_int_equal(kubelet_findings(rig.kubelet, POOL)->n_items, 0);
	assert_int_equal(rig_held(&rig).n_watches, rig_held(&rig).n_pods + 1);
	print_message("# %zu taken over, %zu gone, %zu pods, in %zu calls\n",
		      rig_count(&rig).n_adopted, rig_count(&rig).n_vanished, rig_held(&rig).n_pods,
		      rig_count(&rig).n_calls);
	rig_drop(&rig);
}

/* Thousands of bad files make no thousands of lines, neither of findings nor in the log. */
static void test_many_findings(void **state)
{
	struct kubelet_rig rig;

	(void)state;
	rig_make(&rig);
	for (uint32_t i = 0; i < 1000; i++) {
		pod_make(&rig, name_of(i));
		pod_write(&rig, name_of(i), "x");
	}
	rig_start(&rig);
	assert_int_equal(kubelet_findings(rig.kubelet, POOL)->n_items, FINDINGS_PER_RULE + 1);
	rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_events),   cmocka_unit_test(test_no_watches),
		cmocka_unit_test(test_no_instance),   cmocka_unit_test(test_churn),
		cmocka_unit_test(test_many_findings),
	};

	return cmocka_run_group_tests_name("kubelet-load", tests, NULL, NULL);
}
