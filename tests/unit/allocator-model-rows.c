/* SPDX-License-Identifier: MIT */

/* Rows that come, change and go in the model. */

#include "allocator-model.h"

static void set_row(uint32_t start, uint32_t count, struct cell cell)
{
	cell.start = start;
	cell.count = count;
	for (uint32_t id = start; id < start + count; id++)
		model.cells[id] = cell;
}

/* Nobody can come back to the row that the pod had. */
static void disown(int pod)
{
	struct owned *own = &model.pods[pod];

	for (uint32_t id = own->start; own->is_known && id < own->start + own->count; id++)
		model.cells[id].pod = NOBODY;
	own->is_known = false;
}

/* Takes the released row at an ID away from a range that goes to another pod. */
static void clear_row(uint32_t id, struct id_range range, int pod)
{
	struct cell row = model.cells[id], rest = row;
	uint32_t end = row.start + row.count;

	assert_int_equal(row.state, ALLOCATION_RELEASED);
	set_row(row.start, row.count, (struct cell){ .state = NO_ROW, .pod = NOBODY });
	rest.pod = NOBODY;
	if (row.start < range.start)
		set_row(row.start, range.start - row.start, rest);
	if (end > id_range_end(range))
		set_row(id_range_end(range), end - id_range_end(range), rest);
	if (row.pod == NOBODY)
		return;
	expect_event(EVENT_REUSED, CAUSE_NONE, row.pod, model.pods[row.pod].pool, row.start,
		     row.count, 0, pod);
	model.pods[row.pod].is_known = false;
}

/* What lives there got its map through an allocation: then only that pod may have the range. */
static void expect_lifeless(struct id_range range)
{
	for (int i = 0; i < N_PROCESSES; i++) {
		const struct living *process = &world.processes[i];

		if (process->is_alive && process->is_of_pod &&
		    id_range_overlaps(process->map, range))
			fail_msg("%u:%u is given away, a process lives in %u:%u", range.start,
				 range.count, process->map.start, process->map.count);
	}
}

void model_give(int pod, int pool, struct id_range range, uint32_t uid,
		enum allocation_origin origin)
{
	expect_lifeless(range);
	disown(pod);
	for (uint32_t id = range.start; id < id_range_end(range); id++)
		if (model.cells[id].state != NO_ROW)
			clear_row(id, range, pod);
	set_row(range.start, range.count,
		(struct cell){ .state = ALLOCATION_ACTIVE, .pod = pod, .pool = pool });
	model.pods[pod] = (struct owned){
		.is_known = true,
		.origin = origin,
		.pool = pool,
		.start = range.start,
		.count = range.count,
		.uid = uid,
		.created_at = the_time.wall,
	};
	expect_event(origin == ORIGIN_KUBELET ? EVENT_ADOPTED : EVENT_ALLOCATED, CAUSE_NONE, pod,
		     pool, range.start, range.count, 0, NOBODY);
}

void model_revive(int pod, uint32_t uid, enum allocation_origin origin)
{
	struct owned *own = &model.pods[pod];

	if (own->state == ALLOCATION_RELEASED)
		expect_lifeless((struct id_range){ own->start, own->count });
	own->state = ALLOCATION_ACTIVE;
	own->origin = origin;
	own->uid = uid;
	own->created_at = the_time.wall;
	own->released_at = 0;
	own->process = (struct process){};
	set_row(own->start, own->count,
		(struct cell){ .state = ALLOCATION_ACTIVE, .pod = pod, .pool = own->pool });
	expect_event(origin == ORIGIN_KUBELET ? EVENT_ADOPTED : EVENT_REVIVED, CAUSE_NONE, pod,
		     own->pool, own->start, own->count, 0, NOBODY);
}

void model_release(int pod, enum event_kind kind, enum event_cause cause)
{
	struct owned *own = &model.pods[pod];

	set_row(own->start, own->count,
		(struct cell){
			.state = ALLOCATION_DRAINING,
			.pod = pod,
			.pool = own->pool,
			.order = ++model.n_orders,
			.clock = world.clock,
		});
	own->state = ALLOCATION_DRAINING;
	own->released_at = the_time.wall;
	expect_event(kind, cause, pod, own->pool, own->start, own->count, own->process.pid, NOBODY);
	own->process = (struct process){};
}

void model_bind(int pod, const struct process *process)
{
	struct owned *own = &model.pods[pod];

	if (process_equal(&own->process, process))
		return;
	own->process = *process;
	expect_event(EVENT_BOUND, CAUSE_NONE, pod, own->pool, own->start, own->count, process->pid,
		     NOBODY);
}

/* May the draining of the row that begins at that ID end? */
static bool has_drained(const struct cell *row)
{
	bool is_blind = world.blind_since != UINT64_MAX;
	uint64_t begun = is_blind ? world.clock - world.settings.blind_drain : world.earlier.began;

	if (is_blind && (world.clock <= world.settings.blind_drain ||
			 world.clock - world.blind_since <= world.settings.blind_drain))
		return false;
	if (!is_blind && (!world.earlier.is_made || !world.last.is_made || world.earlier.is_blind ||
			  world.last.began < world.earlier.ended + SECOND))
		return false;
	for (uint32_t id = row->start; id < row->start + row->count; id++)
		if (world.last.maps[id] || (!is_blind && world.earlier.maps[id]))
			return false;
	return row->clock < begun;
}

/* Without sight nothing can be promised of what lives there. */
static void give_up(struct id_range range)
{
	for (int i = 0; i < N_PROCESSES; i++)
		if (id_range_overlaps(world.processes[i].map, range))
			world.processes[i].is_of_pod = false;
}

static void end_drain(struct cell row)
{
	row.state = ALLOCATION_RELEASED;
	row.order = ++model.n_orders;
	row.clock = world.clock;
	set_row(row.start, row.count, row);
	if (row.pod != NOBODY)
		model.pods[row.pod].state = ALLOCATION_RELEASED;
	if (world.blind_since != UINT64_MAX)
		give_up((struct id_range){ row.start, row.count });
	expect_event(EVENT_DRAINED, CAUSE_NONE, row.pod, row.pool, row.start, row.count, 0, NOBODY);
}

/* In the order in which they were given back. */
void model_drain(void)
{
	const struct cell *first;

	do {
		first = NULL;
		for (uint32_t id = 0; id < N_IDS; id++) {
			const struct cell *row = &model.cells[id];

			if (row->state == ALLOCATION_DRAINING && row->start == id &&
			    (!first || row->order < first->order) && has_drained(row))
				first = row;
		}
		if (first)
			end_drain(*first);
	} while (first);
}
