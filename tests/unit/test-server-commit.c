/* SPDX-License-Identifier: MIT */

/* Replies that wait for the commit. */

#include "server-rig.h"

#include <sys/socket.h>

#define FAILED "{\"parameters\":{\"message\":\"disk full\"},\"error\":\"org.example.Test.Failed\"}"
#define N_CLIENTS 300

static struct rig rig;

static int make(void **state)
{
	(void)state;
	rig = (struct rig){ .access = ACCESS_ROOT };
	rig_make(&rig);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	rig_drop(&rig);
	return 0;
}

/* One event of the loop at a time, with a look at what the clients can read after each. */
static void pump_until_committed(struct client *clients, size_t n)
{
	for (int i = 0; i < 10000 && rig.n_commits == 0; i++) {
		for (size_t j = 0; j < n; j++) {
			assert_true(client_take(&clients[j]));
			assert_int_equal(clients[j].size, 0);
		}
		assert_int_equal(sd_event_run(rig.event, 0), 1);
	}
	assert_int_equal(rig.n_commits, 1);
}

/* Writers and readers that come together share one commit, and no byte goes out before it. */
static void test_held(void **state)
{
	struct client clients[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		clients[i] = client_make(&rig);
	for (size_t i = 0; i < 2; i++)
		client_send(&clients[i], "{\"method\":\"" NAMED "Change\"}|"
					 "{\"method\":\"" NAMED "Echo\"}|");
	client_send(&clients[2], "{\"method\":\"" NAMED "Change\",\"oneway\":true}|"
				 "{\"method\":\"" NAMED "Echo\"}|");
	pump_until_committed(clients, 3);
	assert_int_equal(rig.largest_batch, 3);
	for (size_t i = 0; i < 2; i++) {
		expect(&rig, &clients[i], "{}");
		expect(&rig, &clients[i], "{}");
		expect_nothing(&rig, &clients[i]);
	}
	expect(&rig, &clients[2], "{}");
	expect_nothing(&rig, &clients[2]);
	assert_int_equal(rig.n_commits, 1);
	for (size_t i = 0; i < 3; i++)
		client_drop(&clients[i]);
}

/* Nothing is pending, so nothing waits: the answer is there with the event that brought the call.
 */
static void test_not_held(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|");
	assert_int_equal(sd_event_run(rig.event, 0), 1);
	assert_true(client_take(&client));
	assert_int_equal(client.size, 3);
	expect(&rig, &client, "{}");
	client_drop(&client);
}

/* Whatever was held speaks of what is not so; what is not held is not touched. */
static void test_failed(void **state)
{
	struct client writer = client_make(&rig), reader = client_make(&rig);

	(void)state;
	rig.must_fail = true;
	client_send(&writer, "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"text\":\"before\"}}|"
			     "{\"method\":\"" NAMED "Change\"}|"
			     "{\"method\":\"" NAMED "Change\"}|");
	expect(&rig, &writer, "{\"parameters\":{\"text\":\"before\"}}");
	client_send(&reader, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &writer, FAILED);
	expect(&rig, &writer, "{}");
	expect_nothing(&rig, &writer);
	assert_int_equal(rig.n_commits, 2);
	client_take(&reader);
	expect(&rig, &reader, "{}");
	client_drop(&writer);
	client_drop(&reader);
}

static void test_failed_readers(void **state)
{
	struct client writer = client_make(&rig), reader = client_make(&rig),
		      stream = client_make(&rig);

	(void)state;
	rig.must_fail = true;
	client_send(&writer, "{\"method\":\"" NAMED "Change\"}|");
	client_send(&reader, "{\"method\":\"" NAMED "Echo\"}|{\"method\":\"" NAMED "Echo\"}|");
	client_send(&stream, "{\"method\":\"" NAMED "Count\",\"more\":true,"
			     "\"parameters\":{\"n\":1000}}|{\"method\":\"" NAMED "Echo\"}|");
	/* the writer's connection was made first and is served first */
	expect(&rig, &writer, FAILED);
	expect(&rig, &reader, FAILED);
	expect(&rig, &reader, "{}");
	/* an error ends a stream */
	expect(&rig, &stream, FAILED);
	expect(&rig, &stream, "{}");
	expect_nothing(&rig, &stream);
	assert_int_equal(rig.n_streams, 0);
	client_drop(&writer);
	client_drop(&reader);
	client_drop(&stream);
}

/* Nobody waits for the answer, but the change must become durable all the same. */
static void test_oneway_alone(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		client_send(&client, "{\"method\":\"" NAMED "Change\",\"oneway\":true}|");
		expect_nothing(&rig, &client);
		assert_int_equal(rig.n_commits, i);
	}
	client_drop(&client);
}

/* A client that goes away while its reply is held keeps the loop from nothing. */
static void test_gone_while_held(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Change\"}|");
	client_drop(&client);
	pump(&rig);
	assert_int_equal(rig.n_commits, 1);
	assert_int_equal(server_get_counts(rig.server).connections, 0);
}

static void test_half_closed_while_held(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Change\"}|{\"method\":\"" NAMED "Change\"}|");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	expect(&rig, &client, "{}");
	expect(&rig, &client, "{}");
	expect_closed(&rig, &client);
	assert_int_equal(rig.n_commits, 2);
	client_drop(&client);
}

/* A change that a stream makes between two replies is committed as any other one. */
static void test_changing_stream(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Changes\",\"more\":true,"
			     "\"parameters\":{\"n\":3}}|");
	for (int i = 0; i < 3; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"parameters\":{\"i\":%d}%s}", i,
			 i < 2 ? ",\"continues\":true" : "");
		expect(&rig, &client, text);
	}
	assert_int_equal(rig.n_commits, 3);
	client_drop(&client);
}

/*
 * Calls that keep coming cannot put the commit off: it comes after 256 of them at the latest, and
 * those that were heard in the same turn.
 */
static void test_batch_ends(void **state)
{
	static struct client clients[N_CLIENTS];

	(void)state;
	for (size_t i = 0; i < N_CLIENTS; i++) {
		clients[i] = client_make(&rig);
		client_send(&clients[i], "{\"method\":\"" NAMED "Change\"}|");
	}
	pump(&rig);
	assert_true(rig.n_commits >= 2);
	assert_in_range(rig.largest_batch, 2, 256 + 31);
	for (size_t i = 0; i < N_CLIENTS; i++) {
		expect(&rig, &clients[i], "{}");
		client_drop(&clients[i]);
	}
}

/* One change, then nothing but calls that change nothing and are never held. */
static void test_batch_ends_among_readers(void **state)
{
	struct client writer = client_make(&rig), reader = client_make(&rig);

	(void)state;
	client_send(&writer, "{\"method\":\"" NAMED "Change\"}|");
	while (!rig.is_pending)
		wait_event(&rig);
	while (rig.n_commits == 0) {
		client_send(&reader, "{\"method\":\"" NAMED "Echo\",\"oneway\":true}|");
		wait_event(&rig);
		assert_true(rig.n_echoes <= 256);
	}
	expect(&rig, &writer, "{}");
	client_drop(&writer);
	client_drop(&reader);
}

static void test_freed_while_held(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Change\"}|{\"method\":\"" NAMED "Echo\"}|");
	while (!rig.is_pending)
		wait_event(&rig);
	server_free(take_ptr(rig.server));
	assert_int_equal(rig.n_commits, 1);
	assert_false(client_take(&client));
	_cleanup_(freep) char *answer = client_next(&client);
	assert_string_equal(answer, "{}");
	client_drop(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_held),
		TEST(test_not_held),
		TEST(test_failed),
		TEST(test_failed_readers),
		TEST(test_oneway_alone),
		TEST(test_gone_while_held),
		TEST(test_half_closed_while_held),
		TEST(test_changing_stream),
		TEST(test_batch_ends),
		TEST(test_batch_ends_among_readers),
		TEST(test_freed_while_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
