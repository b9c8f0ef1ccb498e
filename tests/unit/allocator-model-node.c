/* SPDX-License-Identifier: MIT */

/* What happens on the model's node: processes, looks at them, files of the kubelet. */

#include "allocator-model.h"

static uint32_t n_starts;

/* A pass over the processes: it sees the first half of them when it begins, the others later. */
static struct {
	bool is_made;
	struct sighting sighting;
	struct claims_draft draft;
} pass;

static void add_claim(struct claims_draft *draft, struct id_range range, uint32_t pid, bool *map)
{
	struct claim *claim;
	bool is_new;

	assert_int_equal(claims_draft_add(draft, range, pid, &claim, &is_new), 0);
	for (uint32_t id = range.start; id < id_range_end(range); id++)
		map[id] = true;
}

static void see(int first, int last)
{
	for (int i = first; i < last; i++)
		if (world.processes[i].is_alive && world.processes[i].map.count > 0)
			add_claim(&pass.draft, world.processes[i].map,
				  world.processes[i].process.pid, pass.sighting.maps);
}

static struct id_range some_range(uint32_t most)
{
	uint32_t count = 1 + below(most);

	return (struct id_range){ below(N_IDS - count), count };
}

static struct id_range part_of(struct id_range range)
{
	uint32_t count = below(3) ? range.count : 1 + below(range.count);

	return (struct id_range){ range.start + below(range.count - count + 1), count };
}

/*
 * A process in a pod's range, once the client has been told of it; a child of another process; or
 * one that uses what it likes. A child could hide from a pass between its halves.
 */
static bool choose_map(struct living *process)
{
	const struct owned *own = &model.pods[below(N_PODS)];
	const struct living *parent = &world.processes[below(N_PROCESSES)];
	uint32_t kind = below(16);

	process->is_of_pod = false;
	process->map = (struct id_range){};
	if (kind == 0) {
		process->map = some_range(12);
	} else if (kind < 11 && own->is_known && own->state == ALLOCATION_ACTIVE) {
		settle();
		process->is_of_pod = true;
		process->map = part_of((struct id_range){ own->start, own->count });
	} else if (kind == 11 && parent->is_alive && parent->map.count > 0 && !pass.is_made) {
		process->is_of_pod = parent->is_of_pod;
		process->map = part_of(parent->map);
	} else {
		return kind > 13;
	}
	return true;
}

void step_process_start(void)
{
	uint32_t slot = below(N_PROCESSES);
	struct living *process = &world.processes[slot];

	if (process->is_alive || !choose_map(process))
		return;
	process->is_alive = true;
	process->process = (struct process){ .pid = 100 + slot, .start = ++n_starts };
	strcpy(process->process.boot, boot_id);
}

static void tell_end(int pod, struct process process)
{
	struct process other = process;
	bool released = true;

	other.start++;
	assert_int_equal(
		allocator_process_ended(allocator, pod_name(pod), &other, pass_time(), &released),
		0);
	assert_false(released);
	assert_int_equal(
		allocator_process_ended(allocator, pod_name(pod), &process, pass_time(), &released),
		0);
	assert_true(released);
	model_release(pod, EVENT_RELEASED, CAUSE_PROCESS_ENDED);
}

struct bonds {
	int pods[N_PODS];
	size_t n_pods;
	int n_left; /* in the model */
};

static int add_bond(const struct allocation *row, void *userdata)
{
	struct bonds *bonds = userdata;
	int pod = atoi(row->pod + 3);

	assert_true(process_equal(&row->process, &model.pods[pod].process));
	bonds->pods[bonds->n_pods++] = pod;
	return 0;
}

void step_notice_ends(void)
{
	struct bonds bonds = {};

	for (int i = 0; i < N_PODS; i++)
		bonds.n_left += model.pods[i].is_known && model.pods[i].process.pid != 0;
	assert_int_equal(allocator_each_bound(allocator, add_bond, &bonds), 0);
	assert_int_equal(bonds.n_pods, bonds.n_left);
	for (size_t i = 0; i < bonds.n_pods; i++) {
		struct process bound = model.pods[bonds.pods[i]].process;
		const struct living *living = &world.processes[bound.pid - 100];

		if (!living->is_alive || !process_equal(&living->process, &bound))
			tell_end(bonds.pods[i], bound);
	}
}

void step_process_end(void)
{
	world.processes[below(N_PROCESSES)].is_alive = false;
	if (below(2))
		step_notice_ends();
}

static void begin_pass(void)
{
	pass.is_made = true;
	pass.sighting = (struct sighting){ .is_made = true, .is_blind = below(12) == 0 };
	pass_time();
	pass.sighting.began = world.clock;
	see(0, N_PROCESSES / 2);
}

void step_pass(void)
{
	struct pass taken = { .is_blind = pass.sighting.is_blind };

	if (!pass.is_made) {
		begin_pass();
		return;
	}
	see(N_PROCESSES / 2, N_PROCESSES);
	pass_time();
	pass.sighting.ended = world.clock;
	/* the boot's clock, less what the allocator makes of it */
	taken.began = the_time.boot - (world.clock - pass.sighting.began);
	taken.ended = the_time.boot;
	assert_int_equal(claims_draft_finish(&pass.draft, &taken.claims), 0);
	if (!world.last.is_blind || !pass.sighting.is_blind)
		world.earlier = world.last;
	world.last = pass.sighting;
	if (!world.last.is_blind)
		world.blind_since = UINT64_MAX;
	else if (world.blind_since == UINT64_MAX)
		world.blind_since = world.last.began;
	pass.is_made = false;
	assert_int_equal(allocator_take_pass(allocator, &taken), 0);
	while (allocator_drain(allocator, the_time) == 1)
		;
	model_drain();
}

void step_lose_sight(void)
{
	pass_time();
	allocator_lose_sight(allocator, the_time);
	if (world.blind_since == UINT64_MAX)
		world.blind_since = world.clock;
	while (allocator_drain(allocator, the_time) == 1)
		;
	model_drain();
}

/* The end of the daemon: what it has seen is gone with it. */
static void forget_passes(void)
{
	claims_draft_done(&pass.draft);
	pass.is_made = false;
	world.earlier = world.last = (struct sighting){};
	world.blind_since = UINT64_MAX;
	memset(world.kubelet_claims, 0, sizeof(world.kubelet_claims));
}

static void boot(void)
{
	static char id[BOOT_ID_LENGTH + 1];

	snprintf(id, sizeof(id), "%08x-0000-0000-0000-000000000000", ++n_starts);
	boot_id = id;
	the_time.boot = (below(2) ? below(100) : below(UINT32_MAX)) * SECOND;
	for (int i = 0; i < N_PROCESSES; i++)
		world.processes[i] = (struct living){};
	/* it goes on where it stood when it was last written down */
	world.clock = 0;
	for (int i = 0; i < N_IDS; i++)
		if (model.cells[i].clock > world.clock)
			world.clock = model.cells[i].clock;
}

void step_restart(void)
{
	if (below(2))
		settle();
	model = committed;
	forget_passes();
	pass_time();
	if (below(3) == 0)
		boot();
	restart();
	allocator_set_settings(allocator, &world.settings);
	if (below(3) == 0)
		edit_pools();
	put_pools();
	step_notice_ends();
}

/* A range where the kubelet gives some: a run of units, what some pod has, or anything. */
static struct id_range kubelet_range(int pod, int pool)
{
	const struct pool_geometry *p = &world.pools[pool];
	const struct owned *own = &model.pods[below(3) ? pod : (int)below(N_PODS)];
	uint32_t kind = below(6);

	if (kind < 2 && own->is_known)
		return (struct id_range){ own->start, own->count };
	if (kind == 2 || p->count == 0)
		return some_range(8);
	return (struct id_range){ p->start + below(p->count / p->unit) * p->unit, p->unit };
}

/* What is in the way of a range for a pod; NO_ROW: nothing. */
static int find_other(int pod, struct id_range range, int *ret_pod)
{
	const struct owned *own = &model.pods[pod];
	bool is_same = own->is_known && own->start == range.start && own->count == range.count;

	for (uint32_t id = range.start; id < id_range_end(range); id++) {
		const struct cell *cell = &model.cells[id];

		if (cell->state == NO_ROW || cell->state == ALLOCATION_RELEASED ||
		    (is_same && cell->pod == pod))
			continue;
		*ret_pod = cell->pod;
		return cell->state;
	}
	if (!own->is_known || is_same || own->state != ALLOCATION_ACTIVE)
		return NO_ROW;
	*ret_pod = pod;
	return own->state;
}

static void follow_adoption(int pod, int pool, struct id_range range)
{
	struct owned *own = &model.pods[pod];
	bool is_same = own->is_known && own->start == range.start && own->count == range.count;

	if (!is_same) {
		model_give(pod, pool, range, 0, ORIGIN_KUBELET);
		return;
	}
	if (own->origin == ORIGIN_KUBELET && own->state == ALLOCATION_ACTIVE && own->pool == pool)
		return;
	own->pool = pool;
	model_revive(pod, 0, ORIGIN_KUBELET);
}

void step_adopt(void)
{
	int pod = (int)below(N_PODS), pool = (int)below(N_POOLS), other = NOBODY, other_state;
	struct id_range range = kubelet_range(pod, pool);
	struct owned *own = &model.pods[pod];
	struct moment now = pass_time();
	int r = allocator_adopt(allocator, pool_names[pool], pod_name(pod), range, now, &answer);

	if (own->is_known && own->state == ALLOCATION_ACTIVE && own->origin == ORIGIN_KUBELET &&
	    (own->start != range.start || own->count != range.count))
		model_release(pod, EVENT_VANISHED, CAUSE_NONE);
	other_state = find_other(pod, range, &other);
	if (other_state == NO_ROW) {
		assert_int_equal(r, 0);
		follow_adoption(pod, pool, range);
		return;
	}
	assert_int_equal(r, ALLOCATOR_E_CONFLICT);
	assert_string_equal(answer.pod, other == NOBODY ? "" : pod_name(other));
	if (below(2))
		return;
	assert_int_equal(allocator_report_conflict(allocator, pool_names[pool], pod_name(pod),
						   range, answer.pod, now),
			 0);
	expect_event(EVENT_CONFLICT, CAUSE_NONE, pod, pool, range.start, range.count, 0, other);
}

void step_vanish(void)
{
	int pod = (int)below(N_PODS);
	const struct owned *own = &model.pods[pod];

	assert_int_equal(allocator_vanish(allocator, pod_name(pod), pass_time()), 0);
	if (own->is_known && own->state == ALLOCATION_ACTIVE && own->origin == ORIGIN_KUBELET)
		model_release(pod, EVENT_VANISHED, CAUSE_NONE);
}

void step_kubelet_claims(void)
{
	struct claims_draft draft = {};
	struct claims claims;

	memset(world.kubelet_claims, 0, sizeof(world.kubelet_claims));
	for (uint32_t n = below(4); n > 0; n--)
		add_claim(&draft, some_range(20), 0, world.kubelet_claims);
	assert_int_equal(claims_draft_finish(&draft, &claims), 0);
	assert_int_equal(allocator_take_kubelet_claims(allocator, &claims), 0);
}
