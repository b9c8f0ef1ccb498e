/* SPDX-License-Identifier: MIT */
#include "rootfs-rig.h"

#include "namespaces.h"

#include <sys/mount.h>
#include <sys/stat.h>

const char *world_path(struct world *world, const char *name)
{
	return folder_path(&world->folder, name);
}

void world_make(struct world *world, const char *name)
{
	assert_int_equal(mkdir(world_path(world, name), 0755), 0);
}

void world_put(struct world *world, const char *name)
{
	file_write(world_path(world, name), "text\n", 5);
	assert_int_equal(chmod(world_path(world, name), 0644), 0);
}

int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct id_range range = namespaces_range();

	assert_non_null(world);
	folder_make(&world->folder);
	assert_int_equal(chmod(world->folder.path, 0711), 0);
	world->mappings = (struct hook_mappings){
		.uids = { { 0, range.start, 65536 } },
		.gids = { { 0, range.start, 65536 } },
		.n_uids = 1,
		.n_gids = 1,
	};
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;

	(void)rootfs_unmount(world_path(world, "run"), ID);
	(void)umount2(world_path(world, "s/overlay/I/merged"), MNT_DETACH);
	folder_remove(&world->folder);
	free(world->target);
	free(world);
	return 0;
}

void world_mount_overlay(struct world *world, const char *options)
{
	static const char *const folders[] = { "s",
					       "s/overlay",
					       "s/overlay/A",
					       "s/overlay/A/diff",
					       "s/overlay/B",
					       "s/overlay/B/diff",
					       "s/overlay/I",
					       "s/overlay/I/diff",
					       "s/overlay/I/work",
					       "s/overlay/I/merged" };

	for (size_t i = 0; i < ELEMENTS_OF(folders); i++)
		world_make(world, folders[i]);
	world_make(world, "s/overlay/A/diff/etc");
	world_put(world, "s/overlay/A/diff/etc/above");
	world_put(world, "s/overlay/B/diff/below");
	/* what others may not enter: the range is another */
	assert_int_equal(chmod(world_path(world, "s"), 0700), 0);
	assert_int_equal(chdir(world_path(world, "s/overlay")), 0);
	assert_int_equal(mount("overlay", "I/merged", "overlay", MS_NODEV, options), 0);
	assert_int_equal(chdir("/"), 0);
}

int world_try(struct world *world, const char *name)
{
	world->failure = (struct hook_failure){ 0 };
	return rootfs_mount(world_path(world, "run"), ID, POD, world_path(world, name),
			    &world->mappings, &world->target, &world->failure);
}

void world_mount(struct world *world, const char *name)
{
	if (world_try(world, name) < 0) {
		print_message("# %s\n", world->failure.text);
		if (strstr(world->failure.text, "this kernel"))
			skip();
		fail();
	}
	assert_string_equal(world->target, world_path(world, "run/" ID "/rootfs"));
}
