/* SPDX-License-Identifier: MIT */
#pragma once

/* Idmapped mounts: mount_setattr(2), MOUNT_ATTR_IDMAP. */

#include "hook-failure.h"

#include <stdbool.h>

/*
 * Makes an idmapped mount of the folder that is open as FD, with all that is mounted below it where
 * IS_DEEP. It is attached nowhere yet and goes with its descriptor. PATH names the folder to
 * people.
 */
int idmap_clone(int fd, const char *path, bool is_deep, int userns, int *ret_fd,
		struct hook_failure *failure);

/* The same for a folder by its path. */
int idmap_clone_path(const char *path, int userns, int *ret_fd, struct hook_failure *failure);
