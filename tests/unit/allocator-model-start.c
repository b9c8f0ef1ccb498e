/* SPDX-License-Identifier: MIT */

/* What clients ask of the model and of the allocator for pods that were started with a range. */

#include "allocator-model.h"

/* What must come out. */
struct foreseen {
	int r, pool;
	struct id_range range; /* that the pod gets, or that is refused */
	int pod;	       /* that is in the way, or NOBODY */
	bool is_seen;	       /* in the way is what was seen in use */
};

/* The pool that the range must lie in; NOBODY if there is none. */
static int choose_pool(int pod, int named, uint32_t start)
{
	const struct owned *own = &model.pods[pod];
	int invalid = NOBODY;

	if (named != NOBODY)
		return named;
	for (int i = N_POOLS - 1; i >= 0; i--) {
		const struct pool_geometry *pool = &world.pools[i];

		if (is_there(i) && pool->is_invalid)
			invalid = i;
		else if (is_there(i) && start >= pool->start && start - pool->start < pool->count)
			return i;
	}
	if (is_held(pod) && is_there(own->pool))
		return own->pool;
	return is_held(pod) && own->start == start ? NOBODY : invalid;
}

static bool is_bad(const struct pool_geometry *pool, struct id_range range)
{
	return !id_range_within(range, (struct id_range){ pool->start, pool->count }) ||
	       (range.start - pool->start) % pool->unit != 0;
}

static bool must_wait(const struct cell *cell)
{
	return cell->state != ALLOCATION_RELEASED ||
	       world.clock - cell->clock < world.settings.reuse_delay;
}

/* Is something in the way of the pod? */
static bool is_taken(int pod, bool is_explained, struct foreseen *foreseen)
{
	struct id_range range = foreseen->range;

	for (uint32_t id = range.start; id < id_range_end(range); id++) {
		const struct cell *cell = &model.cells[id];

		if (cell->state == NO_ROW || cell->pod == pod || !must_wait(cell))
			continue;
		foreseen->pod = cell->pod;
		foreseen->range = (struct id_range){ cell->start, cell->count };
		return true;
	}
	foreseen->pod = NOBODY;
	foreseen->is_seen = true;
	for (uint32_t id = range.start; id < id_range_end(range); id++)
		if (is_explained ? world.kubelet_claims[id] : is_claimed(id))
			return true;
	return false;
}

static struct foreseen foresee(int pod, int named, const struct allocate_request *request,
			       const struct living *process)
{
	const struct owned *own = &model.pods[pod];
	struct foreseen f = { .range = { request->start, request->count } };
	bool is_own;

	f.pool = choose_pool(pod, named, request->start);
	if (f.pool != NOBODY && (!is_there(f.pool) || world.pools[f.pool].is_invalid)) {
		f.r = is_there(f.pool) ? ALLOCATOR_E_INVALID_POOL : ALLOCATOR_E_NO_SUCH_POOL;
		return f;
	}
	if (f.range.count == 0 && f.pool != NOBODY)
		f.range.count = world.pools[f.pool].unit;
	is_own = own->is_known && own->start == f.range.start && own->count == f.range.count;
	if (is_own && is_held(pod))
		f.r = named == NOBODY || named == own->pool ? 0 : (int)ALLOCATOR_E_POOL_MISMATCH;
	else if (f.pool != NOBODY && f.range.count % world.pools[f.pool].unit != 0)
		f.r = ALLOCATOR_E_BAD_COUNT;
	else if (f.pool == NOBODY || is_bad(&world.pools[f.pool], f.range))
		f.r = ALLOCATOR_E_BAD_START;
	else if (own->is_known && !is_own && own->state != ALLOCATION_RELEASED)
		f.r = ALLOCATOR_E_RANGE_MISMATCH;
	else if (is_taken(pod,
			  (is_own && own->state == ALLOCATION_DRAINING) ||
				  (process && process->map.count > 0 &&
				   id_range_overlaps(process->map, f.range)),
			  &f))
		f.r = ALLOCATOR_E_RANGE_TAKEN;
	return f;
}

/* Brings the model to what was answered. */
static void follow(int pod, const struct foreseen *f, const struct process *process)
{
	struct owned *own = &model.pods[pod];

	assert_int_equal(answer.range.start, f->range.start);
	assert_int_equal(answer.range.count, f->range.count);
	if (is_held(pod)) {
		assert_int_equal(outcome, OUTCOME_EXISTING);
	} else if (own->is_known && own->start == f->range.start && own->count == f->range.count) {
		assert_int_equal(outcome, OUTCOME_REVIVED);
		own->pool = f->pool;
		model_revive(pod, 0, ORIGIN_REQUEST);
	} else {
		assert_int_equal(outcome, OUTCOME_CREATED);
		model_give(pod, f->pool, f->range, 0, ORIGIN_REQUEST);
	}
	if (process && own->origin == ORIGIN_REQUEST)
		model_bind(pod, process);
}

static void check_refusal(int pod, const struct foreseen *f)
{
	if (f->r == ALLOCATOR_E_RANGE_MISMATCH) {
		assert_int_equal(refusal.range.start, model.pods[pod].start);
		assert_int_equal(refusal.range.count, model.pods[pod].count);
	}
	if (f->r != ALLOCATOR_E_RANGE_TAKEN)
		return;
	assert_string_equal(refusal.pod, f->pod == NOBODY ? "" : pod_name(f->pod));
	if (f->is_seen) {
		assert_true(id_range_overlaps(refusal.range, f->range));
		return;
	}
	assert_int_equal(refusal.range.start, f->range.start);
	assert_int_equal(refusal.range.count, f->range.count);
	assert_int_equal(refusal.pid, 0);
}

/* The maps of a process; one that has none is in the namespace of the node. */
static void make_maps(const struct living *process, struct idmap maps[2])
{
	memset(maps, 0, 2 * sizeof(*maps));
	maps[1] = (struct idmap){ .hosts = { { 0, UINT32_MAX } }, .n_hosts = 1, .is_full = true };
	maps[0] = maps[1];
	if (process->map.count > 0)
		maps[below(2)] = (struct idmap){ .hosts = { process->map }, .n_hosts = 1 };
}

/* What some pod has or had, the units around a process, or units of a pool, or anything. */
static struct id_range choose_range(int pod, const struct living *process)
{
	const struct owned *own = &model.pods[below(2) ? pod : (int)below(N_PODS)];
	const struct pool_geometry *pool = &world.pools[below(N_POOLS)];
	uint32_t kind = below(8), id = below(N_IDS), count;

	if (kind < 3 && own->is_known)
		return (struct id_range){ own->start, below(4) ? own->count : 0 };
	if (kind == 7 || pool->count == 0)
		return (struct id_range){ id, below(30) };
	if (kind < 6 && process && process->map.count > 0)
		id = process->map.start;
	else
		id = pool->start + id % pool->count;
	count = below(4) ? below(3) * pool->unit : below(30);
	return (struct id_range){ id < pool->start ? id : id - (id - pool->start) % pool->unit,
				  count };
}

void step_record(void)
{
	int pod = (int)below(N_PODS), named = below(4) ? NOBODY : (int)below(N_POOLS);
	const struct living *process = below(2) ? some_living() : NULL;
	struct id_range range = choose_range(pod, process);
	struct idmap maps[2];
	struct allocate_request request = {
		.pod = pod_name(pod),
		.pool = named == NOBODY ? NULL : pool_names[named],
		.start = range.start,
		.count = range.count,
		.process = process ? &process->process : NULL,
		.maps = process ? maps : NULL,
		.by = { 0, 3, true },
		.now = pass_time(),
	};
	struct foreseen foreseen;

	if (range.start == 0)
		return;
	if (process)
		make_maps(process, maps);
	foreseen = foresee(pod, named, &request, process);
	assert_int_equal(allocator_allocate(allocator, &request, &answer, &outcome, &refusal),
			 foreseen.r);
	if (foreseen.r == 0)
		follow(pod, &foreseen, request.process);
	else
		check_refusal(pod, &foreseen);
}
