/* SPDX-License-Identifier: MIT */
#include "core/claims.h"

#include "cleanup.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;

	if (a->range.start != b->range.start)
		return a->range.start < b->range.start ? -1 : 1;
	return (a->range.count > b->range.count) - (a->range.count < b->range.count);
}

int claims_draft_add(struct claims_draft *draft, struct id_range range, uint32_t pid,
		     struct claim **ret, bool *ret_is_new)
{
	const struct claim key = { .range = range };
	struct claim *const *found = tfind(&key, &draft->tree, compare_claims);
	_cleanup_(freep) struct claim *claim = NULL;

	if (found) {
		*ret = *found;
		*ret_is_new = false;
		return 0;
	}
	claim = malloc(sizeof(*claim));
	if (!claim)
		return -ENOMEM;
	*claim = (struct claim){ .range = range, .pid = pid };
	if (!tsearch(claim, &draft->tree, compare_claims))
		return -ENOMEM;
	draft->n_items++;
	*ret = take_ptr(claim);
	*ret_is_new = true;
	return 0;
}

/* Visits the claims in their order. */
static void append_claim(const void *node, VISIT which, void *userdata)
{
	const struct claim *claim = *(struct claim *const *)node;
	struct claims *claims = userdata;
	uint32_t end = id_range_end(claim->range);
	size_t i = claims->n_items;

	if (which != postorder && which != leaf)
		return;
	claims->items[i] = *claim;
	claims->max_ends[i] = i > 0 && claims->max_ends[i - 1] > end ? claims->max_ends[i - 1]
								     : end;
	claims->n_items++;
}

static void claims_donep(struct claims *claims)
{
	claims_done(claims);
}

int claims_draft_finish(struct claims_draft *draft, struct claims *ret)
{
	_cleanup_(claims_donep) struct claims claims = { 0 };

	if (draft->n_items > 0) {
		claims.items = calloc(draft->n_items, sizeof(*claims.items));
		claims.max_ends = calloc(draft->n_items, sizeof(*claims.max_ends));
		if (!claims.items || !claims.max_ends)
			return -ENOMEM;
		twalk_r(draft->tree, append_claim, &claims);
	}
	claims_draft_done(draft);
	*ret = claims;
	claims = (struct claims){ 0 };
	return 0;
}

void claims_draft_done(struct claims_draft *draft)
{
	tdestroy(draft->tree, free);
	*draft = (struct claims_draft){ 0 };
}

/* The index of the first item whose end, or that of one before it, is behind the ID. */
static size_t find_end_behind(const struct claims *claims, uint32_t id)
{
	size_t first = 0, last = claims->n_items;

	while (first < last) {
		size_t middle = first + (last - first) / 2;

		if (claims->max_ends[middle] > id)
			last = middle;
		else
			first = middle + 1;
	}
	return first;
}

/*
 * The first item at which the largest end passes the range's start is the one that ends there; if
 * it begins behind the range, so do all after it.
 */
const struct claim *claims_find(const struct claims *claims, struct id_range range)
{
	size_t i = find_end_behind(claims, range.start);

	if (i == claims->n_items || claims->items[i].range.start >= id_range_end(range))
		return NULL;
	return &claims->items[i];
}

void claims_done(struct claims *claims)
{
	free(claims->items);
	free(claims->max_ends);
	*claims = (struct claims){ 0 };
}
