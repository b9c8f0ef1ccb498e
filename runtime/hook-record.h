/* SPDX-License-Identifier: MIT */
#pragma once

/* Recording the range that a container was started with. */

#include "hook-daemon.h"

/* A container that is being created. */
struct creation {
	struct hook *hook;
	uint32_t pid; /* its first process */
	struct hook_maps maps;
	struct hook_subject subject;
	struct subidd_result *own; /* what its pod has; NULL: nothing */
};

/*
 * Looks whether something of what the container maps belongs to another pod, which has it or left
 * it and still lives there. Returns 0 if not; 1 if the container has joined the user namespace of
 * that pod, and so has nothing of its own; or a negative errno with its reason.
 */
int record_check_others(const struct creation *creation);

/* Gives the run to the container's pod, bound to its process. */
int record_run(const struct creation *creation, const struct hook_run *run);

/* The same for what lies in no pool any more: that stays with the pod that has it. */
int record_outside(const struct creation *creation);
