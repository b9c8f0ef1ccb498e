/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where an overlay of idmapped layers is made: a process of its own with a mount namespace of its
 * own, because the layers must be mounted somewhere meanwhile, and because whoever mounts an
 * overlay must have an fsuid that its layers map. What it leaves is the overlay alone.
 */

#include "hook-failure.h"
#include "hook-layers.h"

#include <sys/types.h>

/* The folder of the upper layer, and the work folder in it, as mountinfo names them afterwards. */
#define WORKSHOP_UPPER "u"
#define WORKSHOP_WORK WORKSHOP_UPPER "/" WORKSHOP_WORK_NAME
#define WORKSHOP_WORK_NAME "subidd-work" /* overlayfs wants it in the same mount */

struct overlay_plan {
	struct overlay_layers layers;
	const char *path;    /* where the overlay is mounted now */
	const char *scratch; /* an empty folder */
	unsigned long flags; /* as of mount(2) */
	int userns;
	uid_t uid; /* host IDs of the root inside */
	gid_t gid;
};

struct workshop {
	pid_t pid;
	int socket; /* what it says and is told */
};

/* Starts it and waits until it has all layers ready and knows that the kernel can. */
int workshop_open(struct workshop *workshop, const struct overlay_plan *plan,
		  struct hook_failure *failure);

/* Has it make the overlay, once the one at PATH is gone. Hands a detached mount over. */
int workshop_make(struct workshop *workshop, int *ret_fd, struct hook_failure *failure);

/* Ends it, in whatever state it is. */
void workshop_close(struct workshop *workshop);
