/* SPDX-License-Identifier: MIT */
#pragma once

/* An overlay of idmapped layers: overlayfs itself cannot be idmapped (Linux 5.19 for the layers).
 */

#include "hook-mountinfo.h"
#include "hook-rootfs.h"

/*
 * Replaces the overlay that is mounted at the absolute PATH, as ENTRY tells, by one
 * whose layers are idmapped to USERNS, which MAPPINGS describe. SCRATCH is an empty folder; nothing
 * is left in it. What is written meanwhile is lost to nobody: the old one must not be in use.
 */
int overlay_remake(const char *path, const struct mount_entry *entry, int userns,
		   const struct hook_mappings *mappings, const char *scratch,
		   struct hook_failure *failure);
