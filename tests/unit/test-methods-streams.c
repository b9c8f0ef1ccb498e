/* SPDX-License-Identifier: MIT */

/* Methods that answer in pages: History, Monitor and ListForeign. */

#include "methods-rig.h"

#include <errno.h>

#define ERROR(name, parameters)                                                                    \
	"{\"parameters\":{" parameters "},\"error\":\"io.subidd.Allocator." name "\"}"
#define INVALID(name)                                                                              \
	"{\"parameters\":{\"parameter\":\"" name                                                   \
	"\"},\"error\":\"org.varlink.service.InvalidParameter\"}"
#define NO_EVENTS "{\"parameters\":{\"events\":[]}}"
#define NO_EVENTS_YET "{\"parameters\":{\"events\":[]},\"continues\":true}"

static int make(void **state)
{
	(void)state;
	methods_rig_make();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	methods_rig_drop();
	return 0;
}

/* The next page of the call: the items of its array. */
static struct json_object *next_page(struct caller *caller, const char *array, bool continues)
{
	struct json_object *reply = caller_next(caller), *o;

	assert_int_equal(json_object_object_get_ex(reply, "continues", &o), continues);
	assert_true(json_object_object_get_ex(reply, "parameters", &o));
	assert_true(json_object_object_get_ex(o, array, &o));
	return o;
}

static int64_t number_of(struct json_object *item, const char *name)
{
	struct json_object *o;

	assert_true(json_object_object_get_ex(item, name, &o));
	return json_object_get_int64(o);
}

/* The page must hold N events from FIRST on, one STEP after the other. */
static void check_events(struct json_object *page, size_t n, int64_t first, int64_t step)
{
	assert_int_equal(json_object_array_length(page), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(number_of(json_object_array_get_idx(page, i), "sequence"),
				 first + (int64_t)i * step);
}

static void test_history(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig_happen(600);
	caller_start(&caller, "History", "", "more");
	check_events(next_page(&caller, "events", true), 256, 600, -1);
	check_events(next_page(&caller, "events", true), 256, 344, -1);
	check_events(next_page(&caller, "events", false), 88, 88, -1);
	assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
	caller_drop(&caller);
}

/* The limit counts over all replies; the last one says that it is the last. */
static void test_history_limits(void **state)
{
	static const int64_t limits[] = { 1, 255, 256, 257, 511, 512, 513, 599, 600, 601 };

	(void)state;
	methods_rig_happen(600);
	for (size_t i = 0; i < ELEMENTS_OF(limits); i++) {
		int64_t left = limits[i] > 600 ? 600 : limits[i], next = 600;
		struct caller caller;
		char text[64];

		snprintf(text, sizeof(text), "\"limit\":%d", (int)limits[i]);
		caller_start(&caller, "History", text, "more");
		while (left > 0) {
			int64_t n = left > 256 ? 256 : left;

			left -= n;
			check_events(next_page(&caller, "events", left > 0), (size_t)n, next, -1);
			next -= n;
		}
		assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
		caller_drop(&caller);
	}
}

static void test_history_queries(void **state)
{
	const struct event_query *query = &methods_rig.query;

	(void)state;
	methods_rig_happen(3);
	expect_answer("History", "\"pod\":\"b\"", "more", NO_EVENTS);
	assert_true(!query->has_id && query->since == 0 && query->until == UINT64_MAX);
	expect_answer("History", "\"since\":1003", "more", NO_EVENTS);
	expect_answer("History", "\"until\":0,\"id\":0", "more", NO_EVENTS);
	assert_true(query->has_id && query->id == 0 && query->until == 0);
	expect_answer("History", "\"since\":1001,\"until\":1001", "more",
		      "{\"parameters\":{\"events\":[{\"sequence\":2,\"time\":1001,"
		      "\"kind\":\"allocated\",\"pod\":\"a\"}]}}");
	expect_answer("History", "\"limit\":0", "more", INVALID("limit"));
	expect_answer("History", "\"id\":4294967296", "more", INVALID("id"));
	expect_answer("History", "\"since\":-1", "more", INVALID("since"));
	expect_answer("History", "\"pod\":\"/\"", "more", INVALID("pod"));
	expect_answer("History", "", NULL, "{\"error\":\"org.varlink.service.ExpectedMore\"}");
	methods_rig.read_result = -EIO;
	expect_answer("History", "", "more", ERROR("StoreFailed", "\"message\":\"disk full\""));
}

/* All that an event can say. */
static void test_event(void **state)
{
	(void)state;
	methods_rig_happen(1);
	methods_rig.events[0] = (struct event){
		.sequence = 1,
		.time = 5,
		.kind = EVENT_RELEASED,
		.cause = CAUSE_PROCESS_ENDED,
		.pod = "a",
		.pool = "kubelet",
		.range = { 131072, 65536 },
		.namespace = "default",
		.name = "web",
		.has_client = true,
		.pid = 12,
		.other_pod = "b",
	};
	expect_answer(
		"History", "", "more",
		"{\"parameters\":{\"events\":[{\"sequence\":1,\"time\":5,\"kind\":\"released\","
		"\"pod\":\"a\",\"pool\":\"kubelet\",\"start\":131072,\"count\":65536,"
		"\"namespace\":\"default\",\"name\":\"web\",\"clientUid\":0,\"clientPid\":0,"
		"\"pid\":12,\"otherPod\":\"b\",\"cause\":\"processEnded\"}]}}");
}

/* Nothing is told twice, left out, or told before it is committed. */
static void test_monitor(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig_happen(3);
	methods_rig.n_committed = 2;
	caller_start(&caller, "Monitor", "", "more");
	caller_expect(&caller, NO_EVENTS_YET);
	assert_int_equal(caller.call.state, CALL_KEPT);
	methods_committed(&methods_rig.methods); /* one that failed */
	assert_int_equal(caller.n_woken, 1);
	caller_run(&caller);
	assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
	assert_int_equal(caller.call.state, CALL_KEPT);
	methods_rig_happen(597);
	methods_rig.n_committed = 600;
	methods_committed(&methods_rig.methods);
	methods_committed(&methods_rig.methods);
	assert_int_equal(caller.n_woken, 2);
	check_events(next_page(&caller, "events", true), 256, 3, 1);
	check_events(next_page(&caller, "events", true), 256, 259, 1);
	check_events(next_page(&caller, "events", true), 86, 515, 1);
	assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
	assert_int_equal(caller.call.state, CALL_KEPT);
	caller_drop(&caller);
}

/* The oldest events were removed before it was told them: it must not seem that nothing happened.
 */
static void test_monitor_behind(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig_happen(4);
	methods_rig.n_committed = 2;
	caller_start(&caller, "Monitor", "", "more");
	caller_expect(&caller, NO_EVENTS_YET);
	methods_rig.events[2].sequence = 99;
	methods_rig.n_committed = 3;
	methods_committed(&methods_rig.methods);
	assert_int_equal(call_continue(&caller.call), -ETIMEDOUT);
	assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
	caller_drop(&caller);
}

/* Watchers that come and go do not touch each other. */
static void test_monitors(void **state)
{
	struct caller callers[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		caller_start(&callers[i], "Monitor", "", "more");
		caller_expect(&callers[i], NO_EVENTS_YET);
		methods_rig_happen(1);
		methods_rig.n_committed++;
	}
	caller_drop(&callers[1]);
	methods_committed(&methods_rig.methods);
	for (size_t i = 0; i < 4; i++)
		if (i != 1)
			check_events(next_page(&callers[i], "events", true), 4 - i, (int64_t)i + 1,
				     1);
	caller_drop(&callers[3]);
	caller_drop(&callers[0]);
	methods_rig.read_result = -EIO;
	methods_committed(&methods_rig.methods);
	caller_expect(&callers[2], ERROR("StoreFailed", "\"message\":\"disk full\""));
	caller_drop(&callers[2]);
}

static void make_claims(size_t n)
{
	free(methods_rig.claims);
	methods_rig.claims = calloc(n + 1, sizeof(*methods_rig.claims));
	methods_rig.n_claims = n;
	for (uint32_t i = 0; i < n; i++)
		methods_rig.claims[i] = (struct claim){
			.range = { 1000 + i / 10, 1 + i % 10 },
			.pid = i,
			.command = "sh",
		};
}

/* Ranges that begin alike fall on both sides of a page's end. */
static void test_foreign(void **state)
{
	int64_t next = 0;

	(void)state;
	for (size_t n = 250; n < 260; n++) {
		struct caller caller;
		size_t n_pages = (2 * n + 255) / 256;

		make_claims(n);
		methods_rig.claims[0].pid = 1;
		caller_start(&caller, "ListForeign", "", "more");
		next = 0;
		for (size_t page = 0; page < n_pages; page++) {
			struct json_object *items = next_page(&caller, "foreign",
							      page + 1 < n_pages);

			for (size_t i = 0; i < json_object_array_length(items); i++, next++) {
				struct json_object *item = json_object_array_get_idx(items, i);
				int64_t in_pool = next % (int64_t)n;

				assert_int_equal(number_of(item, "start"), 1000 + in_pool / 10);
				assert_int_equal(number_of(item, "count"), 1 + in_pool % 10);
			}
		}
		assert_int_equal(next, 2 * n);
		assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
		caller_drop(&caller);
	}
}

/* What goes between two pages neither hides nor repeats what stays. */
static void test_foreign_changes(void **state)
{
	struct json_object *page;
	struct caller caller;

	(void)state;
	make_claims(300);
	caller_start(&caller, "ListForeign", "\"pool\":\"other\"", "more");
	caller.r = call_continue(&caller.call);
	make_claims(300);
	memmove(methods_rig.claims, methods_rig.claims + 100, 200 * sizeof(*methods_rig.claims));
	methods_rig.n_claims = 200;
	page = next_page(&caller, "foreign", true);
	assert_int_equal(json_object_array_length(page), 256);
	page = next_page(&caller, "foreign", false);
	assert_int_equal(json_object_array_length(page), 44);
	assert_int_equal(number_of(json_object_array_get_idx(page, 0), "pid"), 256);
	caller_drop(&caller);
}

static void test_foreign_answers(void **state)
{
	(void)state;
	expect_answer("ListForeign", "\"pool\":\"x\"", "more",
		      ERROR("NoSuchPool", "\"pool\":\"x\""));
	expect_answer("ListForeign", "", "more", "{\"parameters\":{\"foreign\":[]}}");
	make_claims(1);
	strcpy(methods_rig.claims[0].command, "a\xff");
	expect_answer(
		"ListForeign", "\"pool\":\"other\"", "more",
		"{\"parameters\":{\"foreign\":[{\"pool\":\"other\",\"start\":1000,\"count\":1,"
		"\"command\":\"a?\"}]}}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_history),	    TEST(test_history_limits), TEST(test_history_queries),
		TEST(test_event),	    TEST(test_monitor),	       TEST(test_monitors),
		TEST(test_monitor_behind),  TEST(test_foreign),	       TEST(test_foreign_changes),
		TEST(test_foreign_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
