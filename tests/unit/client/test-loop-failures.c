/* SPDX-License-Identifier: MIT */

/* Started calls of a daemon that is away, hangs or talks nonsense. */

#include "loop.h"

#define SHORT 300000 /* us; and yet long enough to send something in that time */

static char folder[] = "/tmp/subidd-loop-XXXXXX";
static char path[sizeof(folder) + 8];

/* A time limit ends its call alone: the others get their answers, and nobody the late one. */
static void test_time_limits(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	start_get(&loop, "a");
	subidd_client_set_timeout(loop.client, 0);
	start_get(&loop, "b");
	loop_turn(&loop); /* it is over before it was sent */
	expect_heard("b -110");
	assert_string_equal(subidd_client_error_message(loop.client),
			    "the daemon at the given connection did not answer within 0 s");
	subidd_client_set_timeout(loop.client, SHORT);
	start_get(&loop, "c");
	subidd_client_set_timeout(loop.client, SUBIDD_TIMEOUT_INFINITE);
	start_get(&loop, "d");
	loop_turn(&loop);
	for (int i = 0; i < 3; i++)
		loop_expect(&loop, GET_CALL);
	loop_turn(&loop);
	expect_heard("c -110");
	assert_string_equal(subidd_client_error_message(loop.client),
			    "the daemon at the given connection did not answer within 0.3 s");
	SAY(&loop, GET_REPLY);
	SAY(&loop, NO_SUCH_POD); /* too late */
	loop_turn(&loop);
	expect_heard("a 0");
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("d 0");
	loop_settle(&loop);
	loop_end(&loop);
}

static void test_two_time_limits(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	subidd_client_set_timeout(loop.client, SHORT);
	start_get(&loop, "a");
	subidd_client_set_timeout(loop.client, 2 * SHORT);
	start_get(&loop, "b");
	while (!strstr(heard, "b"))
		loop_turn(&loop);
	expect_heard("a -110 b -110");
	loop_end(&loop);
}

/* Where nobody waits for anything else, the connection is closed as after a blocking call. */
static void test_the_last_one_takes_too_long(void **state)
{
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	subidd_client_set_timeout(loop.client, SHORT);
	start_get(&loop, "a");
	loop_turn(&loop);
	loop_say(&loop, GET_REPLY, 20); /* a part */
	while (!heard[0])
		loop_turn(&loop);
	expect_heard("a -110");
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	start_get(&loop, "b");
	loop_turn(&loop);
	expect_heard("b -107");
	assert_string_equal(subidd_client_error_message(loop.client),
			    "the given connection is closed");
	loop_settle(&loop);
	loop_end(&loop);
}

/* A daemon that was restarted: those under way are lost, the next one reaches the new one. */
static void test_restarted(void **state)
{
	int listener = loop_listen(path, 4);
	struct loop loop;

	(void)state;
	loop_begin_at(&loop, path);
	for (const char *at = "a\0b\0c\0"; *at; at += 2)
		start_get(&loop, at);
	loop_turn(&loop);
	loop_accept(&loop, listener);
	for (int i = 0; i < 3; i++)
		loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	loop_say(&loop, GET_REPLY, 20);
	closep(&loop.peer);
	loop.peer = -1;
	start_get(&loop, "d"); /* finds nobody to read it */
	loop_settle(&loop);
	expect_heard("a 0 b -104 c -104 d -104");
	start_get(&loop, "e");
	loop_turn(&loop);
	loop_accept(&loop, listener);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("e 0");
	/* between two calls nobody notices */
	closep(&loop.peer);
	loop.peer = -1;
	loop_settle(&loop);
	start_get(&loop, "f");
	loop_turn(&loop);
	loop_accept(&loop, listener);
	loop_expect(&loop, GET_CALL);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("f 0");
	loop_end(&loop);
	close(listener);
	unlink(path);
}

/* What was answered before the end is not lost, even if the end is seen first. */
static void test_answers_before_the_end(void **state)
{
	char told[sizeof(heard)] = "";
	struct loop loop;

	(void)state;
	loop_begin(&loop);
	for (int i = 0; i < 40; i++)
		start_get(&loop, "a");
	loop_turn(&loop);
	for (int i = 0; i < 40; i++) {
		SAY(&loop, GET_REPLY); /* together more than is read at once */
		strcat(told, "a 0 ");
	}
	closep(&loop.peer);
	loop.peer = -1;
	start_get(&loop, "b");
	loop_settle(&loop);
	strcat(told, "b -104");
	expect_heard(told);
	loop_end(&loop);
}

/* A new connection begins with a call of its own, and not with the rest of another one. */
static void test_half_sent(void **state)
{
	int listener = loop_listen(path, 4);
	struct loop loop;

	(void)state;
	loop_begin_at(&loop, path);
	for (int i = 0; i < 2; i++) {
		struct subidd_call *call = start_large(&loop, "a");

		loop_turn(&loop);
		loop_accept(&loop, listener);
		if (i == 0) {
			subidd_call_free(call);
		} else {
			closep(&loop.peer);
			loop.peer = -1;
			loop_settle(&loop);
			expect_heard("a -104");
		}
		assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
		start_get(&loop, "b");
		loop_turn(&loop);
		loop_accept(&loop, listener);
		loop_expect(&loop, GET_CALL);
		SAY(&loop, GET_REPLY);
		loop_turn(&loop);
		expect_heard("b 0");
		closep(&loop.peer);
		loop.peer = -1;
	}
	loop_end(&loop);
	close(listener);
	unlink(path);
}

static void expect_no_connection(const char *told, const char *why)
{
	_cleanup_(freep) char *message = NULL;
	struct loop loop;

	assert_true(asprintf(&message, "cannot connect to the daemon at %s: %s", path, why) > 0);
	loop_begin_at(&loop, path);
	start_get(&loop, "a");
	start_get(&loop, "b");
	loop_turn(&loop);
	expect_heard(told);
	assert_string_equal(subidd_client_error_message(loop.client), message);
	assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
	loop_settle(&loop);
	loop_end(&loop);
}

static void test_no_daemon(void **state)
{
	(void)state;
	expect_no_connection("a -2 b -2", "No such file or directory");
	close(loop_listen(path, 1));
	expect_no_connection("a -111 b -111", "Connection refused");
	unlink(path);
}

/* A daemon that takes no connections: nothing waits, the time limit counts, and it is tried again.
 */
static void test_a_full_backlog(void **state)
{
	int listener = loop_listen(path, 0);
	struct loop first, second;

	(void)state;
	loop_begin_at(&first, path);
	start_get(&first, "first");
	loop_settle(&first);
	loop_begin_at(&second, path);
	start_get(&second, "a");
	subidd_client_set_timeout(second.client, SHORT);
	start_get(&second, "b");
	loop_turn(&second);
	assert_int_equal(subidd_client_get_fd(second.client), -ENOTCONN);
	while (!heard[0])
		loop_turn(&second);
	expect_heard("b -110");
	assert_non_null(
		strstr(subidd_client_error_message(second.client), "did not answer within 0.3 s"));
	loop_accept(&first, listener);
	while (subidd_client_get_fd(second.client) < 0)
		loop_turn(&second);
	loop_accept(&second, listener);
	loop_settle(&second);
	loop_expect(&second, GET_CALL);
	SAY(&second, GET_REPLY);
	loop_turn(&second);
	expect_heard("a 0");
	loop_end(&second);
	loop_end(&first);
	close(listener);
	unlink(path);
}

/* What is no answer fails its call, and all behind it, which would not know which is theirs. */
static void test_nonsense(void **state)
{
	static const struct {
		const char *text, *told;
	} nonsense[] = {
		{ "[]", "a -71 b -104" },
		{ "{\"parameters\":{}}", "a -71 b -104" },
		{ "{\"continues\":true}", "a -71 b -104" },
		{ LOOKUP_REPLY, "a -71 b -104" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(nonsense); i++) {
		struct loop loop;

		loop_begin(&loop);
		start_get(&loop, "a");
		start_get(&loop, "b");
		loop_turn(&loop);
		loop_say(&loop, nonsense[i].text, strlen(nonsense[i].text) + 1);
		SAY(&loop, GET_REPLY);
		loop_turn(&loop);
		expect_heard(nonsense[i].told);
		assert_int_equal(subidd_client_get_fd(loop.client), -ENOTCONN);
		loop_end(&loop);
	}
}

/* An answer that nobody asked for must not become that of the next call. */
static void test_two_replies_to_one_call(void **state)
{
	int listener = loop_listen(path, 4);
	struct loop loop;

	(void)state;
	loop_begin_at(&loop, path);
	start_get(&loop, "a");
	loop_turn(&loop);
	loop_accept(&loop, listener);
	SAY(&loop, GET_REPLY "\0" NO_SUCH_POD);
	loop_turn(&loop);
	start_get(&loop, "b");
	loop_turn(&loop);
	loop_accept(&loop, listener);
	SAY(&loop, GET_REPLY);
	loop_turn(&loop);
	expect_heard("a 0 b 0");
	loop_end(&loop);
	close(listener);
	unlink(path);
}

/* One that is too long is that of the first of them, and the others lose their connection. */
static void test_a_reply_that_is_too_long(void **state)
{
	static char piece[65536];
	struct loop loop;

	(void)state;
	memset(piece, ' ', sizeof(piece));
	loop_begin(&loop);
	start_get(&loop, "a");
	start_get(&loop, "b");
	loop_turn(&loop);
	for (size_t n = 0; n <= 16 * 1024 * 1024 && !heard[0]; n += sizeof(piece)) {
		loop_say(&loop, piece, sizeof(piece));
		loop_settle(&loop);
	}
	expect_heard("a -71 b -104");
	loop_end(&loop);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	sprintf(path, "%s/socket", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_time_limits),
		CLIENT_TEST(test_two_time_limits),
		CLIENT_TEST(test_the_last_one_takes_too_long),
		CLIENT_TEST(test_restarted),
		CLIENT_TEST(test_answers_before_the_end),
		CLIENT_TEST(test_half_sent),
		CLIENT_TEST(test_no_daemon),
		CLIENT_TEST(test_a_full_backlog),
		CLIENT_TEST(test_nonsense),
		CLIENT_TEST(test_two_replies_to_one_call),
		CLIENT_TEST(test_a_reply_that_is_too_long),
	};

	return cmocka_run_group_tests_name("client loop failures", tests, make_folder,
					   remove_folder);
}
