/* SPDX-License-Identifier: MIT */
#include "flips-work.h"

#include "cleanup.h"
#include "flips-image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct requester root = { 0, 1, true };

struct moment work_moment(uint32_t number)
{
	return (struct moment){
		UINT64_C(1700000000000000) + number * UINT64_C(1000),
		UINT64_C(1000000000) + number * UINT64_C(1000),
	};
}

int work_set_pool(struct allocator *allocator, uint32_t n_units, struct moment now)
{
	struct pools pools = { calloc(1, sizeof(struct pool)), 1 };
	int r;

	if (!pools.items)
		return -ENOMEM;
	strcpy(pools.items->name, "kubelet");
	pools.items->unit = WORK_UNIT;
	pools.items->valid = true;
	pools.items->range = (struct id_range){ WORK_UNIT, n_units * WORK_UNIT };
	r = allocator_set_pools(allocator, &pools, now);
	pools_done(&pools);
	return r;
}

int work_open(const char *folder, struct moment now, struct store **ret_store,
	      struct allocator **ret, char **ret_message)
{
	int r = store_open(folder, ret_store, ret_message);

	if (r != 0)
		return r;
	r = allocator_new(*ret_store, WORK_BOOT, now, ret);
	if (r < 0)
		store_free(*ret_store);
	return r;
}

int work_allocate(struct allocator *allocator, const char *pod, struct moment now)
{
	struct allocate_request request = { .pod = pod, .by = root, .now = now };
	enum allocate_outcome outcome;
	struct allocation answer;
	struct refusal refusal;

	if (pod[strlen(pod) - 1] == '7') {
		request.count = 2 * WORK_UNIT;
		request.namespace = "default";
		request.name = "a-pod-with-a-name";
	}
	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal);
}

int work_commit(struct allocator *allocator)
{
	return allocator_is_pending(allocator) ? allocator_commit(allocator) : 0;
}

static int release(struct allocator *allocator, const char *pod, struct moment now)
{
	struct allocation answer;
	bool is_released;

	return allocator_release(allocator, pod, root, now, &answer, &is_released);
}

static int bind(struct allocator *allocator, const char *pod, uint32_t pid, struct moment now)
{
	struct process process = { .pid = pid, .start = pid, .boot = WORK_BOOT };
	struct allocation answer;

	return allocator_bind(allocator, pod, &process, root, now, &answer);
}

static int adopt(struct allocator *allocator, const char *pod, uint32_t unit, struct moment now)
{
	struct id_range range = { unit * WORK_UNIT, WORK_UNIT };
	struct allocation other;

	return allocator_adopt(allocator, "kubelet", pod, range, now, &other);
}

/* Two passes that find nothing. */
static int drain(struct allocator *allocator, uint32_t *number)
{
	int r = 0;

	for (int i = 0; i < 2 && r >= 0; i++) {
		struct moment now = work_moment(*number += 1001);
		struct pass pass = { .began = now.boot, .ended = now.boot };

		r = allocator_take_pass(allocator, &pass);
	}
	while (r >= 0 && (r = allocator_drain(allocator, work_moment(*number))) == 1)
		;
	return r;
}

static int step(struct allocator *allocator, uint64_t *state, uint32_t *number)
{
	struct moment now = work_moment(++*number);
	uint32_t what = flips_chance(state, 100);
	char pod[32];

	snprintf(pod, sizeof(pod), "0c1f7e42-%u", flips_chance(state, WORK_PODS));
	if (what < 50)
		return work_allocate(allocator, pod, now);
	if (what < 80)
		return release(allocator, pod, now);
	if (what < 88)
		return bind(allocator, pod, 1000 + *number, now);
	if (what < 94)
		return adopt(allocator, pod, 1 + flips_chance(state, WORK_UNITS), now);
	if (what < 98)
		return drain(allocator, number);
	return work_set_pool(allocator, WORK_UNITS + flips_chance(state, 3), now);
}

/* What the daemon does some time after a commit. */
static int index_some(struct store *store, uint64_t *state)
{
	int r = store_begin(store);

	if (r == 0)
		r = store_index_events(store, 1 + flips_chance(state, 100));
	return r < 0 ? r : store_commit(store);
}

/* Whoever did the last thing, something without an event may come behind it. */
static int finish(struct allocator *allocator, uint64_t *state, uint32_t number, bool is_clean)
{
	int r = work_set_pool(allocator, WORK_UNITS, work_moment(number + 1));

	if (r >= 0)
		r = work_commit(allocator);
	if (r >= 0 && (is_clean || flips_chance(state, 4) == 0))
		r = allocator_keep_clock(allocator, work_moment(number + 2));
	if (is_clean)
		allocator_free(allocator);
	return r;
}

bool work(const char *folder, uint64_t *state, bool is_clean)
{
	uint32_t n_steps = 1 + flips_chance(state, 400), number = 0;
	_cleanup_(freep) char *message = NULL;
	struct allocator *allocator;
	struct store *store;
	int r = work_open(folder, work_moment(0), &store, &allocator, &message);

	if (r != 0)
		return false;
	r = work_set_pool(allocator, WORK_UNITS, work_moment(0));
	for (uint32_t i = 0; i < n_steps && r >= 0; i++) {
		r = step(allocator, state, &number);
		if (r >= 0 && flips_chance(state, 3) == 0)
			r = work_commit(allocator);
		if (r >= 0 && !allocator_is_pending(allocator) && flips_chance(state, 20) == 0)
			r = index_some(store, state);
	}
	return r >= 0 && finish(allocator, state, number, is_clean) >= 0;
}
