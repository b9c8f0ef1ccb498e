/* SPDX-License-Identifier: MIT */
#pragma once

/* The rows of a store, and what must be true of them under two pools. */

#include "allocator.h"

/* No two overlap, each has what its state needs, and what the allocator counts is what is there. */
void rows_check(struct allocator *allocator, struct store *store, struct moment now);

/* All of them as text, to be freed. */
char *rows_dump(struct allocator *allocator, struct store *store);
