/* SPDX-License-Identifier: MIT */

/*
 * A random walk of the allocator and the store under it, against a model that knows of each ID who
 * has it. The IDs are few and the units small, so that everything meets everything: pools come, go,
 * move and change their unit, changes are committed or lost in a crash.
 */

#include "allocator-rig.h"

#include <errno.h>

#define N_STEPS 60000
#define N_IDS 300
#define N_PODS 40
#define N_POOLS 3
#define QUOTA 9
#define NOBODY -1

struct owned {
	bool is_known; /* has a row */
	bool is_active;
	int pool; /* index of its name */
	uint32_t start, count;
	uint32_t uid;
};

struct model {
	struct owned pods[N_PODS];
	int owners[N_IDS]; /* of the row over it; NOBODY */
	bool actives[N_IDS];
	uint64_t orders[N_IDS]; /* of its release; 0 if it is active or was never used */
	uint64_t n_releases;
};

static struct model model, committed;
static struct pool_geometry pools[N_POOLS];
static uint64_t random_state;

static const char *const pool_names[N_POOLS] = { "p0", "p1", "p2" };

static uint32_t below(uint32_t n)
{
	return chance(&random_state, n);
}

static const char *pod_name(int pod)
{
	static char name[16];

	snprintf(name, sizeof(name), "pod%d", pod);
	return name;
}

/* Pools in that order, one behind the other; some are not there, some not valid. */
static void change_pools(void)
{
	uint32_t at = below(20);

	for (int i = 0; i < N_POOLS; i++) {
		uint32_t unit = 1 + below(4), count = unit * (1 + below(90 / unit));

		pools[i] = (struct pool_geometry){ below(6) ? pool_names[i] : NULL, at, count, unit,
						   below(8) == 0 };
		at += count + below(5);
	}
	set_pools(pools, N_POOLS);
}

static void start_again(bool with_commit)
{
	if (with_commit && allocator_is_pending(allocator))
		commit();
	if (with_commit)
		committed = model;
	model = committed;
	restart();
	set_pools(pools, N_POOLS);
	set_quota(QUOTA);
}

/* The latest release among the IDs; UINT64_MAX if one of them is in use. */
static uint64_t latest_of(uint32_t start, uint32_t count)
{
	uint64_t latest = 0;

	for (uint32_t id = start; id < start + count; id++) {
		if (model.actives[id])
			return UINT64_MAX;
		if (model.orders[id] > latest)
			latest = model.orders[id];
	}
	return latest;
}

/* The best that a run can be; UINT64_MAX if there is none. */
static uint64_t best_of(const struct pool_geometry *pool, uint32_t count)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i + count <= pool->count; i += pool->unit) {
		uint64_t latest = latest_of(pool->start + i, count);

		if (latest < best)
			best = latest;
	}
	return best;
}

static void forget(int pod)
{
	struct owned *own = &model.pods[pod];

	for (uint32_t id = own->start; own->is_known && id < own->start + own->count; id++)
		model.owners[id] = NOBODY;
	own->is_known = false;
}

static void give(int pod, int pool, struct id_range range)
{
	forget(pod);
	for (uint32_t id = range.start; id < id_range_end(range); id++) {
		assert_false(model.actives[id]);
		if (model.owners[id] != NOBODY)
			forget(model.owners[id]);
		model.owners[id] = pod;
		model.actives[id] = true;
		model.orders[id] = 0;
	}
	model.pods[pod] = (struct owned){
		true, true, pool, range.start, range.count, 1000 + pod % 3
	};
}

static uint32_t n_active_of(uint32_t uid)
{
	uint32_t n = 0;

	for (int i = 0; i < N_PODS; i++)
		n += model.pods[i].is_known && model.pods[i].is_active && model.pods[i].uid == uid;
	return n;
}

static bool is_there(int pool)
{
	return pools[pool].name;
}

/* The pool that a pod would get its range from, or the reason why there is none. */
static int pool_for(int pod, int named, int *ret)
{
	const struct owned *own = &model.pods[pod];
	bool is_held = own->is_known && own->is_active;
	int n = 0, only = NOBODY, pool = named;

	for (int i = 0; i < N_POOLS; i++)
		if (is_there(i)) {
			only = i;
			n++;
		}
	if (pool == NOBODY && own->is_known && is_there(own->pool))
		pool = own->pool;
	if (pool == NOBODY && is_held) {
		*ret = NOBODY; /* it is answered what it has */
		return 0;
	}
	if (pool == NOBODY && n != 1)
		return ALLOCATOR_E_POOL_NEEDED;
	if (pool == NOBODY)
		pool = only;
	if (!is_there(pool))
		return ALLOCATOR_E_NO_SUCH_POOL;
	if (is_held && pool != own->pool)
		return ALLOCATOR_E_POOL_MISMATCH;
	if (pools[pool].is_invalid)
		return ALLOCATOR_E_INVALID_POOL;
	*ret = pool;
	return 0;
}

static bool comes_back(const struct owned *own, int pool, uint32_t count)
{
	const struct pool_geometry *p = &pools[pool];

	return own->is_known && own->pool == pool && (count == 0 || count == own->count) &&
	       own->start >= p->start && own->start + own->count <= p->start + p->count &&
	       (own->start - p->start) % p->unit == 0 && own->count % p->unit == 0;
}

/* What must come out; for a new range, how good it must be. */
static int foresee(int pod, int named, uint32_t count, int *ret_pool, uint64_t *ret_best)
{
	const struct owned *own = &model.pods[pod];
	int r = pool_for(pod, named, ret_pool);

	if (r != 0)
		return r;
	if (own->is_known && own->is_active)
		return count == 0 || count == own->count ? 0 : ALLOCATOR_E_COUNT_MISMATCH;
	if (count % pools[*ret_pool].unit != 0)
		return ALLOCATOR_E_BAD_COUNT;
	if (n_active_of(1000 + (uint32_t)pod % 3) >= QUOTA)
		return ALLOCATOR_E_QUOTA;
	if (comes_back(own, *ret_pool, count))
		return 0;
	*ret_best = best_of(&pools[*ret_pool], count ? count : pools[*ret_pool].unit);
	return *ret_best == UINT64_MAX ? ALLOCATOR_E_EXHAUSTED : 0;
}

static void step_allocate(void)
{
	int pod = (int)below(N_PODS), named = below(4) ? NOBODY : (int)below(N_POOLS), pool = 0;
	struct allocate_request request = {
		.pod = pod_name(pod),
		.pool = named == NOBODY ? NULL : pool_names[named],
		.count = below(4) ? 0 : 1 + below(12),
		.by = { 1000 + (uint32_t)pod % 3, 2, false },
		.now = later(1),
	};
	const struct owned *own = &model.pods[pod];
	uint64_t best = UINT64_MAX;
	int expected = foresee(pod, named, request.count, &pool, &best);
	int r = allocator_allocate(allocator, &request, &answer, &outcome, &refusal);

	assert_int_equal(r, expected);
	if (r != 0)
		return;
	if (best == UINT64_MAX) {
		assert_int_equal(outcome, own->is_active ? OUTCOME_EXISTING : OUTCOME_REVIVED);
		assert_int_equal(answer.range.start, own->start);
		assert_int_equal(answer.range.count, own->count);
	} else {
		assert_int_equal(outcome, OUTCOME_CREATED);
		assert_int_equal(answer.range.count,
				 request.count ? request.count : pools[pool].unit);
		assert_int_equal((answer.range.start - pools[pool].start) % pools[pool].unit, 0);
		assert_int_equal(latest_of(answer.range.start, answer.range.count), best);
	}
	if (outcome != OUTCOME_EXISTING)
		give(pod, pool, answer.range);
}

static void step_release(void)
{
	int pod = (int)below(N_PODS);
	struct owned *own = &model.pods[pod];
	bool released;
	uint32_t uid = 1000 + below(4);
	int r = allocator_release(allocator, pod_name(pod),
				  (struct requester){ uid, 2, uid == 1003 }, later(1), &answer,
				  &released);

	if (!own->is_known) {
		assert_int_equal(r, ALLOCATOR_E_NOT_FOUND);
		return;
	}
	if (own->is_active && uid != 1003 && uid != own->uid) {
		assert_int_equal(r, ALLOCATOR_E_NOT_OWNER);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(released, own->is_active);
	if (!released)
		return;
	drain();
	own->is_active = false;
	model.n_releases++;
	for (uint32_t id = own->start; id < own->start + own->count; id++) {
		model.actives[id] = false;
		model.orders[id] = model.n_releases;
	}
}

/* Who has each ID, according to the allocator. */
static void compare_ids(void)
{
	for (uint32_t id = 0; id < N_IDS; id++) {
		struct allocation got;
		int r = allocator_lookup(allocator, id, &got);

		assert_int_equal(r, model.owners[id] == NOBODY ? ALLOCATOR_E_NOT_FOUND : 0);
		if (r == 0) {
			assert_string_equal(got.pod, pod_name(model.owners[id]));
			assert_int_equal(got.state == ALLOCATION_ACTIVE, model.actives[id]);
		}
	}
}

static int check_row(const struct allocation *row, void *userdata)
{
	uint32_t *n_active = userdata;
	const struct owned *own = &model.pods[atoi(row->pod + 3)];

	assert_true(own->is_known);
	assert_int_equal(row->range.start, own->start);
	assert_int_equal(row->range.count, own->count);
	assert_string_equal(row->pool, pool_names[own->pool]);
	n_active[own->pool] += !row->in_pool;
	return 0;
}

static void compare_pools(void)
{
	uint32_t n_outside[N_POOLS] = {};
	size_t index = 0;

	assert_int_equal(allocator_each(allocator, 0, check_row, n_outside), 0);
	for (int i = 0; i < N_POOLS; i++) {
		struct pool_usage counted = {}, got;

		if (!is_there(i))
			continue;
		for (uint32_t j = 0; !pools[i].is_invalid && j < pools[i].count;
		     j += pools[i].unit) {
			uint64_t latest = latest_of(pools[i].start + j, pools[i].unit);

			counted.capacity++;
			counted.active += latest == UINT64_MAX;
			counted.released += latest > 0 && latest < UINT64_MAX;
			counted.free += latest < UINT64_MAX;
		}
		counted.n_outside = n_outside[i];
		got = allocator_usage(allocator, index++, the_time);
		assert_memory_equal(&got, &counted, sizeof(got));
	}
}

static void test_walk(void **state)
{
	(void)state;
	random_state = chance_begin();
	memset(&model, 0, sizeof(model));
	for (int id = 0; id < N_IDS; id++)
		model.owners[id] = NOBODY;
	committed = model;
	change_pools();
	set_quota(QUOTA);
	for (int step = 0; step < N_STEPS; step++) {
		if (below(5) < 3)
			step_allocate();
		else
			step_release();
		if (below(50) == 0 && allocator_is_pending(allocator)) {
			commit();
			committed = model;
		}
		if (below(300) == 0)
			change_pools();
		if (below(1500) == 0)
			start_again(below(2));
		if (below(200) == 0) {
			compare_ids();
			compare_pools();
		}
	}
	start_again(true);
	compare_ids();
	compare_pools();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walk, allocator_setup, allocator_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
