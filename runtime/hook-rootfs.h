/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A root filesystem that belongs to host root, made usable by a range: mounted once more through
 * idmapped mounts, at a place that the range can reach. On the disk the files keep the IDs that the
 * container sees, so the next range of the pod finds them as its own.
 *
 * An overlay cannot be idmapped itself: it is mounted anew from idmapped layers, in place of the
 * one that was there as well, because two overlays must not share an upper folder.
 *
 * The place is RUN_DIR/ID/rootfs, and RUN_DIR/ID/pod names the pod. Whatever fails leaves neither.
 */

#include "hook-failure.h"
#include "subidd.h"

#include <stdbool.h>
#include <stddef.h>

#define HOOK_EXTENTS_MAX 64 /* fewer than the kernel takes */

/* What a user namespace maps. */
struct hook_mappings {
	struct subidd_mapping uids[HOOK_EXTENTS_MAX], gids[HOOK_EXTENTS_MAX];
	size_t n_uids, n_gids;
};

/*
 * Mounts the root filesystem PATH of the container ID, which is POD's, and hands the path of the
 * mount over. Needs CAP_SYS_ADMIN, and Linux 5.19 for an overlay. A place that is there already is
 * removed first. Returns a negative errno with its reason.
 */
int rootfs_mount(const char *run_dir, const char *id, const char *pod, const char *path,
		 const struct hook_mappings *mappings, char **ret, struct hook_failure *failure);

/* Unmounts it and removes the place; 0 where there is none. Returns a negative errno. */
int rootfs_unmount(const char *run_dir, const char *id);

/*
 * Removes the places of all pods that are not alive any more: of containers whose creation failed,
 * for which no runtime calls poststop; and what hooks that were killed had begun. What cannot be
 * removed stays for the next time.
 */
void rootfs_sweep(const char *run_dir, bool (*is_alive)(const char *pod, void *userdata),
		  void *userdata);
