/* SPDX-License-Identifier: MIT */
#include "hook-overlay.h"

#include "hook-workshop.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/mount.h>

/* Options of a mount, as mountinfo names them and as mount(2) takes them. */
static const struct {
	const char *name;
	unsigned long flag;
} mount_flags[] = {
	{ "ro", MS_RDONLY },	     { "nosuid", MS_NOSUID },	{ "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },     { "noatime", MS_NOATIME }, { "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME },
};

static unsigned long read_flags(const char *text)
{
	unsigned long flags = 0;

	while (*text) {
		size_t length = strcspn(text, ",");

		for (size_t i = 0; i < ELEMENTS_OF(mount_flags); i++)
			if (strlen(mount_flags[i].name) == length &&
			    strncmp(mount_flags[i].name, text, length) == 0)
				flags |= mount_flags[i].flag;
		text += length + (text[length] == ',');
	}
	return flags;
}

/*
 * containers/storage mounts from within its own folder where the options would else be too long for
 * mount(2): layers are then named from there, two folders above the mount.
 */
static int make_absolute(char **path, const char *mount_path)
{
	_cleanup_(freep) char *copy = NULL;
	char *absolute;

	if (**path == '/')
		return 0;
	copy = strdup(mount_path);
	if (!copy || asprintf(&absolute, "%s/%s", dirname(dirname(copy)), *path) < 0)
		return -ENOMEM;
	free(*path);
	*path = absolute;
	return 0;
}

static int make_all_absolute(struct overlay_layers *layers, const char *mount_path)
{
	int r = 0;

	for (size_t i = 0; i < layers->n_lowers && r == 0; i++)
		r = make_absolute(&layers->lowers[i], mount_path);
	if (r == 0 && layers->upper)
		r = make_absolute(&layers->upper, mount_path);
	return r;
}

/* The host ID of the container's root. */
static int find_root(const struct subidd_mapping *mappings, size_t n, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (mappings[i].container_id == 0) {
			*ret = mappings[i].host_id;
			return 0;
		}
	return -ENOENT;
}

static int make_plan(struct overlay_plan *plan, const struct mount_entry *entry,
		     const struct hook_mappings *mappings, struct hook_failure *failure)
{
	int r;

	r = overlay_layers_parse(entry->super_options, &plan->layers);
	if (r == 0 && plan->layers.work && strcmp(plan->layers.work, WORKSHOP_WORK) == 0)
		return hook_fail(
			failure, -EBUSY,
			"%s is mounted for a range already, from an earlier start; unmount "
			"it first (podman umount)",
			plan->path);
	if (r == 0)
		r = make_all_absolute(&plan->layers, plan->path);
	if (r < 0)
		return hook_fail(failure, r, "the layers of the overlay %s cannot be told (%s): %s",
				 plan->path, entry->super_options, strerror(-r));
	if (plan->layers.upper && strpbrk(strrchr(plan->layers.upper, '/') + 1, ",:\\\""))
		return hook_fail(failure, -ENOTSUP, "the upper layer has an odd name: %s",
				 plan->layers.upper);
	if (find_root(mappings->uids, mappings->n_uids, &plan->uid) < 0 ||
	    find_root(mappings->gids, mappings->n_gids, &plan->gid) < 0)
		return hook_fail(failure, -EINVAL, "the mappings have no root inside");
	plan->flags = read_flags(entry->flags);
	return 0;
}

/* From here to the end there is no mount at PATH if something fails. */
static int swap(struct workshop *workshop, const char *path, struct hook_failure *failure)
{
	_cleanup_(closep) int tree = -1;
	int r;

	if (umount2(path, UMOUNT_NOFOLLOW) < 0)
		return hook_fail(failure, -errno, "the overlay %s is in use: %m", path);
	r = workshop_make(workshop, &tree, failure);
	if (r < 0)
		return r;
	if (move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return hook_fail(failure, -errno, "%s cannot be mounted on: %m", path);
	return 0;
}

static void plan_done(struct overlay_plan *plan)
{
	overlay_layers_done(&plan->layers);
}

int overlay_remake(const char *path, const struct mount_entry *entry, int userns,
		   const struct hook_mappings *mappings, const char *scratch,
		   struct hook_failure *failure)
{
	_cleanup_(plan_done) struct overlay_plan plan = { .path = path,
							  .scratch = scratch,
							  .userns = userns };
	_cleanup_(workshop_close) struct workshop workshop = { .pid = -1, .socket = -1 };
	int r;

	r = make_plan(&plan, entry, mappings, failure);
	if (r < 0)
		return r;
	r = workshop_open(&workshop, &plan, failure);
	return r < 0 ? r : swap(&workshop, path, failure);
}
