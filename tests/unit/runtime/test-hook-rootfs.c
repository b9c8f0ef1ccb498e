/* SPDX-License-Identifier: MIT */
#include "namespaces.h"
#include "rootfs-rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

static void assert_owner(const char *path, uint32_t uid, uint32_t gid)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	assert_int_equal(status.st_uid, uid);
	assert_int_equal(status.st_gid, gid);
}

/* What the container does, as its root: reads, writes, changes, removes, gives away. */
static void live(void *userdata)
{
	const char *root = userdata;
	bool ok = chdir(root) == 0 && access("below", R_OK) == 0 && mkdir("new", 0755) == 0 &&
		  chown("new", 5, 6) == 0 && truncate("etc/above", 2) == 0 &&
		  rename("etc/above", "etc/moved") == 0 && unlink("below") == 0;

	if (!ok) {
		print_message("# inside: %s\n", strerror(errno));
		_exit(1);
	}
}

static void live_in(struct world *world)
{
	char map[64];

	(void)snprintf(map, sizeof(map), "0 %u 65536\n", world->mappings.uids[0].host_id);
	namespaces_kill(namespaces_fork(map, map, live, world->target));
}

static void test_folder(void **state)
{
	struct stat status;
	struct world *world = *state;
	uint32_t root = world->mappings.uids[0].host_id;

	namespaces_need();
	world_make(world, "bundle");
	world_make(world, "bundle/etc");
	world_put(world, "bundle/etc/above");
	world_put(world, "bundle/below");
	(void)umask(077); /* whoever starts the container may have one */
	world_mount(world, "bundle");
	(void)umask(022);
	assert_int_equal(stat(world_path(world, "run"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0711);
	assert_owner(world_path(world, "run/" ID "/rootfs/below"), root, root);
	live_in(world);
	/* on the disk stand the IDs that the container sees */
	assert_owner(world_path(world, "bundle/etc/moved"), 0, 0);
	assert_owner(world_path(world, "bundle/new"), 5, 6);
	assert_int_equal(access(world_path(world, "bundle/below"), F_OK), -1);
	assert_int_equal(rootfs_unmount(world_path(world, "run"), ID), 0);
	assert_int_equal(access(world_path(world, "run/" ID), F_OK), -1);
	assert_int_equal(rootfs_unmount(world_path(world, "run"), ID), 0);
}

/* Where mounts are shared, as systemd has it, what was mounted there stays when we unmount. */
static void test_shared(void **state)
{
	struct world *world = *state;
	const char *top = world->folder.path;

	namespaces_need();
	world_make(world, "bundle");
	world_make(world, "bundle/data");
	assert_int_equal(mount(top, top, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, top, NULL, MS_SHARED, NULL), 0);
	assert_int_equal(mount("tmpfs", world_path(world, "bundle/data"), "tmpfs", 0, NULL), 0);
	world_put(world, "bundle/data/file");
	world_mount(world, "bundle");
	assert_int_equal(access(world_path(world, "run/" ID "/rootfs/data/file"), F_OK), 0);
	assert_int_equal(rootfs_unmount(world_path(world, "run"), ID), 0);
	assert_int_equal(access(world_path(world, "bundle/data/file"), F_OK), 0);
	assert_int_equal(umount2(world_path(world, "bundle/data"), 0), 0);
	assert_int_equal(umount2(top, 0), 0);
}

static void check_overlay(struct world *world)
{
	uint32_t root = world->mappings.uids[0].host_id;
	int n;

	world_mount(world, "s/overlay/I/merged");
	assert_owner(world_path(world, "run/" ID "/rootfs/below"), root, root);
	live_in(world);
	/* the same at the old place, and with the container's IDs on the disk */
	assert_owner(world_path(world, "s/overlay/I/merged/new"), root + 5, root + 6);
	assert_owner(world_path(world, "s/overlay/I/diff/new"), 5, 6);
	assert_owner(world_path(world, "s/overlay/I/diff/etc/moved"), 0, 0);
	assert_int_equal(rootfs_unmount(world_path(world, "run"), ID), 0);
	for (n = 0; umount2(world_path(world, "s/overlay/I/merged"), 0) == 0; n++)
		;
	assert_int_equal(n, 1);
}

static void test_overlay(void **state)
{
	struct world *world = *state;

	namespaces_need();
	world_mount_overlay(world, RELATIVE);
	check_overlay(world);
}

/* containers/storage does so for containers that are removed at their end. */
static void test_volatile(void **state)
{
	struct world *world = *state;

	namespaces_need();
	world_mount_overlay(world, RELATIVE ",volatile");
	check_overlay(world);
}

/* The next range of the pod finds everything as its own. */
static void test_other_range(void **state)
{
	struct world *world = *state;
	uint32_t other = world->mappings.uids[0].host_id + 65536;

	namespaces_need();
	world_mount_overlay(world, RELATIVE);
	world_mount(world, "s/overlay/I/merged");
	live_in(world);
	free(take_ptr(world->target));
	world->mappings.uids[0].host_id = world->mappings.gids[0].host_id = other;
	/* podman mounts it again before each start */
	assert_int_equal(rootfs_unmount(world_path(world, "run"), ID), 0);
	assert_int_equal(umount2(world_path(world, "s/overlay/I/merged"), 0), 0);
	assert_int_equal(chdir(world_path(world, "s/overlay")), 0);
	assert_int_equal(mount("overlay", "I/merged", "overlay", 0, RELATIVE), 0);
	assert_int_equal(chdir("/"), 0);
	world_mount(world, "s/overlay/I/merged");
	assert_owner(world_path(world, "run/" ID "/rootfs/new"), other + 5, other + 6);
	assert_owner(world_path(world, "run/" ID "/rootfs/etc/moved"), other, other);
}

/* An ID of the host in the middle: keep-id. */
static void test_hole(void **state)
{
	struct world *world = *state;
	uint32_t root = world->mappings.uids[0].host_id;

	namespaces_need();
	world_make(world, "bundle");
	world_put(world, "bundle/mine");
	world_put(world, "bundle/next");
	assert_int_equal(chown(world_path(world, "bundle/mine"), 1000, 0), 0);
	assert_int_equal(chown(world_path(world, "bundle/next"), 1001, 0), 0);
	world->mappings.n_uids = 3;
	world->mappings.uids[0].size = 1000;
	world->mappings.uids[1] = (struct subidd_mapping){ 1000, 1000, 1 };
	world->mappings.uids[2] = (struct subidd_mapping){ 1001, root + 1001, 64535 };
	world_mount(world, "bundle");
	assert_owner(world_path(world, "run/" ID "/rootfs/mine"), 1000, root);
	assert_owner(world_path(world, "run/" ID "/rootfs/next"), root + 1001, root);
}

static void assert_refused(struct world *world, const char *name, int error, const char *text)
{
	assert_int_equal(world_try(world, name), error);
	print_message("# %s\n", world->failure.text);
	assert_non_null(strstr(world->failure.text, text));
	assert_null(world->target);
	assert_int_equal(access(world_path(world, "run/" ID), F_OK), -1);
}

static void test_refused(void **state)
{
	struct world *world = *state;

	namespaces_need();
	assert_refused(world, "nowhere", -ENOENT, "nowhere");
	world_put(world, "file");
	assert_refused(world, "file", -ENOTDIR, "file");
	world_make(world, "proc");
	assert_int_equal(mount("proc", world_path(world, "proc"), "proc", 0, NULL), 0);
	assert_refused(world, "proc", -EINVAL, "(proc)");
	assert_int_equal(umount2(world_path(world, "proc"), 0), 0);
	world_make(world, "bundle");
	world->mappings.uids[0].size = 0;
	assert_refused(world, "bundle", -EINVAL, "user namespace");
}

static void test_overlay_refused(void **state)
{
	struct world *world = *state;
	int fd;

	namespaces_need();
	world_mount_overlay(world, RELATIVE);
	/* no overlay can be idmapped itself, and this is not its top */
	assert_refused(world, "s/overlay/I/merged/etc", -EINVAL, "(overlay)");
	fd = open(world_path(world, "s/overlay/I/merged/etc/above"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_refused(world, "s/overlay/I/merged", -EBUSY, "in use");
	close(fd);
	assert_int_equal(access(world_path(world, "s/overlay/I/merged/etc"), F_OK), 0);
	/* a layer that is gone: the mount that was there stays */
	assert_int_equal(
		rename(world_path(world, "s/overlay/B/diff"), world_path(world, "s/overlay/B/x")),
		0);
	assert_refused(world, "s/overlay/I/merged", -ENOENT, "B/diff");
	assert_int_equal(access(world_path(world, "s/overlay/I/merged/etc"), F_OK), 0);
}

/* podman umount was not called, or the storage is in use by somebody else. */
static void test_mounted_before(void **state)
{
	struct world *world = *state;

	namespaces_need();
	world_mount_overlay(world, RELATIVE);
	world_mount(world, "s/overlay/I/merged");
	free(take_ptr(world->target));
	assert_refused(world, "s/overlay/I/merged", -EBUSY, "from an earlier start");
	assert_int_equal(access(world_path(world, "s/overlay/I/merged/below"), F_OK), 0);
}

static void test_ids(void **state)
{
	struct world *world = *state;
	static const char *const ids[] = { "", ".", "..", ".x", "a/b", "/" };

	world_make(world, "bundle");
	for (size_t i = 0; i < ELEMENTS_OF(ids); i++) {
		world->failure = (struct hook_failure){ 0 };
		assert_int_equal(rootfs_mount(world_path(world, "run"), ids[i], POD,
					      world_path(world, "bundle"), &world->mappings,
					      &world->target, &world->failure),
				 -EINVAL);
		assert_int_equal(rootfs_unmount(world_path(world, "run"), ids[i]), 0);
	}
}

static bool is_first(const char *pod, void *userdata)
{
	(void)userdata;
	return strcmp(pod, POD) == 0;
}

static bool is_none(const char *pod, void *userdata)
{
	(void)pod;
	(void)userdata;
	return false;
}

static void test_sweep(void **state)
{
	struct timespec old[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = time(NULL) - 3600 } };
	struct world *world = *state;

	namespaces_need();
	rootfs_sweep(world_path(world, "run"), is_none, NULL);
	world_make(world, "bundle");
	world_mount(world, "bundle");
	world_make(world, "run/.new-abcdef");
	world_make(world, "run/.new-killed"); /* its hook was */
	assert_int_equal(utimensat(AT_FDCWD, world_path(world, "run/.new-killed"), old, 0), 0);
	world_make(world, "run/stranger");
	rootfs_sweep(world_path(world, "run"), is_first, NULL);
	assert_int_equal(access(world_path(world, "run/" ID "/rootfs"), F_OK), 0);
	rootfs_sweep(world_path(world, "run"), is_none, NULL);
	assert_int_equal(access(world_path(world, "run/" ID), F_OK), -1);
	assert_int_equal(access(world_path(world, "run/stranger"), F_OK), 0);
	assert_int_equal(access(world_path(world, "run/.new-abcdef"), F_OK), 0);
	assert_int_equal(access(world_path(world, "run/.new-killed"), F_OK), -1);
}

/* Mounts of its own, so that what a failed test leaves goes with it. */
static int enter(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		return 0;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

#define rootfs_test(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rootfs_test(test_folder),	  rootfs_test(test_shared),
		rootfs_test(test_overlay),	  rootfs_test(test_volatile),
		rootfs_test(test_other_range),	  rootfs_test(test_hole),
		rootfs_test(test_refused),	  rootfs_test(test_overlay_refused),
		rootfs_test(test_mounted_before), rootfs_test(test_ids),
		rootfs_test(test_sweep),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
