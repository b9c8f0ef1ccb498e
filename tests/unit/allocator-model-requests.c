/* SPDX-License-Identifier: MIT */

/* What clients ask of the model and of the allocator. */

#include "allocator-model.h"

static uint32_t n_active_of(uint32_t uid)
{
	uint32_t n = 0;

	for (int i = 0; i < N_PODS; i++)
		n += model.pods[i].is_known && model.pods[i].state == ALLOCATION_ACTIVE &&
		     model.pods[i].uid == uid;
	return n;
}

bool is_held(int pod)
{
	return model.pods[pod].is_known && model.pods[pod].state == ALLOCATION_ACTIVE;
}

/* The pool that a pod would get its range from, or the reason why there is none. */
static int pool_for(int pod, int named, int *ret)
{
	const struct owned *own = &model.pods[pod];
	int n = 0, only = NOBODY, pool = named;

	for (int i = 0; i < N_POOLS; i++)
		if (is_there(i)) {
			only = i;
			n++;
		}
	if (pool == NOBODY && own->is_known && is_there(own->pool))
		pool = own->pool;
	if (pool == NOBODY && is_held(pod)) {
		*ret = NOBODY; /* it is answered what it has */
		return 0;
	}
	if (pool == NOBODY && n != 1)
		return ALLOCATOR_E_POOL_NEEDED;
	if (pool == NOBODY)
		pool = only;
	if (!is_there(pool))
		return ALLOCATOR_E_NO_SUCH_POOL;
	if (is_held(pod) && pool != own->pool)
		return ALLOCATOR_E_POOL_MISMATCH;
	if (world.pools[pool].is_invalid)
		return ALLOCATOR_E_INVALID_POOL;
	*ret = pool;
	return 0;
}

static bool comes_back(const struct owned *own, int pool, uint32_t count)
{
	const struct pool_geometry *p = &world.pools[pool];

	if (!own->is_known || own->pool != pool || (count != 0 && count != own->count) ||
	    own->start < p->start || own->start + own->count > p->start + p->count ||
	    (own->start - p->start) % p->unit != 0 || own->count % p->unit != 0)
		return false;
	for (uint32_t id = own->start; id < own->start + own->count; id++)
		if (own->state == ALLOCATION_RELEASED ? is_claimed(id) : world.kubelet_claims[id])
			return false;
	return true;
}

/* The best that a run can be; UINT64_MAX if there is none. */
static uint64_t best_of(const struct pool_geometry *pool, uint32_t count)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i + count <= pool->count; i += pool->unit) {
		uint64_t latest = latest_in(pool, pool->start + i, count);

		if (latest < best)
			best = latest;
	}
	return best;
}

static int check_owner(const struct owned *own, struct requester by)
{
	if (own->origin == ORIGIN_KUBELET)
		return ALLOCATOR_E_KUBELET;
	return by.is_privileged || by.uid == own->uid ? 0 : (int)ALLOCATOR_E_NOT_OWNER;
}

/* What must come out; for a new range, how good it must be. */
static int foresee(int pod, int named, const struct allocate_request *request, int *ret_pool,
		   uint64_t *ret_best)
{
	const struct owned *own = &model.pods[pod];
	int r = pool_for(pod, named, ret_pool);

	if (r != 0)
		return r;
	if (is_held(pod)) {
		if (request->count != 0 && request->count != own->count)
			return ALLOCATOR_E_COUNT_MISMATCH;
		return request->process ? check_owner(own, request->by) : 0;
	}
	if (request->count % world.pools[*ret_pool].unit != 0)
		return ALLOCATOR_E_BAD_COUNT;
	if (n_active_of(request->by.uid) >= world.settings.quota)
		return ALLOCATOR_E_QUOTA;
	if (comes_back(own, *ret_pool, request->count))
		return 0;
	*ret_best = best_of(&world.pools[*ret_pool],
			    request->count ? request->count : world.pools[*ret_pool].unit);
	return *ret_best == UINT64_MAX ? ALLOCATOR_E_EXHAUSTED : 0;
}

static struct requester some_client(int pod)
{
	uint32_t n = below(8) ? (uint32_t)pod : below(4);

	return (struct requester){ 1000 + n % 3, 2, false };
}

const struct living *some_living(void)
{
	const struct living *living = &world.processes[below(N_PROCESSES)];

	return living->is_alive ? living : NULL;
}

static const struct process *some_process(void)
{
	const struct living *living = some_living();

	return living ? &living->process : NULL;
}

static void expect_new(const struct allocate_request *request, const struct pool_geometry *pool,
		       uint64_t best)
{
	assert_int_equal(outcome, OUTCOME_CREATED);
	assert_int_equal(answer.range.count, request->count ? request->count : pool->unit);
	assert_int_equal((answer.range.start - pool->start) % pool->unit, 0);
	assert_true(latest_in(pool, answer.range.start, answer.range.count) == best);
}

/* Brings the model to what was answered. */
static void follow(int pod, int pool, const struct allocate_request *request, uint64_t best)
{
	const struct owned *own = &model.pods[pod];

	if (best != UINT64_MAX) {
		expect_new(request, &world.pools[pool], best);
		model_give(pod, pool, answer.range, request->by.uid, ORIGIN_REQUEST);
	} else {
		assert_int_equal(outcome, is_held(pod) ? OUTCOME_EXISTING : OUTCOME_REVIVED);
		assert_int_equal(answer.range.start, own->start);
		assert_int_equal(answer.range.count, own->count);
		if (outcome == OUTCOME_REVIVED)
			model_revive(pod, request->by.uid, ORIGIN_REQUEST);
	}
	if (request->process)
		model_bind(pod, request->process);
}

void step_allocate(void)
{
	int pod = (int)below(N_PODS), named = below(4) ? NOBODY : (int)below(N_POOLS), pool = 0;
	struct allocate_request request = {
		.pod = pod_name(pod),
		.pool = named == NOBODY ? NULL : pool_names[named],
		.count = below(4) ? 0 : 1 + below(12),
		.process = below(4) ? NULL : some_process(),
		.by = some_client(pod),
		.now = pass_time(),
	};
	uint64_t best = UINT64_MAX;
	int expected = foresee(pod, named, &request, &pool, &best);

	assert_int_equal(allocator_allocate(allocator, &request, &answer, &outcome, &refusal),
			 expected);
	if (expected == 0)
		follow(pod, pool, &request, best);
}

void step_release(void)
{
	int pod = (int)below(N_PODS);
	struct requester by = below(4) ? some_client(pod) : (struct requester){ 0, 3, true };
	const struct owned *own = &model.pods[pod];
	bool released;
	int r = allocator_release(allocator, pod_name(pod), by, pass_time(), &answer, &released);

	if (!own->is_known) {
		assert_int_equal(r, ALLOCATOR_E_NOT_FOUND);
	} else if (!is_held(pod)) {
		assert_int_equal(r, 0);
		assert_false(released);
		assert_int_equal(answer.state, own->state);
	} else {
		assert_int_equal(r, check_owner(own, by));
		if (r != 0)
			return;
		assert_true(released);
		model_release(pod, EVENT_RELEASED, CAUSE_REQUEST);
	}
}

void step_bind(void)
{
	int pod = (int)below(N_PODS), expected;
	struct requester by = some_client(pod);
	const struct process *process = some_process();

	if (!process)
		return;
	expected = is_held(pod) ? check_owner(&model.pods[pod], by) : (int)ALLOCATOR_E_NOT_FOUND;
	assert_int_equal(
		allocator_bind(allocator, pod_name(pod), process, by, pass_time(), &answer),
		expected);
	if (expected == 0)
		model_bind(pod, process);
}

struct reconciling {
	const struct reconcile_request *request;
	bool lives[N_PODS];
	bool is_done[N_PODS];
	uint32_t next; /* in the order of the ranges */
};

static bool must_go(const struct reconciling *r, int pod)
{
	const struct owned *own = &model.pods[pod];

	return is_held(pod) && !r->lives[pod] && check_owner(own, r->request->by) == 0 &&
	       (!r->request->pool || strcmp(r->request->pool, pool_names[own->pool]) == 0) &&
	       own->created_at < r->request->created_before;
}

static int on_released(const struct allocation *row, void *userdata)
{
	struct reconciling *r = userdata;
	int pod = atoi(row->pod + 3);

	assert_true(must_go(r, pod));
	assert_true(row->range.start >= r->next);
	assert_false(r->is_done[pod]);
	r->next = id_range_end(row->range);
	r->is_done[pod] = true;
	if (!r->request->is_dry_run)
		model_release(pod, EVENT_RELEASED, CAUSE_RECONCILE);
	return 0;
}

void step_reconcile(void)
{
	const char *pods[N_PODS];
	char names[N_PODS][16];
	int named = below(3) ? NOBODY : (int)below(N_POOLS);
	struct reconcile_request request = {
		.pods = pods,
		.pool = named == NOBODY ? NULL : pool_names[named],
		.is_dry_run = below(3) == 0,
		.by = below(2) ? some_client(0) : (struct requester){ 0, 3, true },
		.now = pass_time(),
	};
	struct reconciling reconciling = { .request = &request };
	uint32_t n_living = below(4);

	request.created_before = below(2) ? UINT64_MAX : the_time.wall - below(5 * SECOND);
	for (int i = 0; i < N_PODS; i++) {
		reconciling.lives[i] = below(4) < n_living;
		strcpy(names[i], pod_name(i));
		if (reconciling.lives[i])
			pods[request.n_pods++] = names[i];
	}
	if (named != NOBODY && !is_there(named)) {
		assert_int_equal(
			allocator_reconcile(allocator, &request, on_released, &reconciling),
			ALLOCATOR_E_NO_SUCH_POOL);
		return;
	}
	assert_int_equal(allocator_reconcile(allocator, &request, on_released, &reconciling), 0);
	for (int i = 0; i < N_PODS; i++)
		if (must_go(&reconciling, i))
			assert_true(reconciling.is_done[i]);
}
