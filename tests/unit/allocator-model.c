/* SPDX-License-Identifier: MIT */
#include "allocator-model.h"

#include "allocator-private.h"

#include <inttypes.h>

struct model model, committed;
struct world world;

const char *const pool_names[N_POOLS] = { "p0", "p1", "p2" };

static uint64_t random_state;
static char expected[65536], found[65536];

/* Who reads what was committed. */
static struct {
	uint64_t sequence, hash;
} watcher;

void model_begin(uint64_t seed)
{
	random_state = seed;
	memset(&model, 0, sizeof(model));
	world = (struct world){ .blind_since = UINT64_MAX };
	for (int id = 0; id < N_IDS; id++)
		model.cells[id] = (struct cell){ .state = NO_ROW, .pod = NOBODY };
	memset(&watcher, 0, sizeof(watcher));
	committed = model;
	*expected = 0;
}

uint32_t below(uint32_t n)
{
	return chance(&random_state, n);
}

/* In the order of their numbers also by strcmp(). */
const char *pod_name(int pod)
{
	static char names[4][16];
	static unsigned int next;
	char *name = names[next++ % ELEMENTS_OF(names)];

	snprintf(name, sizeof(names[0]), "pod%02d", pod);
	return name;
}

struct moment pass_time(void)
{
	static const uint64_t spans[] = { 1, 1000, SECOND / 10, SECOND, 20 * SECOND };
	uint64_t span = spans[below(4) ? below(3) : below(ELEMENTS_OF(spans))];

	span = 1 + below((uint32_t)span);
	world.clock += span;
	return later(span);
}

bool is_there(int pool)
{
	return world.pools[pool].name;
}

bool is_claimed(uint32_t id)
{
	return world.last.maps[id] || world.earlier.maps[id] || world.kubelet_claims[id];
}

struct unit_seen look_at_unit(const struct pool_geometry *pool, uint32_t start)
{
	static const enum unit_state states[] = { UNIT_ACTIVE, UNIT_DRAINING, UNIT_RELEASED };
	struct unit_seen unit = { .state = UNIT_FRESH };

	for (uint32_t id = start; id < start + pool->unit; id++) {
		const struct cell *cell = &model.cells[id];
		enum unit_state state = cell->state == NO_ROW ? UNIT_FRESH : states[cell->state];

		if (is_claimed(id) && state < UNIT_FOREIGN)
			state = UNIT_FOREIGN;
		if (state > unit.state)
			unit.state = state;
		if (cell->order > unit.order) {
			unit.order = cell->order;
			unit.clock = cell->clock;
		}
	}
	return unit;
}

static bool is_waiting(struct unit_seen unit)
{
	return unit.state == UNIT_RELEASED && world.clock - unit.clock < world.settings.reuse_delay;
}

uint64_t latest_in(const struct pool_geometry *pool, uint32_t start, uint32_t count)
{
	uint64_t latest = 0;

	for (uint32_t at = start; at < start + count; at += pool->unit) {
		struct unit_seen unit = look_at_unit(pool, at);

		if (unit.state > UNIT_RELEASED || is_waiting(unit))
			return UINT64_MAX;
		if (unit.state == UNIT_RELEASED && unit.order > latest)
			latest = unit.order;
	}
	return latest;
}

static void describe(char *text, size_t size, const struct event *event)
{
	snprintf(text + strlen(text), size - strlen(text), "%s %s %s %s %u+%u %u %s; ",
		 event_kind_names[event->kind],
		 event->cause ? event_cause_names[event->cause] : "-", event->pod, event->pool,
		 event->range.start, event->range.count, event->pid, event->other_pod);
}

void expect_event(enum event_kind kind, enum event_cause cause, int pod, int pool, uint32_t start,
		  uint32_t count, uint32_t pid, int other)
{
	struct event event = {
		.kind = kind, .cause = cause, .range = { start, count }, .pid = pid
	};

	if (pod != NOBODY)
		strcpy(event.pod, pod_name(pod));
	if (other != NOBODY)
		strcpy(event.other_pod, pod_name(other));
	strcpy(event.pool, pool_names[pool]);
	describe(expected, sizeof(expected), &event);
	model.sequence++;
}

struct listing {
	char *text;
	uint64_t sequence;
};

static int add_event(const struct event *event, void *userdata)
{
	struct listing *listing = userdata;

	assert_int_equal(event->sequence, ++listing->sequence);
	describe(listing->text, sizeof(found), event);
	return 0;
}

/* FNV-1a */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
	return hash;
}

void check_events(void)
{
	struct listing listing = { found, 0 };
	uint64_t n = 0;

	for (const char *p = expected; (p = strstr(p, "; ")); p += 2)
		n++;
	listing.sequence = model.sequence - n;
	*found = 0;
	assert_int_equal(store_each_event_between(allocator->store, listing.sequence + 1,
						  UINT64_MAX, add_event, &listing),
			 0);
	if (strcmp(found, expected) != 0)
		fail_msg("events are\n# %s\n# and should be\n# %s", found, expected);
	model.hash = hash_text(model.hash, expected);
	*expected = 0;
}

void compare_watcher(void)
{
	struct listing listing = { found, watcher.sequence };

	*found = 0;
	assert_int_equal(allocator_events_after(allocator, watcher.sequence, add_event, &listing),
			 0);
	watcher.sequence = listing.sequence;
	watcher.hash = hash_text(watcher.hash, found);
	assert_int_equal(watcher.sequence, committed.sequence);
	assert_true(watcher.hash == committed.hash);
	assert_int_equal(allocator_last_event(allocator), committed.sequence);
}
