/* SPDX-License-Identifier: MIT */
#pragma once

/* What is done in the process of hook-workshop.h; each leaves things that end with the process. */

#include "hook-workshop.h"

/* Mounts the layers, idmapped, and tries whether the kernel takes them for an overlay. */
int stack_prepare(const struct overlay_plan *plan, struct hook_failure *failure);

/* Mounts the overlay and hands over a detached copy of that mount. */
int stack_mount(const struct overlay_plan *plan, int *ret_fd, struct hook_failure *failure);
