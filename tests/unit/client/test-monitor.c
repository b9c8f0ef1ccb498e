/* SPDX-License-Identifier: MIT */

/* Monitor: events that come when something happens, and waiting for them. */

#include "fixture.h"

#include <poll.h>
#include <sys/socket.h>

static const char nothing_yet[] = EVENTS_REPLY("\"continues\":true,", "");
static const char one_event[] = EVENTS_REPLY("\"continues\":true,", EVENT);
static const char two_events[] = EVENTS_REPLY("\"continues\":true,", EVENT "," POOL_EVENT);

/* Sends from the peer's side, of which only the reading is its thread's. */
static void say(struct peer *peer, const char *text, size_t length)
{
	assert_int_equal(send(peer->fd, text, length, MSG_NOSIGNAL), length);
}

static struct subidd_event_iterator *start_monitor(struct peer *peer, struct subidd_client **ret)
{
	static const struct peer_reply reply = { nothing_yet, sizeof(nothing_yet), PEER_PLAIN };
	struct subidd_event_iterator *iterator = NULL;

	*ret = peer_start(peer, &reply, 1);
	assert_int_equal(subidd_monitor(*ret, &iterator), 0);
	return iterator;
}

static void stop_monitor(struct peer *peer, struct subidd_client *client,
			 struct subidd_event_iterator *iterator)
{
	subidd_event_iterator_free(iterator);
	peer_stop(peer, client);
	assert_string_equal(peer->calls[0],
			    "{\"method\":\"io.subidd.Allocator.Monitor\",\"more\":true}");
	peer_done(peer);
}

static void expect(struct subidd_event_iterator *iterator, uint64_t sequence)
{
	const struct subidd_event *event = NULL;

	assert_int_equal(subidd_event_iterator_next(iterator, &event), 1);
	assert_int_equal(event->sequence, sequence);
}

static void test_events_as_they_come(void **state)
{
	const struct subidd_event *event = NULL;
	struct subidd_result *result = NULL;
	struct subidd_client *client;
	struct peer peer;
	struct subidd_event_iterator *iterator = start_monitor(&peer, &client);

	(void)state;
	assert_int_equal(subidd_get(client, "pod-1", &result), -EBUSY);
	say(&peer, two_events, sizeof(two_events));
	say(&peer, one_event, sizeof(one_event));
	expect(iterator, 12);
	assert_null(subidd_client_error_message(client));
	expect(iterator, 13);
	expect(iterator, 12);
	shutdown(peer.fd, SHUT_WR);
	assert_int_equal(subidd_event_iterator_next(iterator, &event), -ECONNRESET);
	assert_string_equal(subidd_client_error_message(client),
			    "the daemon at the given connection has closed the connection");
	assert_int_equal(subidd_event_iterator_next(iterator, &event), 0);
	stop_monitor(&peer, client, iterator);
}

/* The time limit is for the first reply; after that a step waits as long as was set. */
static void test_waiting(void **state)
{
	const struct subidd_event *event = NULL;
	struct subidd_client *client;
	struct peer peer;
	struct subidd_event_iterator *iterator = start_monitor(&peer, &client);

	(void)state;
	subidd_client_set_timeout(client, 0);
	for (uint64_t wait = 0; wait < 3000; wait += 1000) {
		subidd_event_iterator_set_wait(iterator, wait);
		assert_int_equal(subidd_event_iterator_next(iterator, &event), -EAGAIN);
		assert_string_equal(subidd_client_error_message(client),
				    "nothing has happened yet");
		assert_null(subidd_client_error_name(client));
	}
	/* half of a message is kept for the next step */
	say(&peer, one_event, 20);
	assert_int_equal(subidd_event_iterator_next(iterator, &event), -EAGAIN);
	say(&peer, one_event + 20, sizeof(one_event) - 20);
	subidd_event_iterator_set_wait(iterator, SUBIDD_TIMEOUT_INFINITE);
	expect(iterator, 12);
	assert_null(subidd_client_error_message(client));
	stop_monitor(&peer, client, iterator);
}

/* The loop of a program that waits for other things as well. */
static void test_with_poll(void **state)
{
	const struct subidd_event *event = NULL;
	struct subidd_client *client;
	struct peer peer;
	struct subidd_event_iterator *iterator = start_monitor(&peer, &client);
	struct pollfd fd = { .fd = subidd_client_get_fd(client), .events = POLLIN };

	(void)state;
	subidd_event_iterator_set_wait(iterator, 0);
	assert_int_equal(subidd_event_iterator_next(iterator, &event), -EAGAIN);
	assert_int_equal(poll(&fd, 1, 0), 0);
	say(&peer, two_events, sizeof(two_events));
	assert_int_equal(poll(&fd, 1, -1), 1);
	expect(iterator, 12);
	assert_int_equal(poll(&fd, 1, 0), 0); /* and yet there is one more */
	expect(iterator, 13);
	assert_int_equal(subidd_event_iterator_next(iterator, &event), -EAGAIN);
	assert_int_equal(fd.fd, subidd_client_get_fd(client));
	stop_monitor(&peer, client, iterator);
}

/* What is no reply of varlink, or no event, ends it. */
static void test_nonsense(void **state)
{
	static const char *const nonsense[] = { "[]", "{\"parameters\":{\"events\":[5]}}",
						"{\"parameters\":{}}" };
	const struct subidd_event *event = NULL;

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(nonsense); i++) {
		struct subidd_client *client;
		struct peer peer;
		struct subidd_event_iterator *iterator = start_monitor(&peer, &client);

		say(&peer, nonsense[i], strlen(nonsense[i]) + 1);
		assert_int_equal(subidd_event_iterator_next(iterator, &event), -EPROTO);
		assert_int_equal(subidd_client_get_fd(client), -ENOTCONN);
		assert_int_equal(subidd_event_iterator_next(iterator, &event), 0);
		stop_monitor(&peer, client, iterator);
	}
}

/* A daemon that does not know the method, and one that ends the stream in good order. */
static void test_refused_and_ended(void **state)
{
	static const char ended[] = EVENTS_REPLY("", EVENT);
	const struct peer_reply replies[] = {
		REPLY("{\"error\":\"org.varlink.service.MethodNotFound\"}"), REPLY(ended),
		REPLY(GET_REPLY)
	};
	struct subidd_event_iterator *iterator = NULL;
	const struct subidd_event *event = NULL;
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 3);

	(void)state;
	assert_int_equal(subidd_monitor(client, &iterator), -EOPNOTSUPP);
	assert_null(iterator);
	assert_int_equal(subidd_monitor(client, &iterator), 0);
	expect(iterator, 12);
	assert_int_equal(subidd_event_iterator_next(iterator, &event), 0);
	subidd_event_iterator_free(iterator);
	assert_int_equal(subidd_get(client, "pod-1", &result), 0);
	subidd_result_free(result);
	peer_stop(&peer, client);
	peer_done(&peer);
}

/* The call itself has the time limit of every other. */
static void test_no_answer(void **state)
{
	const struct peer_reply reply = { "", 0, PEER_PLAIN };
	struct subidd_event_iterator *iterator = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &reply, 1);

	(void)state;
	subidd_client_set_timeout(client, 20000);
	assert_int_equal(subidd_monitor(client, &iterator), -ETIMEDOUT);
	assert_null(iterator);
	peer_stop(&peer, client);
	peer_done(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_events_as_they_come), CLIENT_TEST(test_waiting),
		CLIENT_TEST(test_with_poll),	       CLIENT_TEST(test_nonsense),
		CLIENT_TEST(test_refused_and_ended),   CLIENT_TEST(test_no_answer),
	};

	return cmocka_run_group_tests_name("client monitor", tests, NULL, NULL);
}
