/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The annotation that asks for a user namespace: CRI-O's io.kubernetes.cri-o.userns-mode (and
 * userns-mode.crio.io, as newer versions call it), or io.subidd.userns, which comes first. The
 * grammar is CRI-O's:
 *
 *   auto[:KEY=VALUE[;KEY=VALUE...]]
 *
 * with size=N (65536 unless given), keep-id=true or false, map-to-root=true or false, and, which
 * CRI-O does not have, pool=NAME. What would give host IDs by hand is refused: subidd chooses.
 *
 * Pure: no I/O.
 */

#include "core/pool.h"
#include "hook-failure.h"

#include <stdbool.h>
#include <stdint.h>

#define MODE_ANNOTATION "io.subidd.userns"
#define MODE_SIZE_DEFAULT 65536

struct json_object;

struct hook_mode {
	uint32_t size;	  /* number of IDs in the container, not 0 */
	bool keep_id;	  /* the process's own user and groups are the same IDs on the host */
	bool map_to_root; /* the process's user and group are those of root in the container */
	char pool[POOL_NAME_MAX + 1]; /* empty: the only one */
};

/* Returns 0; -EINVAL with its reason. */
int mode_parse(const char *text, struct hook_mode *ret, struct hook_failure *failure);

/* The same for the annotation, if there is one: returns 1; 0 if there is none; -EINVAL. */
int mode_find(const struct json_object *annotations, struct hook_mode *ret,
	      struct hook_failure *failure);
