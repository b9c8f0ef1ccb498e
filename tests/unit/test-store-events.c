/* SPDX-License-Identifier: MIT */

/* The history against the dumbest possible one: an array that is looked through from its end. */

#include "store-folder.h"

#include <errno.h>

#define U 65536u
#define N_EVENTS 5000 /* several blocks of the index of times */
#define N_PODS 40

static struct store *store;
static struct event model[N_EVENTS + 1]; /* by sequence */
static uint64_t first = 1, last;

static int make(void **state)
{
	folder_setup(state);
	store = open_store();
	first = 1;
	last = 0;
	return 0;
}

static int drop(void **state)
{
	store_free(take_ptr(store));
	return folder_teardown(state);
}

static void add(const struct event *event)
{
	uint64_t sequence;

	assert_int_equal(store_insert_event(store, event), 0);
	assert_int_equal(store_last_event(store, &sequence), 0);
	assert_int_equal(sequence, ++last);
	model[last] = *event;
	model[last].sequence = last;
}

/* Ranges of several sizes that nest, of pods that move, some of none. */
static struct event make_event(uint64_t *seed, uint64_t time)
{
	static const uint32_t counts[] = { U, U, U, 2 * U, 5 * U, 1, U + 1 };
	struct event e = {
		.time = time,
		.kind = (enum event_kind)chance(seed, N_EVENT_KINDS),
		.cause = (enum event_cause)chance(seed, N_EVENT_CAUSES),
		.pool = "p",
	};

	if (chance(seed, 5) > 0)
		snprintf(e.pod, sizeof(e.pod), "pod-%u", chance(seed, N_PODS));
	if (chance(seed, 10) > 0)
		e.range = (struct id_range){ (1 + chance(seed, 20)) * U / (1 + chance(seed, 2)),
					     counts[chance(seed, ELEMENTS_OF(counts))] };
	e.has_client = chance(seed, 2);
	if (e.has_client) {
		e.client_uid = chance(seed, 2) ? UINT32_MAX : 0;
		e.client_pid = chance(seed, 3);
	}
	e.pid = chance(seed, 3) ? 0 : UINT32_MAX;
	snprintf(e.name, sizeof(e.name), "%s", chance(seed, 2) ? "na\xc3\xafve" : "");
	snprintf(e.namespace, sizeof(e.namespace), "%s", chance(seed, 2) ? "ns" : "");
	snprintf(e.other_pod, sizeof(e.other_pod), "%s", chance(seed, 2) ? "other" : "");
	return e;
}

/* A clock that mostly goes on, now and then back, and once to the next year. */
static uint64_t next_time(uint64_t *seed, uint64_t time)
{
	switch (chance(seed, 100)) {
	case 0:
		return time / 2;
	case 1:
		return time + 100000;
	}
	return time + chance(seed, 3);
}

static void fill(uint64_t *seed, uint32_t n)
{
	uint64_t time = 1000;

	assert_int_equal(store_begin(store), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct event event = make_event(seed, time);

		add(&event);
		time = next_time(seed, time);
	}
	assert_int_equal(store_commit(store), 0);
}

static bool is_wanted(const struct event *e, const struct event_query *q)
{
	if (q->pod && strcmp(q->pod, e->pod) != 0)
		return false;
	if (q->has_id && (!*e->pod || !id_range_contains(e->range, q->id)))
		return false;
	return e->time >= q->since && e->time <= q->until && e->sequence < q->before;
}

struct walk {
	const struct event_query *query;
	uint64_t at; /* everything from here on was looked at */
	uint32_t n, most;
};

/* The next event must be the next one of the model that is wanted. */
static int expect_next(const struct event *event, void *userdata)
{
	struct walk *walk = userdata;

	while (walk->at > first && !is_wanted(&model[walk->at - 1], walk->query))
		walk->at--;
	assert_true(walk->at > first);
	walk->at--;
	assert_memory_equal(event, &model[walk->at], sizeof(*event));
	return ++walk->n == walk->most ? 42 : 0;
}

static uint32_t expect_query(const struct event_query *query, uint32_t most)
{
	struct walk walk = { query, last + 1, 0, most };
	int r = store_each_event(store, query, expect_next, &walk);

	assert_int_equal(r, most > 0 && walk.n == most ? 42 : 0);
	while (r == 0 && walk.at-- > first)
		assert_false(is_wanted(&model[walk.at], query));
	return walk.n;
}

static void ask(uint64_t *seed)
{
	char pod[32];
	struct event_query query = { .until = UINT64_MAX, .before = UINT64_MAX };

	snprintf(pod, sizeof(pod), "pod-%u", chance(seed, N_PODS + 1));
	if (chance(seed, 2))
		query.pod = pod;
	query.has_id = chance(seed, 2);
	query.id = query.has_id ? chance(seed, 24 * U) : 0;
	if (query.has_id && chance(seed, 2)) /* a border */
		query.id = query.id / U * U - chance(seed, 2);
	if (chance(seed, 2))
		query.since = model[first + chance(seed, (uint32_t)(last - first) + 1)].time;
	if (chance(seed, 2))
		query.until = query.since + chance(seed, 2000);
	if (chance(seed, 2))
		query.before = first - 1 + chance(seed, (uint32_t)(last - first) + 4);
	expect_query(&query, chance(seed, 3) == 0 ? 1 + chance(seed, 300) : 0);
}

static void test_queries(void **state)
{
	uint64_t seed = chance_begin();

	(void)state;
	fill(&seed, N_EVENTS);
	/* the indexes come behind, some at a time and as far as they like */
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 100; j++)
			ask(&seed);
		assert_int_equal(store_index_events(store, chance(&seed, 600)), 0);
		if (i % 5 == 0)
			assert_int_equal(store_reopen(store), 0);
	}
	for (int i = 0; i < 1000; i++)
		ask(&seed);
	/* and with a beginning that is no border of a block */
	for (uint32_t n, i = 0; i < 7; i++) {
		assert_int_equal(store_prune_events(store, 0, 1, 300, &n), 0);
		assert_int_equal(n, 300);
		first += n;
		for (int j = 0; j < 200; j++)
			ask(&seed);
	}
}

static void test_empty(void **state)
{
	static const char *const pods[] = { NULL, "a", "" };
	struct store_facts facts;
	uint64_t sequence = 7;
	uint32_t n = 7;

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(pods); i++)
		for (int has_id = 0; has_id <= 1; has_id++) {
			const struct event_query query = { pods[i], has_id,	0,
							   0,	    UINT64_MAX, UINT64_MAX };

			assert_int_equal(expect_query(&query, 0), 0);
		}
	assert_int_equal(store_last_event(store, &sequence), 0);
	assert_int_equal(sequence, 0);
	assert_int_equal(store_prune_events(store, UINT64_MAX, 0, 100, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_get_facts(store, &facts), 0);
	assert_int_equal(facts.n_events, 0);
}

/* The first and the last ID, and times that SQLite has no numbers for. */
static void test_borders(void **state)
{
	static const uint64_t times[] = { 0, 1, INT64_MAX };
	struct event event = { .pod = "a", .range = { 0, UINT32_MAX } };
	struct event_query query = { .has_id = true, .until = UINT64_MAX, .before = UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(times); i++) {
		event.time = times[i];
		add(&event);
	}
	assert_int_equal(expect_query(&query, 0), 3);
	query.id = UINT32_MAX - 1;
	assert_int_equal(expect_query(&query, 0), 3);
	query.id = UINT32_MAX;
	assert_int_equal(expect_query(&query, 0), 0);
	query = (struct event_query){ .since = INT64_MAX, .until = UINT64_MAX, .before = 99 };
	assert_int_equal(expect_query(&query, 0), 1);
	query.before = 0;
	assert_int_equal(expect_query(&query, 0), 0);
	event.time = 5;
	event.range.count = 0;
	add(&event);
	event.range = (struct id_range){ 2, UINT32_MAX - 1 };
	assert_int_equal(store_insert_event(store, &event), STORE_E_CONFLICT);
}

struct between {
	uint64_t next;
};

static int expect_after(const struct event *event, void *userdata)
{
	struct between *between = userdata;

	assert_memory_equal(event, &model[between->next], sizeof(*event));
	between->next++;
	return 0;
}

static void test_between(void **state)
{
	uint64_t seed = chance_begin();
	struct between between = { 7 };

	(void)state;
	fill(&seed, 30);
	assert_int_equal(store_each_event_between(store, 7, 20, expect_after, &between), 0);
	assert_int_equal(between.next, 21);
	between.next = 1;
	assert_int_equal(store_each_event_between(store, 0, UINT64_MAX, expect_after, &between), 0);
	assert_int_equal(between.next, 31);
	assert_int_equal(store_each_event_between(store, 31, 40, expect_after, &between), 0);
	assert_int_equal(store_each_event_between(store, 5, 4, expect_after, &between), 0);
	assert_int_equal(between.next, 31);
}

/* What is in the indexes is what the transaction that put it there has made durable. */
static void test_indexed(void **state)
{
	const struct event_query query = { .pod = "a", .until = UINT64_MAX, .before = UINT64_MAX };
	struct event event = { .pod = "a", .range = { U, U } };

	(void)state;
	for (int i = 0; i < 10; i++)
		add(&event);
	assert_int_equal(store_n_unindexed(store), 10);
	assert_int_equal(store_index_events(store, 4), 0);
	assert_int_equal(store_n_unindexed(store), 6);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_mark(store), 0);
	assert_int_equal(store_index_events(store, 100), 0);
	assert_int_equal(store_n_unindexed(store), 0);
	assert_int_equal(store_undo(store), 0);
	assert_int_equal(expect_query(&query, 0), 10);
	assert_int_equal(store_n_unindexed(store), 6);
	assert_int_equal(store_index_events(store, 100), 0);
	assert_int_equal(store_reopen(store), 0);
	assert_int_equal(expect_query(&query, 0), 10);
	assert_int_equal(store_n_unindexed(store), 6);
}

/* An event is not there unless its transaction is; its number goes to the next one. */
static void test_undone(void **state)
{
	struct event event = { .kind = EVENT_POOL_CHANGED, .pool = "p", .time = 1 };
	uint64_t sequence;

	(void)state;
	add(&event);
	assert_int_equal(store_begin(store), 0);
	add(&event);
	assert_int_equal(store_mark(store), 0);
	assert_int_equal(store_insert_event(store, &event), 0);
	assert_int_equal(store_undo(store), 0);
	add(&event);
	assert_int_equal(store_reopen(store), 0);
	last = 1;
	assert_int_equal(store_last_event(store, &sequence), 0);
	assert_int_equal(sequence, 1);
	add(&event);
}

static void expect_pruned(uint64_t before, uint64_t most, uint32_t limit, uint32_t expected)
{
	const struct event_query all = { .until = UINT64_MAX, .before = UINT64_MAX };
	struct store_facts facts;
	uint32_t n = 77;

	assert_int_equal(store_prune_events(store, before, most, limit, &n), 0);
	assert_int_equal(n, expected);
	first += n;
	assert_int_equal(expect_query(&all, 0), last - first + 1);
	assert_int_equal(store_get_facts(store, &facts), 0);
	assert_int_equal(facts.n_events, last - first + 1);
}

static void test_pruned(void **state)
{
	static const uint64_t times[] = { 1, 2, 3, 100, 4, 5, 6, 7, 8, 9 };
	struct event event = { .kind = EVENT_POOL_CHANGED, .pool = "p" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(times); i++) {
		event.time = times[i];
		add(&event);
	}
	expect_pruned(0, UINT64_MAX, 100, 0);
	expect_pruned(1, 10, 100, 0);
	expect_pruned(50, 10, 0, 0);
	expect_pruned(3, 10, 100, 2);
	/* up to the one of the future, and no further */
	expect_pruned(50, 10, 100, 1);
	expect_pruned(50, 10, 100, 0);
	expect_pruned(0, 5, 1, 1);
	expect_pruned(0, 5, 100, 1);
	expect_pruned(0, 5, 100, 0);
	/* both reasons in turn */
	expect_pruned(7, 4, 100, 2);
	expect_pruned(UINT64_MAX, 0, 2, 2);
	expect_pruned(UINT64_MAX, 0, 100, 0);
	/* the newest one stayed, so the numbers go on, also behind a restart */
	assert_int_equal(store_reopen(store), 0);
	assert_int_equal(last, 10);
	add(&event);
	expect_pruned(UINT64_MAX, 0, 100, 1);
}

/* A row that no version wrote is told as damage, and the rest of the daemon's work goes on. */
static void test_damaged(void **state)
{
	static const char *const damages[] = {
		"UPDATE event SET kind = 99",
		"UPDATE event SET cause = 99",
		"UPDATE event SET pod = printf('%0129d', 1)",
		"UPDATE event SET pool = printf('%065d', 1)",
		"UPDATE event SET name = printf('%0254d', 1)",
		"UPDATE event SET other_pod = 'a' || char(0) || 'b'",
	};
	struct event event = { .kind = EVENT_ALLOCATED, .time = 1 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(damages); i++) {
		struct between between = { 1 };

		if (i > 0) {
			assert_int_equal(drop(state), 0);
			assert_int_equal(make(state), 0);
		}
		add(&event);
		store_free(take_ptr(store));
		run_sql(damages[i]);
		store = open_store();
		assert_int_equal(store_each_event_between(store, 1, 9, expect_after, &between),
				 -EUCLEAN);
		assert_int_equal(between.next, 1);
		add(&event);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_queries), TEST(test_empty),  TEST(test_borders), TEST(test_between),
		TEST(test_indexed), TEST(test_undone), TEST(test_pruned),  TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
