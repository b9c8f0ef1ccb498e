/* SPDX-License-Identifier: MIT */
#pragma once

/* The state of a container, as runtimes hand it to hooks (OCI runtime specification, "State"). */

#include "hook-failure.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Can it be the name of a container, and of a folder? */
bool hook_id_valid(const char *id);

struct hook_state {
	struct json_object *json; /* of which all else is a part */
	const char *id;
	const char *bundle;		       /* may be NULL */
	const struct json_object *annotations; /* may be NULL */
	uint32_t pid;			       /* of its first process; 0: there is none */
};

/* Reads it. Returns a negative errno with its reason. */
int hook_state_read(int fd, struct hook_state *ret, struct hook_failure *failure);

/* The same of an object, which it takes over, also on failure. */
int hook_state_take(struct json_object *json, struct hook_state *ret, struct hook_failure *failure);

/* Frees what belongs to it; all zero is empty. */
void hook_state_done(struct hook_state *state);
