/* SPDX-License-Identifier: MIT */

/* What lives in ranges that nobody has: foreign units, and the end of draining. */

#include "allocator-private.h"

#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>

/* A piece of the work: rows that are looked at, and rows that are released for good. */
#define LOOKS_AT_ONCE 1024
#define DRAINED_AT_ONCE 16

/* The time limit of those who cannot look runs from when they could not: what had drained for long
 * before may have done so because something lives in it. */
static void note_sight(struct allocator *allocator, bool is_blind, uint64_t boot)
{
	if (!is_blind)
		allocator->blind_since = UINT64_MAX;
	else if (allocator->blind_since == UINT64_MAX)
		allocator->blind_since = allocator_clock(allocator, boot);
}

/* Looks at the units of claims that were dropped and of those that came. */
static int refresh_claims(struct allocator *allocator, const struct claims *old,
			  const struct claims *new)
{
	int r = allocator_ready(allocator);

	if (r == 0)
		r = derived_refresh_claims(allocator, old, new);
	if (r == 0)
		return 0;
	allocator->is_stale = true;
	return allocator_failed(allocator, r);
}

static bool is_blind(const struct allocator *allocator)
{
	return allocator->blind_since != UINT64_MAX;
}

/* Through blindness, what was seen last stays the earlier pass: it may be there all the same. */
int allocator_take_pass(struct allocator *allocator, struct pass *pass)
{
	struct pass *earlier = &allocator->passes[0], *last = &allocator->passes[1];
	bool is_still_blind = last->is_blind && pass->is_blind;
	_cleanup_(claims_done) struct claims dropped = is_still_blind ? last->claims
								      : earlier->claims;

	if (!is_still_blind)
		*earlier = *last;
	*last = *pass;
	*pass = (struct pass){};
	allocator->drain_next = 0;
	note_sight(allocator, last->is_blind, last->began);
	return refresh_claims(allocator, &dropped, &last->claims);
}

void allocator_lose_sight(struct allocator *allocator, struct moment now)
{
	allocator->drain_next = 0;
	note_sight(allocator, true, now.boot);
}

int allocator_take_kubelet_claims(struct allocator *allocator, struct claims *claims)
{
	_cleanup_(claims_done) struct claims before = allocator->kubelet_claims;

	allocator->kubelet_claims = *claims;
	*claims = (struct claims){};
	return refresh_claims(allocator, &before, &allocator->kubelet_claims);
}

uint32_t allocator_n_draining(const struct allocator *allocator)
{
	return allocator->derived.n_draining + allocator->derived.restored.is_unproven;
}

/* Does the range touch a unit of the pool that no allocation explains? */
static bool is_foreign(const struct allocator *allocator, size_t pool, struct id_range range)
{
	uint32_t first, n;

	if (!touched_units(&allocator->pools.items[pool], range, &first, &n))
		return false;
	for (uint32_t unit = first; unit < first + n; unit++)
		if (unit_map_state(&allocator->derived.maps[pool], unit) == UNIT_FOREIGN)
			return true;
	return false;
}

/* The first of the claims that the sets have left, each being sorted; NULL at the end. */
static const struct claim *take_next(const struct claims *const *sets, size_t *at, size_t n_sets)
{
	const struct claim *first = NULL;
	size_t from = 0;

	for (size_t i = 0; i < n_sets; i++) {
		const struct claim *next;

		if (at[i] == sets[i]->n_items)
			continue;
		next = &sets[i]->items[at[i]];
		if (first && (next->range.start > first->range.start ||
			      (next->range.start == first->range.start &&
			       next->range.count >= first->range.count)))
			continue;
		first = next;
		from = i;
	}
	if (first)
		at[from]++;
	return first;
}

int allocator_each_foreign(const struct allocator *allocator, size_t pool,
			   int (*claim)(const struct claim *claim, void *userdata), void *userdata)
{
	const struct claims *sets[] = { &allocator->passes[1].claims, &allocator->passes[0].claims,
					&allocator->kubelet_claims };
	const struct claim *next, *previous = NULL;
	size_t at[ELEMENTS_OF(sets)] = {};
	int r = 0;

	while (r == 0 && (next = take_next(sets, at, ELEMENTS_OF(sets)))) {
		if ((!previous || !id_range_equal(previous->range, next->range)) &&
		    is_foreign(allocator, pool, next->range))
			r = claim(next, userdata);
		previous = next;
	}
	return r;
}

/* A piece of the rows that drain. */
struct drain {
	const struct allocator *allocator;
	uint64_t before; /* rows that began to drain at this time of its clock or later must wait */
	uint32_t n_looks;
	uint64_t next; /* release to go on with */
	struct allocation *rows;
	size_t n_rows;
};

/* Two passes are good if both saw everything, and lie far enough apart. */
static bool is_pair(const struct pass *earlier, const struct pass *last)
{
	return !earlier->is_blind && !last->is_blind && earlier->ended > 0 &&
	       last->began >= earlier->ended && last->began - earlier->ended >= PASS_GAP_USEC;
}

static bool is_over(const struct drain *drain, const struct allocation *row)
{
	const struct pass *passes = drain->allocator->passes;

	return row->clock < drain->before && !claims_find(&passes[1].claims, row->range) &&
	       (is_blind(drain->allocator) || !claims_find(&passes[0].claims, row->range));
}

static int look(const struct allocation *row, void *userdata)
{
	struct drain *drain = userdata;

	drain->next = row->release_order;
	if (drain->n_looks++ == LOOKS_AT_ONCE || drain->n_rows == DRAINED_AT_ONCE)
		return 1;
	if (is_over(drain, row))
		drain->rows[drain->n_rows++] = *row;
	return 0;
}

/*
 * The order and the clock of the release are those of its end: the unit that something lived in
 * until just now comes last. Those that end together keep their order.
 */
static int end_drain(struct allocator *allocator, const struct allocation *row, struct moment now)
{
	struct event event = allocator_event(EVENT_DRAINED, row, NULL, now);
	struct allocation released = *row;
	int r = allocator_begin_change(allocator);

	if (r < 0)
		return r;
	released.state = ALLOCATION_RELEASED;
	released.release_order = allocator->derived.last_order + 1;
	released.clock = allocator_clock(allocator, now.boot);
	r = allocator_change_row(allocator, row, &released);
	if (r == 0)
		r = allocator_add_event(allocator, &event);
	return allocator_end_change(allocator, r);
}

/* Sets the time before which draining must have begun; returns whether anything can end at all. */
static bool set_before(const struct allocator *allocator, struct moment now, struct drain *drain)
{
	const struct pass *earlier = &allocator->passes[0], *last = &allocator->passes[1];
	uint64_t clock = allocator_clock(allocator, now.boot);
	uint64_t limit = allocator->settings.blind_drain;

	if (is_blind(allocator) && clock > limit && allocator->blind_since < clock - limit)
		drain->before = clock - limit;
	else if (!is_blind(allocator) && is_pair(earlier, last))
		drain->before = allocator_clock(allocator, earlier->began);
	return drain->before > 0;
}

/*
 * All passes that there are began after the database was restored, for the daemon did not run then:
 * what lives in units that no row speaks of is foreign from now on.
 */
static int prove(struct allocator *allocator)
{
	int r = allocator_begin_change(allocator);

	if (r < 0)
		return r;
	r = allocator_end_change(allocator, store_set_proven(allocator->store));
	allocator->is_stale = true;
	return r < 0 ? r : allocator_ready(allocator);
}

int allocator_drain(struct allocator *allocator, struct moment now)
{
	_cleanup_(freep) struct allocation *rows = NULL;
	struct drain drain = { .allocator = allocator };
	int r = allocator_ready(allocator), more = 0;

	if (r < 0 || allocator_n_draining(allocator) == 0 || !set_before(allocator, now, &drain))
		return r;
	if (allocator->derived.restored.is_unproven)
		r = prove(allocator);
	if (r < 0 || allocator->derived.n_draining == 0)
		return r;
	rows = drain.rows = calloc(DRAINED_AT_ONCE, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	more = store_each_draining(allocator->store, allocator->drain_next, look, &drain);
	if (more < 0)
		return allocator_failed(allocator, more);
	for (size_t i = 0; i < drain.n_rows && r == 0; i++)
		r = end_drain(allocator, &rows[i], now);
	allocator->drain_next = drain.next;
	return r < 0 ? r : more;
}
