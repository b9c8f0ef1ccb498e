/* SPDX-License-Identifier: MIT */
#include "allocator-life.h"

#include "allocator-private.h"

static const struct requester root = { 0, 1, true };
static uint64_t last_seen; /* event */
char pod_in_way[POD_KEY_MAX + 1];

int life_setup(void **state)
{
	allocator_setup(state);
	set_pool(U, 8 * U, U);
	commit();
	return store_last_event(allocator->store, &last_seen);
}

struct id_range range_of(const char *text)
{
	struct id_range range;

	assert_int_equal(sscanf(text, "%u:%u", &range.start, &range.count), 2);
	if (range.start < U) {
		range.start *= U;
		range.count *= U;
	}
	return range;
}

struct claims claims_of(const char *ranges)
{
	struct claims_draft draft = {};
	struct claims claims;
	uint32_t pid = 1000;

	for (const char *p = ranges; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
		struct claim *claim;
		bool is_new;

		assert_int_equal(claims_draft_add(&draft, range_of(p), pid++, &claim, &is_new), 0);
	}
	assert_int_equal(claims_draft_finish(&draft, &claims), 0);
	return claims;
}

static void take(uint64_t began, const char *ranges, bool is_blind)
{
	struct pass pass = {
		.claims = claims_of(ranges),
		.began = began,
		.ended = the_time.boot,
		.is_blind = is_blind,
	};

	assert_int_equal(allocator_take_pass(allocator, &pass), 0);
	assert_int_equal(pass.claims.n_items, 0);
}

void see_since(uint64_t began, const char *ranges)
{
	take(began, ranges, false);
}

void see(const char *ranges)
{
	take(the_time.boot, ranges, false);
}

void see_blindly(const char *ranges)
{
	take(the_time.boot, ranges, true);
}

bool has_drained(void)
{
	uint32_t before = allocator_n_draining(allocator);
	int r;

	while ((r = allocator_drain(allocator, the_time)) == 1)
		;
	assert_int_equal(r, 0);
	return allocator_n_draining(allocator) < before;
}

void see_kubelet(const char *ranges)
{
	struct claims claims = claims_of(ranges);

	assert_int_equal(allocator_take_kubelet_claims(allocator, &claims), 0);
	assert_int_equal(claims.n_items, 0);
}

void let_go(const char *pod)
{
	bool released = false;

	assert_int_equal(allocator_release(allocator, pod, root, later(1), &answer, &released), 0);
	assert_true(released);
}

int adopt(const char *pod, const char *range)
{
	struct allocation other = {};
	int r = allocator_adopt(allocator, "kubelet", pod, range_of(range), later(1), &other);

	strcpy(pod_in_way, other.pod);
	return r;
}

void vanish(const char *pod)
{
	assert_int_equal(allocator_vanish(allocator, pod, later(1)), 0);
}

struct process process_of(uint32_t pid, uint64_t start)
{
	struct process process = { .pid = pid, .start = start };

	strcpy(process.boot, boot_id);
	return process;
}

int tie(const char *pod, uint32_t pid, uint64_t start)
{
	struct process process = process_of(pid, start);

	return allocator_bind(allocator, pod, &process, root, later(1), &answer);
}

int ask_tied(const char *pod, uint32_t pid, uint64_t start)
{
	struct process process = process_of(pid, start);
	const struct allocate_request request = {
		.pod = pod, .process = &process, .by = root, .now = later(1)
	};

	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal);
}

bool ended(const char *pod, uint32_t pid, uint64_t start)
{
	struct process process = process_of(pid, start);
	bool released;

	assert_int_equal(allocator_process_ended(allocator, pod, &process, later(1), &released), 0);
	return released;
}

void start_with(uint32_t n_units)
{
	restart();
	set_pool(U, n_units * U, U);
}

void start_boot(const char *id, uint64_t boot)
{
	boot_id = id;
	the_time.boot = boot;
}

void set_delay(uint64_t reuse_delay, uint64_t blind_drain)
{
	allocator_set_settings(allocator,
			       &(struct allocator_settings){ .reuse_delay = reuse_delay,
							     .blind_drain = blind_drain });
}

static void add_range(char *text, struct id_range range)
{
	uint32_t in = range.start % U || range.count % U ? 1 : U;

	sprintf(text + strlen(text), " %u:%u", range.start / in, range.count / in);
}

static int add_event(const struct event *event, void *userdata)
{
	char *text = userdata;
	bool has_pool = event->kind == EVENT_POOL_CHANGED;

	last_seen = event->sequence;
	assert_true(strlen(text) < 60000);
	sprintf(text + strlen(text), "%s%s %s", *text ? "; " : "", event_kind_names[event->kind],
		has_pool ? event->pool : event->pod);
	add_range(text, event->range);
	if (event->cause != CAUSE_NONE)
		sprintf(text + strlen(text), " %s", event_cause_names[event->cause]);
	if (event->kind == EVENT_BOUND)
		sprintf(text + strlen(text), " pid %u", event->pid);
	if (*event->other_pod)
		sprintf(text + strlen(text), " by %s", event->other_pod);
	return 0;
}

const char *events(void)
{
	static char text[65536];

	*text = 0;
	assert_int_equal(store_each_event_between(allocator->store, last_seen + 1, UINT64_MAX,
						  add_event, text),
			 0);
	return text;
}

const char *units(void)
{
	static char text[128];
	struct pool_usage u = allocator_usage(allocator, 0, the_time);

	snprintf(text, sizeof(text), "%u %u %u %u %u %u", u.active, u.draining, u.released,
		 u.waiting, u.foreign, u.free);
	return text;
}
