/* SPDX-License-Identifier: MIT */
#pragma once

/* From a range to what a user namespace maps. Pure: no I/O. */

#include "hook-mode.h"
#include "hook-rootfs.h"

#define HOOK_GROUPS_MAX ((HOOK_EXTENTS_MAX - 1) / 2 - 1) /* that can be kept */

/* The user that the container's first process begins as, as the container sees it. */
struct hook_user {
	uint32_t uid, gid;
	const uint32_t *groups; /* additional ones */
	size_t n_groups;
};

/*
 * The IDs of the container, from 0 to below the mode's size, are those of the range from START on;
 * with keep-id the user's are mapped to themselves instead, and with map-to-root 0 is the user.
 * Host IDs of the range whose place in the container another one takes are in no mapping.
 *
 * Returns 0; -EINVAL with its reason: host ID 0 would be mapped, or the process would have IDs that
 * are not.
 */
int mappings_make(const struct hook_mode *mode, uint32_t start, const struct hook_user *user,
		  struct hook_mappings *ret, struct hook_failure *failure);

/* The host ID of a container's ID. Returns whether it is mapped. */
bool mappings_find(const struct subidd_mapping *mappings, size_t n, uint32_t id, uint32_t *ret);
