/* SPDX-License-Identifier: MIT */
#pragma once

/* A user namespace that nobody lives in: what mount_setattr(2) takes an idmap from. */

#include "hook-rootfs.h"

/* Makes one with these mappings. Returns 0 and its descriptor, or a negative errno. */
int userns_open(const struct hook_mappings *mappings, int *ret_fd, struct hook_failure *failure);
