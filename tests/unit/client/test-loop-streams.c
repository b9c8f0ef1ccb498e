/* SPDX-License-Identifier: MIT */

/* Started calls that are answered with many items: List, History and Monitor. */

#include "loop.h"

#define MORE "\"continues\":true,"

static const char list_call[] = "{\"parameters\":{\"pool\":\"kubelet\",\"state\":\"active\"},"
				"\"method\":\"io.subidd.Allocator.List\",\"more\":true}";

static struct subidd_call *start_list(struct loop *loop, const char *name)
{
	struct subidd_call *call = NULL;

	assert_int_equal(subidd_start_list(loop->client, "kubelet", SUBIDD_STATE_ACTIVE,
					   hear_allocation, (void *)name, &call),
			 0);
	return call;
}

static struct subidd_call *start_monitor(struct loop *loop, const char *name)
{
	struct subidd_call *call = NULL;

	assert_int_equal(subidd_start_monitor(loop->client, hear_event, (void *)name, &call), 0);
	return call;
}

/* Other calls go behind a list. */
static void test_list(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_list(&loop, "list");
	start_get(&loop, "get");
	loop_turn(&loop);
	loop_expect(&loop, list_call);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, LIST_REPLY(MORE));
	SAY(&loop, "{" MORE "\"parameters\":{\"allocations\":[]}}");
	loop_turn(&loop);
	expect_heard("list 1");
	SAY(&loop, LIST_REPLY(""));
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("list 1 list 0 get 0");
	loop_end(&loop);
}

static void see_event(struct subidd_client *client, int r, const struct subidd_event *event,
		      void *userdata)
{
	if (r == 1)
		assert_int_equal(event->sequence, heard[0] ? 13 : 12);
	hear_event(client, r, event, userdata);
}

static void test_history(void **state)
{
	const struct subidd_history_query query = { .pod = "pod-1", .limit = 8 };
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_history(loop.client, &query, sizeof(query), see_event,
					      (void *)"it", NULL),
			 0);
	loop_turn(&loop);
	loop_expect(&loop, "{\"parameters\":{\"pod\":\"pod-1\",\"limit\":8},"
			   "\"method\":\"io.subidd.Allocator.History\",\"more\":true}");
	SAY(&loop, EVENTS_REPLY("", EVENT "," POOL_EVENT));
	loop_turn(&loop);
	expect_heard("it 1 it 1 it 0");
	loop_end(&loop);
}

/* It says when it begins, has a time limit until then, and lets no call behind it. */
static void test_monitor(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	subidd_client_set_timeout(loop.client, 0);
	start_monitor(&loop, "late");
	loop_turn(&loop);
	expect_heard("late -110");
	subidd_client_set_timeout(loop.client, SUBIDD_TIMEOUT_DEFAULT);
	start_get(&loop, "get");
	start_monitor(&loop, "it");
	assert_int_equal(subidd_start_get(loop.client, "pod-1", hear_result, NULL, NULL), -EBUSY);
	loop_turn(&loop);
	SAY(&loop, GET_REPLY);
	SAY(&loop, EVENTS_REPLY(MORE, ""));
	loop_turn(&loop);
	expect_heard("get 0 it -11");
	SAY(&loop, EVENTS_REPLY(MORE, EVENT));
	SAY(&loop, EVENTS_REPLY(MORE, EVENT "," POOL_EVENT));
	loop_turn(&loop);
	expect_heard("it 1 it 1 it 1");
	loop_settle(&loop);
	shutdown(loop.peer, SHUT_WR);
	loop_turn(&loop);
	expect_heard("it -104");
	loop_end(&loop);
}

/* Once it has begun it may wait for an event longer than any call may take. */
static void test_a_silent_monitor(void **state)
{
	struct loop loop, other;

	(void)state;
	loop_begin(&loop);
	subidd_client_set_timeout(loop.client, 300000);
	start_monitor(&loop, "it");
	loop_turn(&loop);
	SAY(&loop, EVENTS_REPLY(MORE, ""));
	loop_turn(&loop);
	expect_heard("it -11");
	loop_begin(&other);
	subidd_client_set_timeout(other.client, 300000);
	start_get(&other, "other");
	while (!heard[0])
		loop_turn(&other);
	loop_settle(&loop);
	expect_heard("other -110");
	loop_end(&other);
	loop_end(&loop);
}

static void test_monitor_of_an_older_daemon(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_monitor(&loop, "it");
	loop_turn(&loop);
	SAY(&loop, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
		   "\"io.subidd.Allocator.Monitor\"}}");
	loop_turn(&loop);
	expect_heard("it -95");
	start_monitor(&loop, "it");
	loop_turn(&loop);
	SAY(&loop, EVENTS_REPLY("", EVENT));
	loop_turn(&loop);
	expect_heard("it -11 it 1 it 0");
	loop_end(&loop);
}

/* The time limit of a list is that of each reply. */
static void test_a_list_stops(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	subidd_client_set_timeout(loop.client, 300000);
	start_list(&loop, "list");
	loop_turn(&loop);
	SAY(&loop, LIST_REPLY(MORE));
	while (!strstr(heard, "-110"))
		loop_turn(&loop);
	expect_heard("list 1 list -110");
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	loop_end(&loop);
}

static struct subidd_call *call;

static void free_list(struct subidd_client *client, int r,
		      const struct subidd_allocation *allocation, void *userdata)
{
	hear_allocation(client, r, allocation, userdata);
	call = subidd_call_free(call);
}

static void free_client(struct subidd_client *client, int r,
			const struct subidd_allocation *allocation, void *userdata)
{
	hear_allocation(client, r, allocation, userdata);
	subidd_client_free(client);
}

static const char two_items[] = "{" MORE "\"parameters\":{\"allocations\":[" ALLOCATION(
	"active") "," ALLOCATION("active") "]}}";

/* The rest of a list that was left goes to nobody, and the call behind it gets its own answer. */
static void test_a_list_left_early(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_list(loop.client, NULL, SUBIDD_STATE_ANY, free_list,
					   (void *)"list", &call),
			 0);
	start_get(&loop, "get");
	loop_turn(&loop);
	SAY(&loop, two_items);
	loop_turn(&loop);
	expect_heard("list 1");
	SAY(&loop, two_items);
	SAY(&loop, LIST_REPLY(""));
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("get 0");
	subidd_call_free(start_list(&loop, "unsent"));
	call = start_list(&loop, "alone");
	loop_turn(&loop);
	subidd_call_free(call);
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	loop_end(&loop);
}

static void test_free_the_client_in_a_callback(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_int_equal(subidd_start_list(loop.client, NULL, SUBIDD_STATE_ANY, free_client,
					   (void *)"list", NULL),
			 0);
	start_get(&loop, "get");
	loop_turn(&loop);
	SAY(&loop, two_items);
	loop_turn(&loop);
	expect_heard("list 1");
	loop.client = NULL;
	loop_end(&loop);
}

/* An item that is none ends the list, and the connection with it. */
static void test_nonsense(void **state)
{
	static const struct {
		const char *text, *told;
	} nonsense[] = {
		{ "{}", "list -71 get -104" },
		{ "{\"parameters\":{\"allocations\":[5]}}", "list -71 get -104" },
		{ "{" MORE "\"parameters\":{\"allocations\":[" ALLOCATION("active") ",{}]}}",
		  "list 1 list -71 get -104" },
		{ "{\"error\":\"io.subidd.Allocator.NoSuchPool\",\"continues\":true}",
		  "list -71 get -104" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(nonsense); i++) {
		struct loop loop;

		loop_begin(&loop);
		start_list(&loop, "list");
		start_get(&loop, "get");
		loop_turn(&loop);
		loop_say(&loop, nonsense[i].text, strlen(nonsense[i].text) + 1);
		loop_turn(&loop);
		expect_heard(nonsense[i].told);
		assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
		loop_end(&loop);
	}
}

static struct subidd_iterator *iterator;

static void open_list(struct subidd_client *client, int error, struct subidd_result *result,
		      void *userdata)
{
	hear_result(client, error, result, userdata);
	assert_int_equal(subidd_list(client, NULL, SUBIDD_STATE_ANY, &iterator), 0);
}

/* The last callback may wait for answers: those of its iterator are left to that one. */
static void test_an_iterator_in_a_callback(void **state)
{
	static const char both[] = LIST_REPLY(MORE) "\0" LIST_REPLY("");
	const struct peer_reply replies[] = { REPLY(GET_REPLY), REPLY(both), REPLY(GET_REPLY) };
	const struct subidd_allocation *allocation;
	struct peer peer;
	struct loop loop = { .client = peer_start(&peer, replies, 3), .peer = -1 };

	(void)state;
	heard[0] = 0;
	loop.fd = subidd_client_get_poll_fd(loop.client);
	assert_int_equal(subidd_start_get(loop.client, "pod-1", open_list, (void *)"a", NULL), 0);
	while (!heard[0])
		loop_turn(&loop);
	expect_heard("a 0");
	assert_true(loop_is_quiet(&loop));
	assert_int_equal(subidd_client_process(loop.client), -EBUSY);
	assert_int_equal(subidd_iterator_next(iterator, &allocation), 1);
	assert_int_equal(subidd_iterator_next(iterator, &allocation), 1);
	assert_int_equal(subidd_iterator_next(iterator, &allocation), 0);
	subidd_iterator_free(iterator);
	start_get(&loop, "b");
	while (!heard[0])
		loop_turn(&loop);
	expect_heard("b 0");
	peer_stop(&peer, loop.client);
	assert_int_equal(peer.n_calls, 3);
	peer_done(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_list),
		CLIENT_TEST(test_history),
		CLIENT_TEST(test_monitor),
		CLIENT_TEST(test_a_silent_monitor),
		CLIENT_TEST(test_monitor_of_an_older_daemon),
		CLIENT_TEST(test_a_list_stops),
		CLIENT_TEST(test_a_list_left_early),
		CLIENT_TEST(test_free_the_client_in_a_callback),
		CLIENT_TEST(test_nonsense),
		CLIENT_TEST(test_an_iterator_in_a_callback),
	};

	return cmocka_run_group_tests_name("client loop streams", tests, NULL, NULL);
}
