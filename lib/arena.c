/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	_Alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *arena, size_t n, size_t size)
{
	struct arena_block *block;

	if (size > 0 && n > (SIZE_MAX - sizeof(*block)) / size)
		return NULL;
	block = calloc(1, sizeof(*block) + n * size);
	if (!block)
		return NULL;
	block->next = arena->blocks;
	arena->blocks = block;
	return block->data;
}

void arena_done(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	json_object_put(arena->root);
	*arena = (struct arena){};
}
