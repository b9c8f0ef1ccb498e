/* SPDX-License-Identifier: MIT */

/* Streams that wait for something to tell, and changes that no call has made. */

#include "server-rig.h"

#include <sys/socket.h>

#define FAILED "{\"parameters\":{\"message\":\"disk full\"},\"error\":\"org.example.Test.Failed\"}"
#define WATCH "{\"method\":\"" NAMED "Watch\",\"more\":true}|"
#define CHANGE "{\"method\":\"" NAMED "Change\"}|"

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

static void expect_told(struct client *client, unsigned int n)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"parameters\":{\"n\":%u},\"continues\":true}", n);
	expect(&rig, client, text);
}

static struct client watcher_make(void)
{
	struct client client = client_make(&rig);

	client_send(&client, WATCH);
	expect_told(&client, rig.n_commits);
	pump(&rig);
	return client;
}

/* The loop does nothing for a stream that waits, and lets go of it when there is something. */
static void test_waits(void **state)
{
	struct client watcher = watcher_make(), writer = client_make(&rig);

	(void)state;
	assert_int_equal(rig.n_looks, 2);
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(sd_event_run(rig.event, 0), 0);
		client_send(&writer, CHANGE);
		expect(&rig, &writer, "{}");
		expect_told(&watcher, i);
		expect_nothing(&rig, &watcher);
		assert_int_equal(rig.n_looks, 2 + 2 * i);
	}
	assert_int_equal(rig.n_committed, 3);
	client_drop(&watcher);
	client_drop(&writer);
}

/* Continued again and again it looks once; and one that has found nothing waits on. */
static void test_continued_in_vain(void **state)
{
	struct client watcher = watcher_make();

	(void)state;
	for (int i = 0; i < 10; i++)
		rig_continue(&rig);
	expect_nothing(&rig, &watcher);
	assert_int_equal(rig.n_looks, 3);
	client_drop(&watcher);
}

/* Input that lies there is no started message that must arrive in time: a call is at work. */
static void test_no_deadline(void **state)
{
	struct client watcher = client_make(&rig), idle = client_make(&rig);

	(void)state;
	client_send(&watcher, WATCH "{\"method\":\"" NAMED "Echo\"}|{\"meth");
	expect_told(&watcher, 0);
	client_send(&idle, "{");
	expect_nothing(&rig, &idle);
	wait_event(&rig);
	expect_closed(&rig, &idle);
	expect_nothing(&rig, &watcher);
	assert_int_equal(rig.n_streams, 1);
	client_drop(&watcher);
	client_drop(&idle);
}

static void test_gone(void **state)
{
	struct client watcher = watcher_make(), other = watcher_make();

	(void)state;
	assert_int_equal(rig.n_streams, 2);
	client_drop(&watcher);
	pump(&rig);
	assert_int_equal(rig.n_streams, 1);
	assert_int_equal(server_get_counts(rig.server).connections, 1);
	client_drop(&other);
}

/* A client that sends nothing more still listens. */
static void test_half_closed(void **state)
{
	struct client watcher = watcher_make(), writer = client_make(&rig);

	(void)state;
	assert_int_equal(shutdown(watcher.fd, SHUT_WR), 0);
	expect_nothing(&rig, &watcher);
	client_send(&writer, CHANGE);
	expect_told(&watcher, 1);
	expect_nothing(&rig, &watcher);
	client_drop(&watcher);
	client_drop(&writer);
}

/* Continued at each moment between the client's end and that of its connection. */
static void test_continued_while_going(void **state)
{
	(void)state;
	for (int moment = 0; moment < 8; moment++) {
		struct client watcher = watcher_make();

		client_drop(&watcher);
		for (int i = 0; i < moment; i++)
			sd_event_run(rig.event, 0);
		rig_continue(&rig);
		pump(&rig);
		assert_int_equal(server_get_counts(rig.server).connections, 0);
	}
}

/* What a continued stream says while changes are pending waits for their commit, as all does. */
static void test_held(void **state)
{
	(void)state;
	for (int must_fail = 0; must_fail < 2; must_fail++) {
		struct client watcher = watcher_make();

		rig_change(&rig);
		rig.n_commits += 10; /* something to tell */
		rig.must_fail = must_fail;
		rig_continue(&rig);
		while (rig.is_pending) {
			assert_true(client_take(&watcher));
			assert_int_equal(watcher.size, 0);
			wait_event(&rig);
		}
		if (must_fail) {
			expect(&rig, &watcher, FAILED);
			assert_int_equal(rig.n_streams, 0);
		} else {
			expect_told(&watcher, rig.n_commits - 1);
			expect_told(&watcher, rig.n_commits);
		}
		expect_nothing(&rig, &watcher);
		client_drop(&watcher);
	}
}

/* A commit that failed may be on disk all the same: those who wait must look. */
static void test_looks_after_failure(void **state)
{
	struct client watcher = watcher_make(), writer = client_make(&rig);

	(void)state;
	rig.must_fail = true;
	client_send(&writer, CHANGE);
	expect(&rig, &writer, FAILED);
	expect_told(&watcher, 1);
	assert_int_equal(rig.n_committed, 1);
	client_drop(&watcher);
	client_drop(&writer);
}

/* A client that watches for long messages and reads none: the first does not fit its socket. */
static struct client stuck_make(void)
{
	static const char begin[] = "{\"method\":\"" NAMED
				    "Watch\",\"more\":true,\"parameters\":{\"text\":\"";
	static char call[400000];
	struct client client = client_make(&rig);

	memset(call, 'x', sizeof(call));
	memcpy(call, begin, sizeof(begin) - 1);
	memcpy(call + sizeof(call) - 4, "\"}}", 4);
	for (size_t sent = 0; sent < sizeof(call); pump(&rig)) {
		ssize_t n = send(client.fd, call + sent, sizeof(call) - sent, MSG_NOSIGNAL);

		assert_true(n > 0);
		sent += (size_t)n;
	}
	assert_int_equal(rig.n_looks, 1);
	return client;
}

/* One that does not read is dropped in the end; the others lose nothing. */
static void test_stuck(void **state)
{
	struct client stuck = stuck_make(), watcher = watcher_make(), writer = client_make(&rig);
	unsigned int n_told = 0;

	(void)state;
	assert_int_equal(rig.n_streams, 2);
	while (rig.n_streams == 2) {
		client_send(&writer, CHANGE);
		expect(&rig, &writer, "{}");
		expect_told(&watcher, ++n_told);
		sd_event_run(rig.event, 1000);
	}
	expect_nothing(&rig, &watcher);
	assert_int_equal(server_get_counts(rig.server).connections, 2);
	client_drop(&stuck);
	client_drop(&watcher);
	client_drop(&writer);
}

/* So is one that waits already and has not been read. */
static void test_stuck_while_waiting(void **state)
{
	struct client stuck;

	(void)state;
	rig.must_wait = true;
	stuck = stuck_make();
	wait_event(&rig);
	pump(&rig);
	assert_int_equal(rig.n_streams, 0);
	client_drop(&stuck);
}

/* A stream that has ended is not begun again, even if its last reply still waits. */
static void test_continued_after_end(void **state)
{
	struct client watcher = watcher_make();

	(void)state;
	rig_change(&rig);
	rig.n_commits += 10;
	rig.must_end = true;
	rig_continue(&rig);
	client_send(&watcher, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &watcher, "{}");
	expect(&rig, &watcher, "{}");
	expect_nothing(&rig, &watcher);
	assert_int_equal(rig.n_looks, 3);
	assert_int_equal(rig.n_streams, 0);
	client_drop(&watcher);
}

/* A crowd of them costs the loop nothing while they wait, and one look and one reply each then. */
static void test_many(void **state)
{
	static struct client watchers[SERVER_CONNECTIONS_MAX / 4];

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(watchers); i++)
		watchers[i] = watcher_make();
	assert_int_equal(sd_event_run(rig.event, 0), 0);
	rig_change(&rig);
	server_commit_soon(rig.server);
	for (size_t i = 0; i < ELEMENTS_OF(watchers); i++)
		expect_told(&watchers[i], 1);
	assert_int_equal(rig.n_looks, 4 * ELEMENTS_OF(watchers));
	for (size_t i = 0; i < ELEMENTS_OF(watchers); i++)
		client_drop(&watchers[i]);
}

static void test_freed_while_waiting(void **state)
{
	struct client watcher = watcher_make();

	(void)state;
	rig_change(&rig);
	server_free(take_ptr(rig.server));
	assert_int_equal(rig.n_committed, 1);
	assert_int_equal(rig.n_streams, 0);
	client_drop(&watcher);
}

static void test_commit_soon(void **state)
{
	(void)state;
	server_commit_soon(rig.server);
	assert_int_equal(sd_event_run(rig.event, 0), 0);
	for (unsigned int i = 1; i <= 3; i++) {
		rig_change(&rig);
		rig_change(&rig);
		server_commit_soon(rig.server);
		server_commit_soon(rig.server);
		assert_int_equal(rig.n_commits, i - 1);
		pump(&rig);
		assert_int_equal(rig.n_commits, i);
		assert_int_equal(rig.n_committed, i);
	}
	assert_int_equal(rig.largest_batch, 2);
}

static int on_busy(sd_event_source *source, void *userdata)
{
	(void)source;
	(void)userdata;
	rig_change(&rig);
	server_commit_soon(rig.server);
	return 0;
}

/* Changes that keep coming cannot put the commit off. */
static void test_commit_soon_without_end(void **state)
{
	sd_event_source *busy = NULL;

	(void)state;
	assert_int_equal(sd_event_add_defer(rig.event, &busy, on_busy, NULL), 0);
	assert_int_equal(sd_event_source_set_enabled(busy, SD_EVENT_ON), 0);
	while (rig.n_commits < 3) {
		wait_event(&rig);
		assert_true(rig.n_changes <= 256);
	}
	sd_event_source_disable_unref(busy);
}

/* Nor can calls that change nothing. */
static void test_commit_soon_among_others(void **state)
{
	struct client reader = client_make(&rig);

	(void)state;
	rig_change(&rig);
	server_commit_soon(rig.server);
	while (rig.n_commits == 0) {
		client_send(&reader, "{\"method\":\"" NAMED "Echo\",\"oneway\":true}|");
		wait_event(&rig);
		assert_true(rig.n_echoes <= 256);
	}
	client_drop(&reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_waits),
		TEST(test_continued_in_vain),
		TEST(test_no_deadline),
		TEST(test_gone),
		TEST(test_half_closed),
		TEST(test_continued_while_going),
		TEST(test_held),
		TEST(test_looks_after_failure),
		TEST(test_stuck),
		TEST(test_stuck_while_waiting),
		TEST(test_continued_after_end),
		TEST(test_many),
		TEST(test_freed_while_waiting),
		TEST(test_commit_soon),
		TEST(test_commit_soon_without_end),
		TEST(test_commit_soon_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
