/* SPDX-License-Identifier: MIT */

/* Started calls and a sound daemon: what is sent, and what the callbacks are told. */

#include "loop.h"

#include <sys/resource.h>

#define CALL(method, parameters) "{" parameters "\"method\":\"io.subidd.Allocator." method "\"}"
#define POD "\"parameters\":{\"pod\":\"pod-1\"},"

static char name[] = "it";

static int start_allocate(struct subidd_client *client)
{
	const struct subidd_request request = {
		"pod-1", "kubelet", 65536, "default", "web-0", 4242
	};

	return subidd_start_allocate(client, &request, sizeof(request), hear_result, name, NULL);
}

static int start_release(struct subidd_client *client)
{
	return subidd_start_release(client, "pod-1", hear_result, name, NULL);
}

static int start_lookup(struct subidd_client *client)
{
	return subidd_start_lookup(client, 131105, 5, hear_result, name, NULL);
}

static int start_bind(struct subidd_client *client)
{
	return subidd_start_bind(client, "pod-1", 4242, hear_result, name, NULL);
}

static int start_reconcile(struct subidd_client *client)
{
	static const char *const pods[] = { "pod-3" };
	const struct subidd_reconcile_request request = { pods, 1, NULL, true, 5 };

	return subidd_start_reconcile(client, &request, sizeof(request), hear_reconciliation, name,
				      NULL);
}

static int start_get_status(struct subidd_client *client)
{
	return subidd_start_get_status(client, hear_status, name, NULL);
}

static int start_reload(struct subidd_client *client)
{
	return subidd_start_reload(client, hear_status, name, NULL);
}

static const struct {
	int (*start)(struct subidd_client *client);
	const char *call, *reply;
} methods[] = {
	{ start_allocate,
	  CALL("Allocate", "\"parameters\":{\"pool\":\"kubelet\",\"count\":65536,\"namespace\":"
			   "\"default\",\"name\":\"web-0\",\"pid\":4242,\"pod\":\"pod-1\"},"),
	  ALLOCATE_REPLY },
	{ start_release, CALL("Release", POD), RELEASE_REPLY },
	{ start_lookup, CALL("Lookup", "\"parameters\":{\"id\":131105,\"at\":5},"), LOOKUP_REPLY },
	{ start_bind, CALL("Bind", "\"parameters\":{\"pid\":4242,\"pod\":\"pod-1\"},"),
	  BIND_REPLY },
	{ start_reconcile,
	  CALL("Reconcile",
	       "\"parameters\":{\"pods\":[\"pod-3\"],\"createdBefore\":5,\"dryRun\":true},"),
	  RECONCILE_REPLY },
	{ start_get_status, CALL("GetStatus", ""), STATUS_REPLY },
	{ start_reload, CALL("Reload", ""), RELOAD_REPLY },
};

/* Nothing is sent by the start, and nothing is to be done until the answer comes. */
static void test_methods(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	for (size_t i = 0; i < ELEMENTS_OF(methods); i++) {
		assert_int_equal(methods[i].start(loop.client), 0);
		assert_true(loop_is_silent(&loop));
		loop_turn(&loop);
		loop_expect(&loop, methods[i].call);
		assert_true(loop_is_quiet(&loop));
		assert_string_equal(heard, "");
		loop_say(&loop, methods[i].reply, strlen(methods[i].reply) + 1);
		loop_turn(&loop);
		expect_heard("it 0");
		assert_true(loop_is_quiet(&loop));
	}
	loop_end(&loop);
}

static void see_result(struct subidd_client *client, int error, struct subidd_result *result,
		       void *userdata)
{
	assert_string_equal(result->allocation->pod, "pod-1");
	assert_int_equal(result->allocation->start, 131072);
	assert_int_equal(result->n_uid_mappings, 1);
	assert_int_equal(result->gid_mappings[0].host_id, 131072);
	hear_result(client, error, result, userdata);
}

/* The strings that a call is started with are needed no longer than that. */
static void test_a_result(void **state)
{
	struct loop loop;
	char pod[] = "pod-1";

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_get(loop.client, pod, see_result, name, NULL), 0);
	memset(pod, 'x', sizeof(pod));
	loop_turn(&loop);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("it 0");
	loop_end(&loop);
}

/* Many are sent before the first is answered. */
static void test_pipelining(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_get(&loop, "a");
	start_get(&loop, "b");
	loop_turn(&loop);
	start_get(&loop, "c");
	loop_turn(&loop);
	for (int i = 0; i < 3; i++)
		loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	SAY(&loop, NO_SUCH_POD);
	loop_turn(&loop);
	expect_heard("a 0 b -2");
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("c 0");
	loop_end(&loop);
}

static void test_a_byte_at_a_time(void **state)
{
	static const char replies[] = GET_REPLY "\0" NO_SUCH_POD "\0" GET_REPLY;
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	for (const char *at = "a\0b\0c\0"; *at; at += 2)
		start_get(&loop, at);
	loop_turn(&loop);
	for (size_t i = 0; i < sizeof(replies); i++) {
		loop_say(&loop, &replies[i], 1);
		loop_turn(&loop);
		if (i == sizeof(GET_REPLY) - 2)
			assert_string_equal(heard, "");
		if (i == sizeof(GET_REPLY) - 1)
			assert_string_equal(heard, "a 0");
	}
	expect_heard("a 0 b -2 c 0");
	loop_end(&loop);
}

static void see_refusal(struct subidd_client *client, int error, struct subidd_result *result,
			void *userdata)
{
	int64_t number = 0;

	assert_string_equal(subidd_client_error_name(client), "io.subidd.Allocator.CountMismatch");
	assert_string_equal(subidd_client_error_message(client),
			    "the pod pod-1 has 65536 IDs and not 131072");
	assert_string_equal(subidd_client_error_string(client, "pod"), "pod-1");
	assert_int_equal(subidd_client_error_int(client, "want", &number), 0);
	assert_int_equal(number, 131072);
	hear_result(client, error, result, userdata);
}

/* A refusal says what it says to the blocking form, and is forgotten with the next answer. */
static void test_refusals(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_get(loop.client, "pod-1", see_refusal, name, NULL), 0);
	start_get(&loop, "b");
	loop_turn(&loop);
	SAY(&loop, "{\"error\":\"io.subidd.Allocator.CountMismatch\",\"parameters\":{\"pod\":"
		   "\"pod-1\",\"have\":65536,\"want\":131072}}");
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("it -17 b 0");
	assert_null(subidd_client_error_name(loop.client));
	loop_end(&loop);
}

/* What is wrong with the request is told at once, and nobody is called back. */
static void test_bad_requests(void **state)
{
	const struct {
		struct subidd_request request;
		const char *newer;
	} newer = { { .pod = "pod-1" }, "set" };
	struct subidd_call *call = NULL;
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_get(loop.client, NULL, hear_result, name, &call), -EINVAL);
	assert_string_equal(subidd_client_error_message(loop.client), "pod is missing");
	assert_int_equal(subidd_start_get(loop.client, "pod-1", NULL, name, &call), -EINVAL);
	assert_string_equal(subidd_client_error_message(loop.client), "callback is missing");
	assert_int_equal(subidd_start_release(loop.client, "\xff", hear_result, name, &call),
			 -EINVAL);
	assert_int_equal(subidd_start_allocate(loop.client, &newer.request, sizeof(newer),
					       hear_result, name, &call),
			 -E2BIG);
	assert_int_equal(subidd_start_list(loop.client, NULL, (enum subidd_state)3, hear_allocation,
					   name, &call),
			 -EINVAL);
	assert_null(call);
	assert_null(subidd_call_free(NULL));
	loop_settle(&loop);
	assert_true(loop_is_silent(&loop));
	loop_end(&loop);
}

/* A daemon that does not read: nothing waits, and what is not sent yet goes when there is room. */
static void test_no_room_to_send(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_large(&loop, "a");
	start_large(&loop, "b");
	start_get(&loop, "c");
	loop_turn(&loop);
	assert_true(loop_is_quiet(&loop));
	loop_take(&loop, 3);
	SAY(&loop, RECONCILE_REPLY);
	SAY(&loop, RECONCILE_REPLY);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("a 0 b 0 c 0");
	loop_end(&loop);
}

/* Both forms on one client, in turns. */
static void test_beside_blocking_calls(void **state)
{
	struct subidd_event_iterator *iterator = NULL;
	struct subidd_result *result = NULL;
	struct peer peer;
	const struct peer_reply replies[] = { REPLY(GET_REPLY), REPLY(GET_REPLY),
					      REPLY(EVENTS_REPLY("\"continues\":true,", "")) };
	struct loop loop = { .client = peer_start(&peer, replies, 3), .peer = -1 };

	(void)state;
	heard[0] = 0;
	loop.fd = subidd_client_get_poll_fd(loop.client);
	start_get(&loop, "a");
	assert_int_equal(subidd_get(loop.client, "pod-1", &result), -EBUSY);
	assert_string_equal(subidd_client_error_message(loop.client),
			    "a call of this client is not at its end");
	while (!heard[0])
		loop_turn(&loop);
	expect_heard("a 0");
	assert_int_equal(subidd_get(loop.client, "pod-1", &result), 0);
	subidd_result_free(result);
	subidd_call_free(start_get(&loop, "unsent"));
	assert_int_equal(subidd_monitor(loop.client, &iterator), 0);
	assert_int_equal(subidd_start_get(loop.client, "pod-1", hear_result, name, NULL), -EBUSY);
	assert_int_equal(subidd_client_process(loop.client), -EBUSY);
	assert_true(loop_is_quiet(&loop));
	subidd_event_iterator_free(iterator);
	peer_stop(&peer, loop.client);
	assert_int_equal(peer.n_calls, 3);
	peer_done(&peer);
}

static void start_another(struct subidd_client *client, int error, struct subidd_result *result,
			  void *userdata)
{
	struct subidd_result *none = NULL;

	hear_result(client, error, result, userdata);
	assert_int_equal(subidd_client_process(client), -EBUSY);
	assert_int_equal(subidd_start_get(client, "pod-1", hear_result, (void *)"next", NULL), 0);
	assert_int_equal(subidd_get(client, "pod-1", &none), -EBUSY);
}

/* A callback may start a call, which is sent in the same turn. */
static void test_start_in_a_callback(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_get(loop.client, "pod-1", start_another, name, NULL), 0);
	loop_turn(&loop);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("it 0 next 0");
	loop_end(&loop);
}

/* A program with no descriptor left is told so, and can try again. */
static void test_no_descriptor(void **state)
{
	struct rlimit limit, none;
	struct subidd_client *client;

	(void)state;
	assert_int_equal(subidd_client_new(&client, "/x"), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(subidd_client_get_poll_fd(client), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(subidd_client_get_poll_fd(client) >= 0);
	subidd_client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_methods),
		CLIENT_TEST(test_a_result),
		CLIENT_TEST(test_pipelining),
		CLIENT_TEST(test_a_byte_at_a_time),
		CLIENT_TEST(test_refusals),
		CLIENT_TEST(test_bad_requests),
		CLIENT_TEST(test_no_room_to_send),
		CLIENT_TEST(test_beside_blocking_calls),
		CLIENT_TEST(test_start_in_a_callback),
		CLIENT_TEST(test_no_descriptor),
	};

	return cmocka_run_group_tests_name("client loop", tests, NULL, NULL);
}
