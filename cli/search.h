/* SPDX-License-Identifier: MIT */
#pragma once

/* The search for the pods that a UID and a GID belong to. */

#include "allocation.h"

/* One ID and whose it is. */
struct search {
	const char *kind; /* UID or GID */
	uint32_t id;
	struct subidd_result *result; /* NULL: nobody's */
};

#define N_SEARCHES 2

/* All zero is one without a result. */
struct searches {
	struct search items[N_SEARCHES];
};

void searches_done(struct searches *searches);

/* Asks for both IDs, at a moment if AT is not 0. Returns 0, or what the failed call returned. */
int searches_ask(struct context *context, struct searches *searches, uint32_t uid, uint32_t gid,
		 uint64_t at);

/* Is one of them somebody's? */
bool searches_found(const struct searches *searches);

/* Adds what was found to a table of facts: once if both belong to the same allocation. */
void searches_add(struct table *table, const struct searches *searches);

/* A line that says why an ID is nobody's. */
char *search_explain(struct context *context, const struct search *search, uint64_t at);

/* A member of a JSON object: the ID, and what the daemon says about it. */
void search_print_json(const char *name, const struct search *search);
