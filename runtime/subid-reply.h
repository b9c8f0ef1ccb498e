/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the module takes out of the daemon's replies. It is read from the text itself, because
 * json-c asks the environment and would be one more library in programs that are set-user-ID. The
 * text is scanned strictly before; what is not looked for is skipped.
 */

#include "core/pool.h"
#include "core/range.h"

#include <stdbool.h>
#include <stddef.h>

#define REPLY_POOLS_MAX 64
#define REPLY_DEPTH_MAX 32

struct reply_pool {
	char owner[POOL_OWNER_MAX + 1];
	bool valid;
	struct id_range range; /* only if it is valid */
};

struct reply_pools {
	struct reply_pool items[REPLY_POOLS_MAX];
	size_t n_items;
};

/* Reads a reply to GetStatus. Returns 0; -EPROTO if it is an error or none that this knows. */
int reply_read_pools(const char *text, size_t length, struct reply_pools *ret);

/*
 * Reads a reply to Get for POD. Returns 1 and sets *ret if that is an active allocation; 0 if there
 * is none; -EPROTO if it is another error, or none that this knows.
 */
int reply_read_pod(const char *text, size_t length, const char *pod, struct id_range *ret);
