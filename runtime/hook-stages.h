/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the hook does at each stage of a container. All read standard input, and return 0 or a
 * negative errno with its reason in the hook's failure; then what they allocated or mounted is
 * gone.
 */

#include "hook-daemon.h"

/*
 * Standard input is a configuration that asks for a user namespace by its annotation: allocates a
 * range for its pod and prints the configuration with it.
 */
int stage_precreate(struct hook *hook);

/*
 * Standard input is the state of a container whose first process has its user namespace, and runs
 * nothing yet: records the range that it maps for its pod, or refuses it.
 */
int stage_create_runtime(struct hook *hook);

/* Standard input is the state of a container that is gone: gives the range of its pod back. */
int stage_poststop(struct hook *hook);
