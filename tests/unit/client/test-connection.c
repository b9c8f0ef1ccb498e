/* SPDX-License-Identifier: MIT */

/* Connecting, waiting, losing the connection and getting it back. */

#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

static char folder[] = "/tmp/subidd-client-XXXXXX";
static char path[sizeof(folder) + 8];

static int do_get(struct subidd_client *client)
{
	struct subidd_result *result = NULL;
	int r = subidd_get(client, "pod-1", &result);

	subidd_result_free(result);
	return r;
}

static struct subidd_client *new_client(void)
{
	struct subidd_client *client = NULL;

	assert_int_equal(subidd_client_new(&client, path), 0);
	return client;
}

static void test_a_byte_at_a_time(void **state)
{
	struct peer_reply reply = { GET_REPLY, sizeof(GET_REPLY), PEER_BYTEWISE };
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &reply, 1);

	(void)state;
	assert_int_equal(do_get(client), 0);
	peer_stop(&peer, client);
	peer_done(&peer);
}

static void test_no_answer_in_time(void **state)
{
	const struct peer_reply replies[] = {
		{ "", 0, PEER_PLAIN },			 /* nothing */
		{ GET_REPLY, 20, PEER_PLAIN },		 /* a part of it */
		{ GET_REPLY, sizeof(GET_REPLY) - 1, 0 }, /* all but the end */
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(replies); i++) {
		struct peer peer;
		struct subidd_client *client = peer_start(&peer, &replies[i], 1);

		subidd_client_set_timeout(client, 20000);
		assert_int_equal(do_get(client), -ETIMEDOUT);
		assert_string_equal(
			subidd_client_error_message(client),
			"the daemon at the given connection did not answer within 0.02 s");
		assert_int_equal(subidd_client_get_fd(client), -ENOTCONN);
		assert_int_equal(do_get(client), -ENOTCONN);
		peer_stop(&peer, client);
		peer_done(&peer);
	}
}

static void test_the_peer_closes(void **state)
{
	const struct peer_reply replies[] = {
		{ "", 0, PEER_CLOSE },
		{ GET_REPLY, 20, PEER_CLOSE },
		{ GET_REPLY, sizeof(GET_REPLY) - 1, PEER_CLOSE },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(replies); i++) {
		struct peer peer;
		struct subidd_client *client = peer_start(&peer, &replies[i], 1);

		assert_int_equal(do_get(client), -ECONNRESET);
		assert_string_equal(
			subidd_client_error_message(client),
			"the daemon at the given connection closed the connection before it answered");
		peer_stop(&peer, client);
		peer_done(&peer);
	}
}

/* A daemon that was restarted between two calls is not noticed. */
static void test_restarted_between_calls(void **state)
{
	const struct peer_reply replies[] = { { GET_REPLY, sizeof(GET_REPLY), PEER_CLOSE },
					      REPLY(GET_REPLY),
					      REPLY(GET_REPLY) };
	struct subidd_client *client = new_client();
	struct peer peer;
	char byte;

	(void)state;
	peer_listen(&peer, path, replies, 3);
	assert_int_equal(do_get(client), 0);
	assert_true(subidd_client_get_fd(client) >= 0);
	assert_int_equal(recv(subidd_client_get_fd(client), &byte, 1, MSG_PEEK), 0);
	assert_int_equal(do_get(client), 0);
	assert_int_equal(do_get(client), 0);
	peer_stop(&peer, client);
	assert_int_equal(peer.n_connections, 2);
	peer_done(&peer);
	unlink(path);
}

/* A call that may have been carried out is not sent again, but the next one gets through. */
static void test_restarted_during_a_call(void **state)
{
	const struct peer_reply replies[] = { { "", 0, PEER_CLOSE }, REPLY(GET_REPLY) };
	struct subidd_client *client = new_client();
	struct peer peer;

	(void)state;
	peer_listen(&peer, path, replies, 2);
	assert_int_equal(do_get(client), -ECONNRESET);
	assert_int_equal(do_get(client), 0);
	peer_stop(&peer, client);
	assert_int_equal(peer.n_calls, 2);
	peer_done(&peer);
	unlink(path);
}

/* An answer that nobody asked for must not become that of the next call. */
static void test_two_replies_to_one_call(void **state)
{
	static const char twice[] = GET_REPLY "\0" RELEASE_REPLY;
	const struct peer_reply replies[] = { { twice, sizeof(twice), PEER_PLAIN },
					      REPLY(GET_REPLY) };
	struct subidd_client *client = new_client();
	struct peer peer;

	(void)state;
	peer_listen(&peer, path, replies, 2);
	assert_int_equal(do_get(client), 0);
	assert_int_equal(do_get(client), 0);
	peer_stop(&peer, client);
	assert_int_equal(peer.n_connections, 2);
	peer_done(&peer);
	unlink(path);
}

/* A list that is left before its end takes its connection with it. */
static void test_a_list_left_early(void **state)
{
	const struct peer_reply replies[] = { REPLY(LIST_REPLY("\"continues\":true,")),
					      REPLY(GET_REPLY) };
	struct subidd_client *client = new_client();
	struct subidd_iterator *iterator = NULL;
	struct peer peer;

	(void)state;
	peer_listen(&peer, path, replies, 2);
	assert_int_equal(subidd_list(client, NULL, SUBIDD_STATE_ANY, &iterator), 0);
	assert_int_equal(do_get(client), -EBUSY);
	subidd_iterator_free(iterator);
	assert_int_equal(do_get(client), 0);
	peer_stop(&peer, client);
	assert_int_equal(peer.n_connections, 2);
	peer_done(&peer);
	unlink(path);
}

static void check_cannot_connect(int error, const char *why)
{
	struct subidd_client *client = new_client();
	_cleanup_(freep) char *message = NULL;

	assert_true(asprintf(&message, "cannot connect to the daemon at %s: %s", path, why) > 0);
	assert_int_equal(do_get(client), error);
	assert_string_equal(subidd_client_error_message(client), message);
	assert_null(subidd_client_error_name(client));
	assert_int_equal(subidd_client_get_fd(client), -ENOTCONN);
	subidd_client_free(client);
}

static int make_listener(int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void test_no_daemon(void **state)
{
	(void)state;
	check_cannot_connect(-ENOENT, "No such file or directory");
	close(make_listener(1));
	check_cannot_connect(-ECONNREFUSED, "Connection refused");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	check_cannot_connect(-ECONNREFUSED, "Connection refused");
	rmdir(path);
}

/* A daemon that takes no connections counts against the time limit as well. */
static void test_a_full_backlog(void **state)
{
	int listener = make_listener(0);
	struct subidd_client *first = new_client(), *second = new_client();

	(void)state;
	subidd_client_set_timeout(first, 1000);
	subidd_client_set_timeout(second, 20000);
	assert_int_equal(do_get(first), -ETIMEDOUT);
	assert_int_equal(do_get(second), -ETIMEDOUT);
	assert_non_null(
		strstr(subidd_client_error_message(second), "did not answer within 0.02 s"));
	subidd_client_free(first);
	subidd_client_free(second);
	close(listener);
	unlink(path);
}

static void test_paths(void **state)
{
	char longest[108] = "", too_long[109] = "";
	struct subidd_client *client = NULL;

	(void)state;
	memset(longest, 'x', 107);
	memset(too_long, 'x', 108);
	assert_int_equal(subidd_client_new(&client, longest), 0);
	client = subidd_client_free(client);
	assert_null(client);
	assert_int_equal(subidd_client_new(&client, NULL), 0);
	assert_int_equal(subidd_client_get_fd(client), -ENOTCONN);
	client = subidd_client_free(client);
	assert_int_equal(subidd_client_new(&client, too_long), -ENAMETOOLONG);
	assert_null(client);
}

static void test_descriptors(void **state)
{
	struct subidd_client *client = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(subidd_client_new_from_fd(&client, -1), -EBADF);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(subidd_client_new_from_fd(&client, fds[0]), 0);
	assert_int_equal(subidd_client_get_fd(client), fds[0]);
	close(fds[1]);
	assert_int_equal(do_get(client), -ENOTCONN);
	assert_string_equal(subidd_client_error_message(client), "the given connection is closed");
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	subidd_client_free(client);
}

static void ignore_signal(int number)
{
	(void)number;
}

/* Signals interrupt the waiting, and it goes on. */
static void test_signals(void **state)
{
	const struct sigaction action = { .sa_handler = ignore_signal };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	struct peer_reply reply = { "", 0, PEER_PLAIN };
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &reply, 1);

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	subidd_client_set_timeout(client, 30000);
	assert_int_equal(do_get(client), -ETIMEDOUT);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	peer_stop(&peer, client);
	peer_done(&peer);
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
		CLIENT_TEST(test_a_byte_at_a_time),
		CLIENT_TEST(test_no_answer_in_time),
		CLIENT_TEST(test_the_peer_closes),
		CLIENT_TEST(test_restarted_between_calls),
		CLIENT_TEST(test_restarted_during_a_call),
		CLIENT_TEST(test_two_replies_to_one_call),
		CLIENT_TEST(test_a_list_left_early),
		CLIENT_TEST(test_no_daemon),
		CLIENT_TEST(test_a_full_backlog),
		CLIENT_TEST(test_paths),
		CLIENT_TEST(test_descriptors),
		CLIENT_TEST(test_signals),
	};

	return cmocka_run_group_tests_name("client connection", tests, make_folder, remove_folder);
}
