/* SPDX-License-Identifier: MIT */
#include "start-rig.h"

const struct wish plain;

static struct idmap map_of(const char *range)
{
	return (struct idmap){ .hosts = { range_of(range) }, .n_hosts = 1 };
}

int record(const char *pod, const char *range, struct wish wish)
{
	struct process process = process_of(wish.pid, 5);
	struct idmap maps[2] = {};
	const struct allocate_request request = {
		.pod = pod,
		.pool = wish.pool,
		.start = range_of(range).start,
		.count = range_of(range).count,
		.process = wish.pid ? &process : NULL,
		.maps = wish.maps[0] || wish.maps[1] || wish.is_full ? maps : NULL,
		.by = { 0, 1, true },
		.now = later(1),
	};

	for (size_t i = 0; i < 2; i++)
		if (wish.maps[i])
			maps[i] = map_of(wish.maps[i]);
	if (wish.is_full)
		maps[1] = (struct idmap){ .hosts = { { 0, UINT32_MAX } },
					  .n_hosts = 1,
					  .is_full = true };
	memset(&refusal, 0xee, sizeof(refusal));
	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal);
}

void expect_recorded(const char *pod, const char *range, enum allocate_outcome expected)
{
	assert_int_equal(record(pod, range, plain), 0);
	assert_int_equal(outcome, expected);
	assert_string_equal(answer.pod, pod);
	assert_int_equal(answer.state, ALLOCATION_ACTIVE);
	assert_int_equal(answer.origin, ORIGIN_REQUEST);
	assert_int_equal(answer.range.start, range_of(range).start);
}

void expect_refused(const char *pod, const char *range, struct wish wish, int error)
{
	const struct allocation before = answer;

	assert_int_equal(record(pod, range, wish), error);
	assert_memory_equal(&answer, &before, sizeof(answer));
	if (*events())
		fail_msg("a refusal left an event");
}

void expect_taken(const char *asking, const char *range, struct wish wish, const char *pod,
		  const char *taken, uint32_t pid)
{
	expect_refused(asking, range, wish, ALLOCATOR_E_RANGE_TAKEN);
	assert_string_equal(refusal.pod, pod);
	assert_true(id_range_equal(refusal.range, range_of(taken)));
	assert_int_equal(refusal.pid, pid);
}
