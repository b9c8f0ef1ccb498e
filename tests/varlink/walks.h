/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who walks through the certification, and how far each has come. There are never more than
 * WALKS_MAX of them: the one that began first gives way. One that is older than the lifetime is
 * gone as well, so identifiers need not be ended.
 */

#include <stdint.h>

#define WALKS_MAX 100
#define WALK_LIFETIME_USEC (60 * UINT64_C(1000000))
#define WALK_ID_SIZE 33 /* with its NUL */

struct walk {
	char id[WALK_ID_SIZE]; /* empty: there is none */
	uint64_t began;	       /* us of CLOCK_MONOTONIC */
	unsigned int next;     /* index of the step that must come */
};

struct walks {
	struct walk slots[WALKS_MAX];
	unsigned int next; /* the slot that was filled first */
	uint64_t lifetime;
};

/* Returns 0 or a negative errno. */
int walks_begin(struct walks *walks, struct walk **ret);

/* NULL if there is none of that identifier. */
struct walk *walks_find(struct walks *walks, const char *id);

void walk_end(struct walk *walk);
