/* SPDX-License-Identifier: MIT */
#include "core/units.h"

#include "cleanup.h"

#include <errno.h>
#include <stdlib.h>

struct unit {
	struct unit_release release; /* of a released unit; all zero else */
	uint32_t older, newer;	     /* neighbours in the list of released units */
	enum unit_state state;
};

int unit_map_init(struct unit_map *map, uint32_t n_units)
{
	/* no pool has more than 65536 units, so the size cannot overflow */
	struct unit *units = calloc(n_units ? n_units : 1, sizeof(struct unit));

	if (!units)
		return -ENOMEM;
	*map = (struct unit_map){
		.n_units = n_units,
		.oldest = NO_UNIT,
		.newest = NO_UNIT,
		.units = units,
		.n_in_state[UNIT_FRESH] = n_units,
	};
	return 0;
}

void unit_map_done(struct unit_map *map)
{
	free(map->units);
	*map = (struct unit_map){};
}

static void change_state(struct unit_map *map, uint32_t unit, enum unit_state state)
{
	map->n_in_state[map->units[unit].state]--;
	map->n_in_state[state]++;
	map->units[unit].state = state;
	if (state == UNIT_FRESH && unit < map->fresh_hint)
		map->fresh_hint = unit;
	while (map->fresh_hint < map->n_units && map->units[map->fresh_hint].state != UNIT_FRESH)
		map->fresh_hint++;
}

/* Puts a unit behind the last one that was released before it, looked for from the newest on. */
static void list_insert(struct unit_map *map, uint32_t unit)
{
	struct unit *u = &map->units[unit];

	u->older = map->newest;
	u->newer = NO_UNIT;
	while (u->older != NO_UNIT && map->units[u->older].release.order > u->release.order) {
		u->newer = u->older;
		u->older = map->units[u->older].older;
	}
	if (u->older == NO_UNIT)
		map->oldest = unit;
	else
		map->units[u->older].newer = unit;
	if (u->newer == NO_UNIT)
		map->newest = unit;
	else
		map->units[u->newer].older = unit;
}

static void list_remove(struct unit_map *map, uint32_t unit)
{
	struct unit *u = &map->units[unit];

	if (u->older == NO_UNIT)
		map->oldest = u->newer;
	else
		map->units[u->older].newer = u->newer;
	if (u->newer == NO_UNIT)
		map->newest = u->older;
	else
		map->units[u->newer].older = u->older;
}

void unit_map_fill(struct unit_map *map, uint32_t first, uint32_t n_units, enum unit_state state,
		   struct unit_release release)
{
	for (uint32_t i = first; i < first + n_units; i++) {
		if (state > map->units[i].state)
			change_state(map, i, state);
		if (release.order > map->units[i].release.order)
			map->units[i].release = release;
	}
}

static int compare_release(const void *left, const void *right, void *userdata)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	const struct unit *units = userdata;

	if (units[a].release.order != units[b].release.order)
		return units[a].release.order < units[b].release.order ? -1 : 1;
	return a < b ? -1 : 1;
}

int unit_map_seal(struct unit_map *map)
{
	_cleanup_(freep) uint32_t *released = NULL;
	uint32_t n = 0;

	if (map->n_in_state[UNIT_RELEASED] == 0)
		return 0;
	released = calloc(map->n_in_state[UNIT_RELEASED], sizeof(*released));
	if (!released)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->n_units; i++)
		if (map->units[i].state == UNIT_RELEASED)
			released[n++] = i;
	qsort_r(released, n, sizeof(*released), compare_release, map->units);
	for (uint32_t i = 0; i < n; i++)
		list_insert(map, released[i]);
	return 0;
}

void unit_map_set(struct unit_map *map, uint32_t unit, enum unit_state state,
		  struct unit_release release)
{
	if (map->units[unit].state == UNIT_RELEASED)
		list_remove(map, unit);
	change_state(map, unit, state);
	map->units[unit].release = (struct unit_release){};
	if (state == UNIT_RELEASED) {
		map->units[unit].release = release;
		list_insert(map, unit);
	}
}

enum unit_state unit_map_state(const struct unit_map *map, uint32_t unit)
{
	return map->units[unit].state;
}

static bool is_waiting(const struct unit *unit, struct unit_wait wait)
{
	return unit->state == UNIT_RELEASED && unit_must_wait(unit->release, wait);
}

uint32_t unit_map_n_waiting(const struct unit_map *map, struct unit_wait wait)
{
	uint32_t n = 0;

	for (uint32_t i = map->newest; i != NO_UNIT && is_waiting(&map->units[i], wait);
	     i = map->units[i].older)
		n++;
	return n;
}

/* The first run of N_UNITS fresh units. */
static bool choose_fresh(const struct unit_map *map, uint32_t n_units, uint32_t *ret_first)
{
	uint32_t run = 0;

	if (map->n_in_state[UNIT_FRESH] < n_units)
		return false;
	for (uint32_t i = map->fresh_hint; i < map->n_units; i++) {
		run = map->units[i].state == UNIT_FRESH ? run + 1 : 0;
		if (run == n_units) {
			*ret_first = i + 1 - n_units;
			return true;
		}
	}
	return false;
}

/*
 * The run of free units whose latest release is the earliest: the maximum of a sliding window, kept
 * in a queue of units whose releases fall from front to back.
 */
static bool choose_oldest_run(const struct unit_map *map, uint32_t n_units, struct unit_wait wait,
			      uint32_t *queue, uint32_t *ret_first)
{
	uint32_t run = 0, front = 0, back = 0, best = NO_UNIT;
	uint64_t best_order = UINT64_MAX;

	for (uint32_t i = 0; i < map->n_units; i++) {
		const struct unit *u = &map->units[i];

		if (u->state > UNIT_RELEASED || is_waiting(u, wait)) {
			run = front = back = 0;
			continue;
		}
		run++;
		while (back > front &&
		       map->units[queue[back - 1]].release.order <= u->release.order)
			back--;
		queue[back++] = i;
		if (queue[front] + n_units <= i)
			front++;
		if (run >= n_units && map->units[queue[front]].release.order < best_order) {
			best_order = map->units[queue[front]].release.order;
			best = i + 1 - n_units;
		}
	}
	if (best == NO_UNIT)
		return false;
	*ret_first = best;
	return true;
}

int unit_map_choose(const struct unit_map *map, uint32_t n_units, struct unit_wait wait,
		    uint32_t *ret_first)
{
	_cleanup_(freep) uint32_t *queue = NULL;

	if (n_units == 0 || n_units > map->n_in_state[UNIT_FRESH] + map->n_in_state[UNIT_RELEASED])
		return 0;
	if (choose_fresh(map, n_units, ret_first))
		return 1;
	if (n_units == 1) {
		if (is_waiting(&map->units[map->oldest], wait))
			return 0;
		*ret_first = map->oldest;
		return 1;
	}
	queue = calloc(map->n_units, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	return choose_oldest_run(map, n_units, wait, queue, ret_first);
}
