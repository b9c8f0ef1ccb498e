/* SPDX-License-Identifier: MIT */
#include "hook-stack.h"

#include "hook-idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/*
 * In the scratch folder, below a file system in memory: the lower layers by their number, the
 * folder of the upper one, an empty one, and the overlay. Names are short, as mount(2) takes one
 * page.
 */
#define EMPTY "e"
#define OVERLAY "m"
#define DATA_MAX 4096

static int attach(int tree, const char *name, struct hook_failure *failure)
{
	if (mkdir(name, 0755) < 0)
		return hook_fail(failure, -errno, "mkdir: %m");
	if (move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return hook_fail(failure, -errno, "a layer cannot be mounted: %m");
	return 0;
}

static int add_layer(const char *path, const char *name, int userns, struct hook_failure *failure)
{
	_cleanup_(closep) int tree = -1;
	int r;

	r = idmap_clone_path(path, userns, &tree, failure);
	return r < 0 ? r : attach(tree, name, failure);
}

static int add_lowers(const struct overlay_plan *plan, struct hook_failure *failure)
{
	int r = 0;

	for (size_t i = 0; i < plan->layers.n_lowers && r == 0; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "%zu", i);
		r = add_layer(plan->layers.lowers[i], name, plan->userns, failure);
	}
	return r;
}

/* The upper layer comes with the folder that it is in, where its work folder is made. */
static int add_upper(const struct overlay_plan *plan, struct hook_failure *failure)
{
	_cleanup_(freep) char *copy = NULL, *work = NULL;
	const char *folder;

	if (!plan->layers.upper)
		return 0;
	copy = strdup(plan->layers.upper);
	if (!copy)
		return hook_fail(failure, -ENOMEM, "no memory");
	folder = dirname(copy);
	if (asprintf(&work, "%s/%s", folder, WORKSHOP_WORK_NAME) < 0)
		return hook_fail(failure, -ENOMEM, "no memory");
	if (mkdir(work, 0700) < 0 && errno != EEXIST)
		return hook_fail(failure, -errno, "%s: %m", work);
	return add_layer(folder, WORKSHOP_UPPER, plan->userns, failure);
}

/* A mount namespace in which nothing that is done reaches another. */
static int enter_scratch(const struct overlay_plan *plan, struct hook_failure *failure)
{
	if (unshare(CLONE_NEWNS) < 0)
		return hook_fail(failure, -errno, "no mount namespace: %m");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", plan->scratch, "tmpfs", MS_NODEV | MS_NOSUID, "mode=755") < 0 ||
	    chdir(plan->scratch) < 0 || mkdir(EMPTY, 0755) < 0 || mkdir(OVERLAY, 0755) < 0)
		return hook_fail(failure, -errno, "%s cannot be mounted on: %m", plan->scratch);
	return 0;
}

/*
 * An overlay works with the rights of the one who mounted it. Files that it copies up belong to its
 * fsuid at first, so that must be an ID that the layers map; the capabilities that leave with the
 * fsuid 0 are taken back.
 */
static int become_range_root(const struct overlay_plan *plan)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	(void)setfsgid(plan->gid);
	(void)setfsuid(plan->uid);
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0; /* cleared with the fsuid */
}

static int list_lowers(const struct overlay_plan *plan, const char *first, char *text, size_t size)
{
	int used = snprintf(text, size, "lowerdir=%s", first);

	for (size_t i = 0; i < plan->layers.n_lowers && used >= 0 && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, "%s%zu",
				 i > 0 || *first ? ":" : "", i);
	return used;
}

/*
 * The kernel's answer, tried without the upper layer: the old overlay has that one still. Two lower
 * layers are the least that it takes then.
 */
static int try_lowers(const struct overlay_plan *plan, struct hook_failure *failure)
{
	char data[DATA_MAX];

	if (list_lowers(plan, EMPTY, data, sizeof(data)) >= (int)sizeof(data))
		return hook_fail(failure, -E2BIG, "%s has too many layers: %zu", plan->path,
				 plan->layers.n_lowers);
	if (mount("overlay", OVERLAY, "overlay", MS_RDONLY, data) < 0)
		return hook_fail(failure, -errno,
				 "this kernel takes no idmapped layers for an overlay, which %s is "
				 "(%m): Linux 5.19 does",
				 plan->path);
	if (umount2(OVERLAY, 0) < 0)
		return hook_fail(failure, -errno, "umount: %m");
	return 0;
}

int stack_prepare(const struct overlay_plan *plan, struct hook_failure *failure)
{
	int r;

	r = enter_scratch(plan, failure);
	if (r == 0)
		r = add_lowers(plan, failure);
	if (r == 0)
		r = add_upper(plan, failure);
	if (r < 0)
		return r;
	r = become_range_root(plan);
	if (r < 0)
		return hook_fail(failure, r, "capset: %s", strerror(-r));
	return try_lowers(plan, failure);
}

/* The options of the new overlay. Returns 0 or -E2BIG. */
static int write_options(const struct overlay_plan *plan, char *text, size_t size)
{
	const struct overlay_layers *layers = &plan->layers;
	int used = list_lowers(plan, "", text, size), more = 0;

	if (used < 0 || (size_t)used >= size)
		return -E2BIG;
	if (layers->upper)
		more = snprintf(text + used, size - (size_t)used,
				",upperdir=" WORKSHOP_UPPER "/%s,workdir=" WORKSHOP_WORK,
				strrchr(layers->upper, '/') + 1);
	used += more;
	if (more < 0 || (size_t)used >= size)
		return -E2BIG;
	if (*layers->rest)
		used += snprintf(text + used, size - (size_t)used, ",%s", layers->rest);
	return (size_t)used < size ? 0 : -E2BIG;
}

int stack_mount(const struct overlay_plan *plan, int *ret_fd, struct hook_failure *failure)
{
	char data[DATA_MAX];
	int fd, r;

	/* this namespace has a copy of it, which holds its upper layer */
	if (umount2(plan->path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return hook_fail(failure, -errno, "%s cannot be unmounted: %m", plan->path);
	r = write_options(plan, data, sizeof(data));
	if (r < 0)
		return hook_fail(failure, r, "the options of %s are too long", plan->path);
	if (mount("overlay", OVERLAY, "overlay", plan->flags, data) < 0)
		return hook_fail(
			failure, -errno,
			"an overlay of the idmapped layers of %s cannot be mounted (%s): %m",
			plan->path, data);
	fd = open_tree(AT_FDCWD, OVERLAY, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return hook_fail(failure, -errno, "open_tree: %m");
	*ret_fd = fd;
	return 0;
}
