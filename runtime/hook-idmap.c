/* SPDX-License-Identifier: MIT */
#include "hook-idmap.h"

#include "hook-mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

/* Says what mount_setattr() means; FD lies in the file system that it is about. */
static int explain(int fd, const char *path, int error, struct hook_failure *failure)
{
	_cleanup_(mount_entry_done) struct mount_entry entry = { 0 };
	const char *type;
	bool is_top;

	if (error == -ENOSYS)
		return hook_fail(failure, error,
				 "this kernel has no idmapped mounts: Linux 5.12 does");
	(void)mountinfo_find(fd, &entry, &is_top);
	type = entry.type ? entry.type : "of an unknown type";
	if (error == -EINVAL)
		return hook_fail(failure, error,
				 "%s cannot be idmapped: this kernel does not know how to for its "
				 "file system (%s)",
				 path, type);
	if (error == -EPERM)
		return hook_fail(failure, error,
				 "%s may not be idmapped: it is already, or CAP_SYS_ADMIN over its "
				 "file system (%s) is missing",
				 path, type);
	return hook_fail(failure, error, "%s cannot be idmapped (%s): %s", path, type,
			 strerror(-error));
}

int idmap_clone(int fd, const char *path, bool is_deep, int userns, int *ret_fd,
		struct hook_failure *failure)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP,
					 .userns_fd = (uint64_t)userns };
	_cleanup_(closep) int tree = -1;

	tree = open_tree(fd, "",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				 (is_deep ? AT_RECURSIVE : 0));
	if (tree < 0)
		return hook_fail(failure, -errno, "%s cannot be mounted a second time: %m", path);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
		return explain(fd, path, -errno, failure);
	*ret_fd = take_fd(&tree);
	return 0;
}

int idmap_clone_path(const char *path, int userns, int *ret_fd, struct hook_failure *failure)
{
	_cleanup_(closep) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return hook_fail(failure, -errno, "%s: %m", path);
	return idmap_clone(fd, path, false, userns, ret_fd, failure);
}
