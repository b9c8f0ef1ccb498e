/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The units of one pool: which are free, and which of them the next pod gets.
 *
 * Never-used units go first, from the pool's start; then the run whose most recent release lies
 * furthest back, if it has waited for long enough. One unit costs the same however many are held; a
 * run of several units is one pass over the pool's units. Units are indices, counted from the
 * pool's start.
 */

#include "core/range.h"

#include <stdbool.h>
#include <stdint.h>

enum unit_state {
	UNIT_FRESH,    /* never used */
	UNIT_RELEASED, /* free again */
	UNIT_FOREIGN,  /* in use by something that did not ask for it */
	UNIT_DRAINING, /* released, but something alive may map it */
	UNIT_ACTIVE,   /* a pod has it */
	UNIT_RESERVED, /* never handed out */
	N_UNIT_STATES
};

/* When a unit was released: the order decides which goes first, the clock whether it may. */
struct unit_release {
	uint64_t order; /* grows with each release; 0: none */
	uint64_t clock; /* us; grows with the order */
};

/* How long a released unit waits before it is free, and the same clock now. In us. */
struct unit_wait {
	uint64_t delay, now;
};

/* Must what was released then still wait? A release in the future, which no clock that only grows
 * can make, waits as well. */
static inline bool unit_must_wait(struct unit_release release, struct unit_wait wait)
{
	return wait.delay > 0 &&
	       (release.clock > wait.now || wait.now - release.clock < wait.delay);
}

struct unit_map {
	uint32_t n_units;
	uint32_t fresh_hint; /* no unit before this one is fresh */
	uint32_t oldest;     /* ends of the list of released units, by order; NO_UNIT if empty */
	uint32_t newest;
	struct unit *units;
	uint32_t n_in_state[N_UNIT_STATES];
};

#define NO_UNIT UINT32_MAX

/* Makes a map of fresh units. Returns 0 or -ENOMEM; *map must be empty (all zero) before. */
int unit_map_init(struct unit_map *map, uint32_t n_units);

/* Frees what the map holds and leaves it empty. */
void unit_map_done(struct unit_map *map);

/*
 * While a map is filled from the store, in any order: a unit takes the strongest of the states that
 * it is given (in the order of the enum), and the latest release of those. unit_map_seal() ends the
 * filling; returns 0 or -ENOMEM. Then only unit_map_set() changes it.
 */
void unit_map_fill(struct unit_map *map, uint32_t first, uint32_t n_units, enum unit_state state,
		   struct unit_release release);
int unit_map_seal(struct unit_map *map);

/*
 * Sets the state of one unit. RELEASE is its latest release if it becomes released, and else
 * ignored; quick if its order is above that of every other unit.
 */
void unit_map_set(struct unit_map *map, uint32_t unit, enum unit_state state,
		  struct unit_release release);

enum unit_state unit_map_state(const struct unit_map *map, uint32_t unit);

/* The number of released units that still wait. Costs as many steps as there are of them. */
uint32_t unit_map_n_waiting(const struct unit_map *map, struct unit_wait wait);

/*
 * Chooses a contiguous run of N_UNITS free units for a pod that has none, and changes nothing.
 * Returns 1 and its first unit in *ret_first; 0 if there is no such run; -ENOMEM.
 */
int unit_map_choose(const struct unit_map *map, uint32_t n_units, struct unit_wait wait,
		    uint32_t *ret_first);
