/* SPDX-License-Identifier: MIT */

/* Started calls that are given up: whose answers come all the same, and go to nobody. */

#include "loop.h"

#include <sys/wait.h>

/* What is freed before it was sent is never sent. */
static void test_free_before_sending(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	assert_null(subidd_call_free(start_get(&loop, "a")));
	assert_true(loop_is_quiet(&loop));
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

/* The answers of those that are freed go to nobody, whichever of them that is. */
static void test_free_before_the_answer(void **state)
{
	static const char *const told[] = { NULL,	"b -2 c 0", "a 0 c 0", "c 0",
					    "a 0 b -2", "b -2",	    "a 0" };

	(void)state;
	for (unsigned int freed = 1; freed < ELEMENTS_OF(told); freed++) {
		struct subidd_call *calls[3];
		struct loop loop;

		loop_begin(&loop);
		for (int i = 0; i < 3; i++)
			calls[i] = start_get(&loop, &"a\0b\0c"[i * 2]);
		loop_turn(&loop);
		for (int i = 0; i < 3; i++)
			if (freed & 1u << i)
				subidd_call_free(calls[i]);
		SAY(&loop, GET_REPLY);
		SAY(&loop, NO_SUCH_POD);
		SAY(&loop, GET_REPLY);
		loop_turn(&loop);
		expect_heard(told[freed]);
		/* the answer of the last one might come at any time */
		assert_int_equal(subidd_client_get_fd(loop.client) >= 0, freed < 4);
		loop_end(&loop);
	}
}

/* A call that is started behind one that was freed does not get its answer. */
static void test_start_behind_a_freed_call(void **state)
{
	struct subidd_call *call;
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_get(&loop, "a");
	call = start_get(&loop, "b");
	loop_turn(&loop);
	subidd_call_free(call);
	start_get(&loop, "c");
	loop_turn(&loop);
	SAY(&loop, GET_REPLY);
	SAY(&loop, GET_REPLY);
	SAY(&loop, NO_SUCH_POD);
	loop_turn(&loop);
	expect_heard("a 0 c -2");
	loop_end(&loop);
}

/* All freed, and the connection goes with them; one that is half sent is no trouble either. */
static void test_free_all(void **state)
{
	struct subidd_call *call;
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_get(&loop, "a");
	call = start_large(&loop, "b");
	loop_turn(&loop);
	subidd_call_free(call);
	assert_true(subidd_client_get_fd(loop.client) >= 0);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, NO_SUCH_POD);
	loop_turn(&loop);
	expect_heard("a -2");
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	assert_true(loop_is_quiet(&loop));
	loop_end(&loop);
	loop_begin(&loop);
	call = start_get(&loop, "a");
	loop_turn(&loop);
	subidd_call_free(call);
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	assert_true(loop_is_quiet(&loop));
	loop_end(&loop);
}

/* One that is half sent and freed is sent to its end, because others come behind it. */
static void test_free_a_half_sent_call(void **state)
{
	struct subidd_call *half;
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	half = start_large(&loop, "a");
	start_get(&loop, "b");
	loop_turn(&loop);
	subidd_call_free(half);
	loop_take(&loop, 2);
	SAY(&loop, RECONCILE_REPLY);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("b 0");
	loop_end(&loop);
}

static struct subidd_call *own, *others[2];

static void free_calls(struct subidd_client *client, int error, struct subidd_result *result,
		       void *userdata)
{
	struct subidd_result *none = NULL;

	hear_result(client, error, result, userdata);
	subidd_call_free(own);
	subidd_call_free(others[0]);
	assert_int_equal(subidd_get(client, "pod-1", &none), -EBUSY); /* there is one more */
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

/*
 * A monitor that was given up behind a call is never answered for the last time: what comes after
 * it goes over a new connection once that call has its answer, or is given up as well.
 */
static void start_behind_a_freed_monitor(bool is_freed)
{
	static const char path[] = "/tmp/subidd-loop-freed";
	struct subidd_call *first, *monitor = NULL;
	struct loop loop;
	int listener;

	unlink(path);
	listener = loop_listen(path, 2);
	loop_begin_at(&loop, path);
	first = start_get(&loop, "a");
	assert_int_equal(subidd_start_monitor(loop.client, hear_event, (void *)"it", &monitor), 0);
	loop_turn(&loop);
	loop_accept(&loop, listener);
	subidd_call_free(monitor);
	start_get(&loop, "b");
	loop_turn(&loop);
	loop_take(&loop, 2); /* of the first call and the monitor, and no more */
	assert_true(loop_is_quiet(&loop));
	if (is_freed)
		subidd_call_free(first);
	else
		SAY(&loop, GET_REPLY);
	assert_false(loop_is_quiet(&loop));
	loop_turn(&loop);
	expect_heard(is_freed ? "" : "a 0");
	loop_accept(&loop, listener);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, NO_SUCH_POD);
	loop_turn(&loop);
	expect_heard("b -2");
	loop_end(&loop);
	close(listener);
	unlink(path);
}

static void test_start_behind_a_freed_monitor(void **state)
{
	(void)state;
	start_behind_a_freed_monitor(false);
	start_behind_a_freed_monitor(true);
}

/* A child has copies of all descriptors, and leaves its parent what it waits for. */
static void test_free_the_client_in_a_child(void **state)
{
	struct loop loop;
	int status;
	pid_t pid;

	(void)state;
	loop_begin(&loop);
	start_get(&loop, "a");
	loop_turn(&loop);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		subidd_client_free(loop.client);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	SAY(&loop, GET_REPLY);
	assert_false(loop_is_quiet(&loop));
	loop_turn(&loop);
	expect_heard("a 0");
	loop_end(&loop);
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
		CLIENT_TEST(test_start_behind_a_freed_call),
		CLIENT_TEST(test_free_all),
		CLIENT_TEST(test_free_a_half_sent_call),
		CLIENT_TEST(test_free_in_a_callback),
		CLIENT_TEST(test_free_the_client_in_a_callback),
		CLIENT_TEST(test_start_behind_a_freed_monitor),
		CLIENT_TEST(test_free_the_client_in_a_child),
		CLIENT_TEST(test_free_the_client),
	};

	return cmocka_run_group_tests_name("client loop freed", tests, NULL, NULL);
}
