/* SPDX-License-Identifier: MIT */
#include "hook-rootfs.h"

#include "hook-idmap.h"
#include "hook-overlay.h"
#include "hook-userns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

/* Names in a place. A place that is being made begins with a dot. */
#define ROOTFS "rootfs"
#define POD "pod"
#define UNFINISHED ".new-"
#define UNFINISHED_SEC 60 /* far more than it takes to fill one */
#define POD_MAX 128

static void closedirp(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* Is ID a name that stays in its folder? */
static bool id_is_safe(const char *id)
{
	return *id && *id != '.' && !strchr(id, '/') && strlen(id) <= NAME_MAX;
}

static int make_folder(const char *path)
{
	if (mkdir(path, 0711) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, 0711) < 0 ? -errno : 0; /* there may be a umask */
}

/* Removes a place by its folder, with what is mounted there. */
static int remove_place(int run_dir, const char *id)
{
	_cleanup_(closep) int place = -1;
	char path[64];

	place = openat(run_dir, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return errno == ENOENT ? 0 : -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/" ROOTFS, place);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	if (unlinkat(place, ROOTFS, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	if (unlinkat(place, POD, 0) < 0 && errno != ENOENT)
		return -errno;
	return unlinkat(run_dir, id, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int rootfs_unmount(const char *run_dir, const char *id)
{
	_cleanup_(closep) int fd = -1;

	if (!id_is_safe(id))
		return 0;
	fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return remove_place(fd, id);
}

static int write_pod(int place, const char *pod)
{
	_cleanup_(closep) int fd = -1;

	fd = openat(place, POD, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, pod, strlen(pod)) == (ssize_t)strlen(pod) ? 0 : -EIO;
}

/* Fills a new place; it is not known by its name yet, so that no sweep finds it half made. */
static int fill_place(const char *path, const char *pod)
{
	_cleanup_(closep) int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (place < 0 || mkdirat(place, ROOTFS, 0755) < 0)
		return -errno;
	r = write_pod(place, pod);
	if (r == 0 && chmod(path, 0711) < 0)
		r = -errno;
	return r;
}

static int make_place(const char *run_dir, const char *id, const char *pod)
{
	_cleanup_(freep) char *new = NULL, *path = NULL;
	int r;

	r = make_folder(run_dir);
	if (r < 0)
		return r;
	if (asprintf(&new, "%s/" UNFINISHED "XXXXXX", run_dir) < 0 ||
	    asprintf(&path, "%s/%s", run_dir, id) < 0)
		return -ENOMEM;
	if (!mkdtemp(new))
		return -errno;
	r = fill_place(new, pod);
	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	if (r < 0)
		(void)remove_place(AT_FDCWD, new);
	return r;
}

/* Where it was cloned mounts may be shared, and then to unmount it would unmount what is there. */
static int attach(int tree, const char *target, struct hook_failure *failure)
{
	struct mount_attr private = { .propagation = MS_PRIVATE };

	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &private, sizeof(private)) < 0)
		return hook_fail(failure, -errno, "the mount for %s cannot be made private: %m",
				 target);
	if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return hook_fail(failure, -errno, "%s cannot be mounted on: %m", target);
	return 0;
}

/* The overlay at PATH is made anew, and shown at TARGET as well. */
static int mount_overlay(const char *path, const struct mount_entry *entry, int userns,
			 const struct hook_mappings *mappings, const char *target,
			 struct hook_failure *failure)
{
	_cleanup_(closep) int tree = -1;
	int r;

	r = overlay_remake(path, entry, userns, mappings, target, failure);
	if (r < 0)
		return r;
	tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return hook_fail(failure, -errno, "%s cannot be mounted a second time: %m", path);
	return attach(tree, target, failure);
}

static int mount_folder(int root, const char *path, int userns, const char *target,
			struct hook_failure *failure)
{
	_cleanup_(closep) int tree = -1;
	int r;

	r = idmap_clone(root, path, true, userns, &tree, failure);
	return r < 0 ? r : attach(tree, target, failure);
}

static int mount_at(const char *path, const struct hook_mappings *mappings, const char *target,
		    struct hook_failure *failure)
{
	_cleanup_(mount_entry_done) struct mount_entry entry = { 0 };
	_cleanup_(closep) int root = -1, userns = -1;
	_cleanup_(freep) char *absolute = realpath(path, NULL);
	bool is_top;
	int r;

	if (!absolute)
		return hook_fail(failure, -errno, "the root filesystem %s: %m", path);
	root = open(absolute, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return hook_fail(failure, -errno, "the root filesystem %s: %m", path);
	r = mountinfo_find(root, &entry, &is_top);
	if (r < 0)
		return hook_fail(failure, r, "the mount of %s cannot be told: %s", path,
				 strerror(-r));
	r = userns_open(mappings, &userns, failure);
	if (r < 0)
		return r;
	if (!is_top || strcmp(entry.type, "overlay") != 0)
		return mount_folder(root, path, userns, target, failure);
	closep(&root);
	root = -1; /* it would keep the overlay busy */
	return mount_overlay(absolute, &entry, userns, mappings, target, failure);
}

int rootfs_mount(const char *run_dir, const char *id, const char *pod, const char *path,
		 const struct hook_mappings *mappings, char **ret, struct hook_failure *failure)
{
	_cleanup_(freep) char *target = NULL;
	int r;

	if (!id_is_safe(id))
		return hook_fail(failure, -EINVAL, "%s is no container's ID", id);
	if (asprintf(&target, "%s/%s/" ROOTFS, run_dir, id) < 0)
		return hook_fail(failure, -ENOMEM, "no memory");
	r = rootfs_unmount(run_dir, id);
	if (r == 0)
		r = make_place(run_dir, id, pod);
	if (r < 0)
		return hook_fail(failure, r, "%s/%s cannot be made: %s", run_dir, id, strerror(-r));
	r = mount_at(path, mappings, target, failure);
	if (r < 0) {
		(void)rootfs_unmount(run_dir, id);
		return r;
	}
	*ret = take_ptr(target);
	return 0;
}

/* Reads which pod a place is for. */
static int read_pod(int run_dir, const char *id, char pod[static POD_MAX + 1])
{
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) char *path = NULL;
	ssize_t n;

	if (asprintf(&path, "%s/" POD, id) < 0)
		return -ENOMEM;
	fd = openat(run_dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, pod, POD_MAX);
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	pod[n] = '\0';
	return 0;
}

/* Was it begun by a hook that was killed? */
static bool is_abandoned(int run_dir, const char *name)
{
	struct stat status;

	return strncmp(name, UNFINISHED, strlen(UNFINISHED)) == 0 &&
	       fstatat(run_dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       status.st_mtim.tv_sec < time(NULL) - UNFINISHED_SEC;
}

void rootfs_sweep(const char *run_dir, bool (*is_alive)(const char *pod, void *userdata),
		  void *userdata)
{
	_cleanup_(closedirp) DIR *folder = opendir(run_dir);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		const char *name = entry->d_name;
		char pod[POD_MAX + 1];
		bool is_over;

		if (*name == '.')
			is_over = is_abandoned(dirfd(folder), name);
		else
			is_over = read_pod(dirfd(folder), name, pod) == 0 &&
				  !is_alive(pod, userdata);
		if (is_over)
			(void)remove_place(dirfd(folder), name);
	}
}
