/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a result is made of and goes with it: the daemon's reply, which owns the strings, and blocks
 * of memory. All zero is an empty one.
 */

#include "json.h"

#include <stddef.h>

struct arena {
	struct json_object *root;
	struct arena_block *blocks;
};

/* N zeroed elements of SIZE bytes, the arena's own; NULL if there is no memory. */
void *arena_alloc(struct arena *arena, size_t n, size_t size);

/* Frees what it holds and leaves it empty. */
void arena_done(struct arena *arena);
