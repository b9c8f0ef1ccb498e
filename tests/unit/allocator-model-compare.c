/* SPDX-License-Identifier: MIT */

/* What the allocator says, and said of the past, against the model; pools, settings, commits. */

#include "allocator-model.h"

#include "allocator-private.h"

#define N_SNAPSHOTS 6

void put_pools(void)
{
	for (int i = 0; i < N_POOLS; i++) {
		struct pool_geometry is = world.pools[i], *seen = &model.seen[i];

		if (!is.name)
			continue;
		if (is.is_invalid)
			is.start = is.count = 0;
		if (seen->unit == is.unit && seen->start == is.start && seen->count == is.count)
			continue;
		*seen = is;
		expect_event(EVENT_POOL_CHANGED, CAUSE_NONE, NOBODY, i, is.start, is.count, 0,
			     NOBODY);
	}
	set_pools(world.pools, N_POOLS);
}

/* Pools in that order, one behind the other; some are not there, some not valid. */
void edit_pools(void)
{
	uint32_t at = below(20);

	for (int i = 0; i < N_POOLS; i++) {
		uint32_t unit = 1 + below(4), count = unit * (1 + below(90 / unit));

		world.pools[i] = (struct pool_geometry){ below(6) ? pool_names[i] : NULL, at, count,
							 unit, below(8) == 0 };
		at += count + below(5);
	}
}

void step_pools(void)
{
	pass_time();
	if (below(8))
		edit_pools();
	put_pools();
}

void step_settings(void)
{
	static const uint64_t delays[] = { 0, 0, SECOND, 30 * SECOND };

	world.settings.quota = 9;
	world.settings.reuse_delay = delays[below(ELEMENTS_OF(delays))];
	world.settings.blind_drain = delays[below(ELEMENTS_OF(delays))];
	allocator_set_settings(allocator, &world.settings);
}

void settle(void)
{
	check_events();
	if (allocator_is_pending(allocator))
		assert_int_equal(allocator_commit(allocator), 0);
	committed = model;
}

void step_commit(void)
{
	compare_watcher();
	settle();
	compare_watcher();
}

static int check_row(const struct allocation *row, void *userdata)
{
	uint32_t *next = userdata;

	for (uint32_t id = *next; id < row->range.start; id++)
		assert_int_equal(model.cells[id].state, NO_ROW);
	for (uint32_t id = row->range.start; id < id_range_end(row->range); id++) {
		const struct cell *cell = &model.cells[id];

		assert_int_equal(cell->state, row->state);
		assert_int_equal(cell->start, row->range.start);
		assert_int_equal(cell->count, row->range.count);
		assert_string_equal(row->pod, cell->pod == NOBODY ? "" : pod_name(cell->pod));
		assert_string_equal(row->pool, pool_names[cell->pool]);
	}
	*next = id_range_end(row->range);
	return 0;
}

static void compare_rows(void)
{
	uint32_t next = 0;

	assert_int_equal(store_each_from(allocator->store, 0, check_row, &next), 0);
	for (; next < N_IDS; next++)
		assert_int_equal(model.cells[next].state, NO_ROW);
}

static void expect_owned(const struct allocation *got, const struct owned *own)
{
	assert_int_equal(got->state, own->state);
	assert_int_equal(got->origin, own->origin);
	assert_int_equal(got->range.start, own->start);
	assert_int_equal(got->range.count, own->count);
	assert_string_equal(got->pool, pool_names[own->pool]);
	assert_int_equal(got->client_uid, own->uid);
	assert_true(got->created_at == own->created_at);
	assert_true(got->released_at == own->released_at);
	assert_int_equal(got->process.pid, own->process.pid);
}

static void compare_lookups(void)
{
	for (uint32_t id = 0; id < N_IDS; id++) {
		int pod = model.cells[id].pod;
		struct allocation got;
		int r = allocator_lookup(allocator, id, &got);

		assert_int_equal(r, pod == NOBODY ? ALLOCATOR_E_NOT_FOUND : 0);
		if (r != 0)
			continue;
		assert_string_equal(got.pod, pod_name(pod));
		expect_owned(&got, &model.pods[pod]);
		assert_true(process_equal(&got.process, &model.pods[pod].process));
	}
}

static struct pool_usage count_units(int index)
{
	const struct pool_geometry *pool = &world.pools[index];
	struct pool_usage counted = {};

	for (uint32_t i = 0; !pool->is_invalid && i < pool->count; i += pool->unit) {
		struct unit_seen unit = look_at_unit(pool, pool->start + i);
		bool is_free = latest_in(pool, pool->start + i, pool->unit) < UINT64_MAX;

		counted.capacity++;
		counted.active += unit.state == UNIT_ACTIVE;
		counted.draining += unit.state == UNIT_DRAINING;
		counted.foreign += unit.state == UNIT_FOREIGN;
		counted.released += unit.state == UNIT_RELEASED;
		counted.waiting += unit.state == UNIT_RELEASED && !is_free;
		counted.free += is_free;
	}
	for (int i = 0; i < N_PODS; i++) {
		const struct owned *own = &model.pods[i];

		counted.n_outside += own->is_known && own->pool == index &&
				     (pool->is_invalid || own->start < pool->start ||
				      own->start + own->count > pool->start + pool->count);
	}
	return counted;
}

static void compare_usage(void)
{
	uint32_t n_draining = 0;
	size_t index = 0;

	for (int i = 0; i < N_POOLS; i++) {
		struct pool_usage got, counted;

		if (!is_there(i))
			continue;
		counted = count_units(i);
		got = allocator_usage(allocator, index++, the_time);
		assert_memory_equal(&got, &counted, sizeof(got));
	}
	for (uint32_t id = 0; id < N_IDS; id++)
		n_draining += model.cells[id].state == ALLOCATION_DRAINING &&
			      model.cells[id].start == id;
	assert_int_equal(allocator_n_draining(allocator), n_draining);
}

void compare_all(void)
{
	compare_rows();
	compare_lookups();
	compare_usage();
}

/* Who had what at some moments in the past. */
static struct snapshot {
	uint64_t at; /* 0: none */
	struct model model;
} snapshots[N_SNAPSHOTS];

void take_snapshot(void)
{
	snapshots[below(N_SNAPSHOTS)] = (struct snapshot){ the_time.wall, committed };
}

void forget_snapshots(void)
{
	memset(snapshots, 0, sizeof(snapshots));
}

static void compare_past(const struct snapshot *snapshot, uint32_t id)
{
	const struct cell *cell = &snapshot->model.cells[id];
	struct allocation got;
	int r = allocator_lookup_at(allocator, id, snapshot->at, &got);

	assert_int_equal(r, cell->pod == NOBODY ? ALLOCATOR_E_NOT_FOUND : 0);
	if (r != 0)
		return;
	assert_string_equal(got.pod, pod_name(cell->pod));
	expect_owned(&got, &snapshot->model.pods[cell->pod]);
}

void compare_snapshots(void)
{
	for (size_t i = 0; i < N_SNAPSHOTS; i++)
		for (int n = 0; n < 10 && snapshots[i].at > 0; n++)
			compare_past(&snapshots[i], below(N_IDS));
}
