/* SPDX-License-Identifier: MIT */
#pragma once

/* A root folder of a test's own, with the files of a node in it. A failure ends the test. */

#include "node/node.h"

#include <stddef.h>
#include <sys/types.h>

struct scratch {
	char root[64];
};

/* Makes the folder, with etc, usr/bin and var/lib/kubelet in it. */
void scratch_make(struct scratch *scratch);

/* Writes a file; PATH begins with a slash and is taken under the root. */
void scratch_write(const struct scratch *scratch, const char *path, const char *text);
void scratch_write_bytes(const struct scratch *scratch, const char *path, const char *text,
			 size_t size, mode_t mode);

/* The path under the root, in a buffer that the next call overwrites. */
const char *scratch_path(const struct scratch *scratch, const char *path);

/* Reads the configuration and the node under the root; the configuration must be good. */
void scratch_load(const struct scratch *scratch, struct node_state *ret);

/* Makes the folder with some accounts in it: root, kubelet (998) and crio (997). */
void scratch_make_node(struct scratch *scratch);

/* Loads with these settings and entries; SUBGID of NULL is the same as SUBUID. */
struct node_state scratch_load_node(const struct scratch *scratch, const char *settings,
				    const char *subuid, const char *subgid);

/* Puts a shell script, run in the root, in the place of getsubids(1). */
#define SCRATCH_GETSUBIDS "/usr/bin/getsubids"
void scratch_write_getsubids(const struct scratch *scratch, const char *body);

/* The finding of that rule in the pool, NULL if there is none. */
const struct finding *finding_of(const struct pool *pool, enum finding_rule rule);

/* Removes the folder and all in it. */
void scratch_remove(const struct scratch *scratch);
