/* SPDX-License-Identifier: MIT */
#include "allocator-rig.h"

#include "allocator-private.h"

struct folder folder;
struct allocator *allocator;
struct allocation answer;
struct refusal refusal;
enum allocate_outcome outcome;

static const struct requester root = { 0, 1, true };
struct moment the_time;
const char *boot_id;
static int n_fds;

static void open_all(void)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store;

	if (store_open(folder.path, &store, &message) != 0)
		fail_msg("%s", message);
	assert_int_equal(allocator_new(store, boot_id, the_time, &allocator), 0);
}

int allocator_setup(void **state)
{
	(void)state;
	the_time = (struct moment){ 1700000000000000, 1000 * SECOND };
	boot_id = "11111111-1111-1111-1111-111111111111";
	n_fds = count_fds();
	folder_make(&folder);
	open_all();
	return 0;
}

int allocator_teardown(void **state)
{
	(void)state;
	allocator_free(take_ptr(allocator));
	folder_remove(&folder);
	assert_int_equal(count_fds(), n_fds);
	return 0;
}

void restart(void)
{
	allocator_free(take_ptr(allocator));
	open_all();
}

void set_pools(const struct pool_geometry *geometries, size_t n)
{
	struct pools pools = { calloc(n + 1, sizeof(struct pool)), 0 };

	for (size_t i = 0; i < n; i++) {
		struct pool *pool = &pools.items[pools.n_items];

		if (!geometries[i].name)
			continue;
		pools.n_items++;
		strcpy(pool->name, geometries[i].name);
		pool->unit = geometries[i].unit;
		pool->valid = !geometries[i].is_invalid;
		if (pool->valid)
			pool->range = (struct id_range){
				geometries[i].start,
				geometries[i].count / pool->unit * pool->unit,
			};
		else
			findings_add(&pool->findings, RULE_NO_ENTRY, LEVEL_ERROR, "/etc/subuid", 3,
				     "no entry");
	}
	assert_int_equal(allocator_set_pools(allocator, &pools, the_time), 0);
	pools_done(&pools); /* the ones before */
}

void set_quota(uint32_t quota)
{
	allocator_set_settings(allocator, &(struct allocator_settings){ .quota = quota });
}

void set_pool(uint32_t start, uint32_t count, uint32_t unit)
{
	set_pools(&(struct pool_geometry){ "kubelet", start, count, unit, false }, 1);
}

struct moment later(uint64_t usec)
{
	the_time.wall += usec;
	the_time.boot += usec;
	return the_time;
}

void look(struct claims *claims)
{
	struct pass pass = { .claims = *claims, .began = the_time.boot, .ended = the_time.boot };

	*claims = (struct claims){};
	assert_int_equal(allocator_take_pass(allocator, &pass), 0);
}

void drain(void)
{
	struct claims none = {};

	for (int i = 0; i < 2; i++) {
		later(PASS_GAP_USEC);
		look(&none);
	}
	while (allocator_drain(allocator, the_time) == 1)
		;
}

static int allocate(const char *pod, const char *pool, uint32_t count, struct requester by)
{
	const struct allocate_request request = {
		.pod = pod,
		.pool = pool,
		.count = count,
		.by = by,
		.now = later(1),
	};

	memset(&refusal, 0xee, sizeof(refusal));
	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal);
}

int ask(const char *pod)
{
	return allocate(pod, NULL, 0, root);
}

int ask_count(const char *pod, uint32_t count)
{
	return allocate(pod, NULL, count, root);
}

int ask_pool(const char *pod, const char *pool)
{
	return allocate(pod, pool, 0, root);
}

int ask_as(uint32_t uid, const char *pod)
{
	return allocate(pod, NULL, 0, (struct requester){ uid, 2, false });
}

int give_back(const char *pod)
{
	bool released = false;

	assert_int_equal(allocator_release(allocator, pod, root, later(1), &answer, &released), 0);
	drain();
	return released;
}

int give_back_as(uint32_t uid, const char *pod)
{
	bool released;

	return allocator_release(allocator, pod, (struct requester){ uid, 2, false }, later(1),
				 &answer, &released);
}

void expect_range(const char *pod, enum allocate_outcome expected, uint32_t start, uint32_t count)
{
	int r = ask(pod);

	if (r != 0 || outcome != expected || answer.range.start != start ||
	    answer.range.count != count)
		fail_msg("%s: %d, %s %u:%u, wanted %s %u:%u", pod, r,
			 allocate_outcome_names[outcome], answer.range.start, answer.range.count,
			 allocate_outcome_names[expected], start, count);
	assert_string_equal(answer.pod, pod);
	assert_int_equal(answer.state, ALLOCATION_ACTIVE);
}

void commit(void)
{
	assert_true(allocator_is_pending(allocator));
	assert_int_equal(allocator_commit(allocator), 0);
	assert_false(allocator_is_pending(allocator));
}

static int add_row(const struct allocation *row, void *userdata)
{
	uint32_t in = row->range.start % U || row->range.count % U ? 1 : U;
	char *text = userdata;

	sprintf(text + strlen(text), "%s:%u:%u:%s ", row->pod, row->range.start / in,
		row->range.count / in, allocation_state_names[row->state]);
	return 0;
}

const char *rows(void)
{
	static char text[65536];

	*text = 0;
	assert_int_equal(store_each_from(allocator->store, 0, add_row, text), 0);
	return text;
}

const char *usage(void)
{
	static char text[128];
	struct pool_usage u = allocator_usage(allocator, 0, the_time);

	assert_int_equal(allocator_pools(allocator)->n_items, 1);
	snprintf(text, sizeof(text), "%u %u %u %u %u", u.capacity, u.active, u.released, u.free,
		 u.n_outside);
	return text;
}
