/* SPDX-License-Identifier: MIT */
#include "walks.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int walks_begin(struct walks *walks, struct walk **ret)
{
	struct walk *walk = &walks->slots[walks->next];
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	*walk = (struct walk){ .began = now(), .next = 1 };
	snprintf(walk->id, sizeof(walk->id), "%016llx%016llx", (unsigned long long)random[0],
		 (unsigned long long)random[1]);
	walks->next = (walks->next + 1) % WALKS_MAX;
	*ret = walk;
	return 0;
}

struct walk *walks_find(struct walks *walks, const char *id)
{
	for (unsigned int i = 0; i < WALKS_MAX; i++) {
		struct walk *walk = &walks->slots[i];

		if (!walk->id[0] || strcmp(walk->id, id) != 0)
			continue;
		if (now() - walk->began < walks->lifetime)
			return walk;
		walk_end(walk);
	}
	return NULL;
}

void walk_end(struct walk *walk)
{
	*walk = (struct walk){};
}
