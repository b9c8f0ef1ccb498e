/* SPDX-License-Identifier: MIT */
#pragma once

/* A folder with what a container may have as its root filesystem, and the place of the hook. */

#include "hook-rootfs.h"
#include "testing.h"

#define ID "c0ffee"
#define POD "pod-1"

struct world {
	struct folder folder;
	struct hook_mappings mappings; /* one unit of this process's own */
	struct hook_failure failure;
	char *target; /* what rootfs_mount() gave */
};

int world_set_up(void **state);
int world_tear_down(void **state);

/* The path of NAME in the folder, as folder_path(). */
const char *world_path(struct world *world, const char *name);

/* Make a folder, or a file, that everybody may read. */
void world_make(struct world *world, const char *name);
void world_put(struct world *world, const char *name);

/*
 * Makes a storage in "s" as containers/storage has it, with an overlay mounted: two lower layers,
 * one upper. OPTIONS are those of mount(2).
 */
#define RELATIVE "lowerdir=A/diff:B/diff,upperdir=I/diff,workdir=I/work"
void world_mount_overlay(struct world *world, const char *options);

/* Has the hook mount NAME; the second skips the test where the kernel cannot, and fails else. */
int world_try(struct world *world, const char *name);
void world_mount(struct world *world, const char *name);
