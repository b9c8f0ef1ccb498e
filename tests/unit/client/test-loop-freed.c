/* SPDX-License-Identifier: MIT */

/* Started calls that are given up: whose answers come all the same, and go to nobody. */

#include "loop.h"

/* What is freed before it was sent is never sent. */
static void test_free_before_sending(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_null(subidd_call_free(start_get(&loop, "a")));
	loop_settle(&loop);
	assert_true(loop_is_silent(&loop));
	assert_true(subidd_client_get_fd(loop.client) >= 0);
	subidd_call_free(start_get(&loop, "b"));
	start_get(&loop, "c");
	loop_turn(&loop);
	loop_expect(&loop, GET_CALL);
	assert_true(loop_is_silent(&loop));
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("c 0");
	loop_end(&loop);
}

/* The answers of those that are freed go to nobody: the first, one between, and the last. */
static void test_free_before_the_answer(void **state)
{
	for (int freed = 0; freed < 3; freed++) {
		static const char *const told[] = { "b -2 c 0", "a 0 c 0", "a 0 b -2" };
		struct subidd_call *calls[3];
		struct loop loop;

		(void)state;
		loop_begin(&loop);
		for (int i = 0; i < 3; i++)
			calls[i] = start_get(&loop, &"a\0b\0c"[i * 2]);
		loop_turn(&loop);
		subidd_call_free(calls[freed]);
		SAY(&loop, GET_REPLY);
		SAY(&loop, NO_SUCH_POD);
		SAY(&loop, GET_REPLY);
		loop_turn(&loop);
		expect_heard(told[freed]);
		loop_settle(&loop);
		/* the answer of the last one might come at any time */
		assert_int_equal(subidd_client_get_fd(loop.client) >= 0, freed < 2);
		loop_end(&loop);
	}
}

/* All freed, and the connection goes with them; one that is half sent is no trouble either. */
static void test_free_all(void **state)
{
	static const char *pods[60000];
	const struct subidd_reconcile_request request = { pods, ELEMENTS_OF(pods), NULL, false, 0 };
	struct subidd_call *call, *half;
	struct loop loop;

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(pods); i++)
		pods[i] = "0123456789abcdef0123456789abcdef";
	loop_begin(&loop);
	start_get(&loop, "a");
	assert_int_equal(subidd_start_reconcile(loop.client, &request, sizeof(request),
						hear_reconciliation, (void *)"b", &half),
			 0);
	loop_turn(&loop);
	subidd_call_free(half);
	assert_true(subidd_client_get_fd(loop.client) >= 0);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, NO_SUCH_POD);
	loop_turn(&loop);
	expect_heard("a -2");
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	loop_settle(&loop);
	loop_end(&loop);
	loop_begin(&loop);
	call = start_get(&loop, "a");
	loop_turn(&loop);
	subidd_call_free(call);
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	loop_settle(&loop);
	loop_end(&loop);
}

/* One that is half sent and freed is sent to its end, because others come behind it. */
static void test_free_a_half_sent_call(void **state)
{
	static const char *pods[60000];
	const struct subidd_reconcile_request request = { pods, ELEMENTS_OF(pods), NULL, false, 0 };
	static char buffer[1 << 16];
	struct subidd_call *half;
	struct loop loop;
	int n_calls = 0;

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(pods); i++)
		pods[i] = "0123456789abcdef0123456789abcdef";
	loop_begin(&loop);
	assert_int_equal(subidd_start_reconcile(loop.client, &request, sizeof(request),
						hear_reconciliation, (void *)"a", &half),
			 0);
	start_get(&loop, "b");
	loop_turn(&loop);
	subidd_call_free(half);
	while (n_calls < 2) {
		ssize_t n = recv(loop.peer, buffer, sizeof(buffer), MSG_DONTWAIT);

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			n_calls += !buffer[i];
		loop_settle(&loop);
	}
	SAY(&loop, RECONCILE_REPLY);
	SAY(&loop, GET_REPLY);
	loop_settle(&loop);
	expect_heard("b 0");
	loop_end(&loop);
}

static struct subidd_call *own, *others[2];

static void free_calls(struct subidd_client *client, int error, struct subidd_result *result,
		       void *userdata)
{
	hear_result(client, error, result, userdata);
	subidd_call_free(own);
	subidd_call_free(others[0]);
	others[0] = NULL;
}

static void free_client(struct subidd_client *client, int error, struct subidd_result *result,
			void *userdata)
{
	hear_result(client, error, result, userdata);
	subidd_client_free(client);
}

static void start_three(struct loop *loop, subidd_result_callback callback)
{
	assert_int_equal(subidd_start_get(loop->client, "pod-1", callback, (void *)"a", &own), 0);
	others[0] = start_get(loop, "b");
	others[1] = start_get(loop, "c");
}

static void test_free_in_a_callback(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_three(&loop, free_calls);
	loop_turn(&loop);
	for (int i = 0; i < 3; i++)
		SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("a 0 c 0");
	start_three(&loop, free_calls);
	closep(&loop.peer);
	loop.peer = -1;
	loop_turn(&loop);
	expect_heard("a -107 c -107");
	loop_end(&loop);
}

static void test_free_the_client_in_a_callback(void **state)
{
	struct loop loop;

	(void)state;
	for (int i = 0; i < 2; i++) {
		loop_begin(&loop);
		start_three(&loop, free_client);
		loop_turn(&loop);
		if (i == 0) {
			SAY(&loop, GET_REPLY);
			SAY(&loop, GET_REPLY);
		} else {
			shutdown(loop.peer, SHUT_RDWR);
		}
		assert_int_equal(subidd_client_process(loop.client), 0);
		expect_heard(i == 0 ? "a 0" : "a -104");
		loop.client = NULL;
		loop_end(&loop);
	}
}

/* Freeing the client calls nobody back, whatever its calls have come to. */
static void test_free_the_client(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_get(&loop, "a");
	loop_turn(&loop);
	start_get(&loop, "b");
	SAY(&loop, GET_REPLY);
	loop_end(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_free_before_sending),
		CLIENT_TEST(test_free_before_the_answer),
		CLIENT_TEST(test_free_all),
		CLIENT_TEST(test_free_a_half_sent_call),
		CLIENT_TEST(test_free_in_a_callback),
		CLIENT_TEST(test_free_the_client_in_a_callback),
		CLIENT_TEST(test_free_the_client),
	};

	return cmocka_run_group_tests_name("client loop freed", tests, NULL, NULL);
}
