/* SPDX-License-Identifier: MIT */

/* Everybody's turn comes, also while a client keeps the server busy without an end. */

#include "server-rig.h"

#include <sys/socket.h>

#define ENDLESS "{\"method\":\"" NAMED "Count\",\"parameters\":{\"n\":1000000},\"more\":true}|"
#define ECHO "{\"method\":\"" NAMED "Echo\"}|"
#define N_BUSY 4
#define ENOUGH 300000 /* replies of streams, after which nobody can still hope */

static struct rig rig;
static struct client busy[N_BUSY];

static int make(void **state)
{
	(void)state;
	rig = (struct rig){ .access = ACCESS_ROOT };
	rig_make(&rig);
	rig_listen(&rig, 0);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_BUSY; i++)
		client_drop(&busy[i]);
	rig_drop(&rig);
	return 0;
}

static void make_busy(enum varlink_access access)
{
	rig.access = access;
	for (size_t i = 0; i < N_BUSY; i++) {
		busy[i] = client_make(&rig);
		client_send(&busy[i], ENDLESS);
	}
	while (rig.n_streamed < 10 * N_BUSY)
		wait_event(&rig);
}

/* Takes all that they are sent, so that they never have to wait for room. */
static void run_once(void)
{
	wait_event(&rig);
	for (size_t i = 0; i < N_BUSY; i++) {
		assert_true(client_take(&busy[i]));
		busy[i].size = 0;
	}
}

static void expect_turn(struct client *client)
{
	_cleanup_(freep) char *answer = NULL;

	while (!(answer = client_next(client))) {
		assert_true(rig.n_streamed < ENOUGH);
		run_once();
		assert_true(client_take(client));
	}
	assert_string_equal(answer, "{}");
	client_drop(client);
}

/* Those who are already there are as busy as they like. */
static void test_connect(void **state)
{
	struct client client;

	(void)state;
	make_busy(ACCESS_ROOT);
	client = client_of(rig_connect(&rig));
	client_send(&client, ECHO);
	expect_turn(&client);
}

static void test_reader_among_writers(void **state)
{
	struct client client;

	(void)state;
	rig.access = ACCESS_READER;
	client = client_make(&rig);
	make_busy(ACCESS_WRITER);
	client_send(&client, ECHO);
	expect_turn(&client);
}

static void test_writer_among_readers(void **state)
{
	struct client client;

	(void)state;
	rig.access = ACCESS_WRITER;
	client = client_make(&rig);
	make_busy(ACCESS_READER);
	client_send(&client, "{\"method\":\"" NAMED "Change\"}|");
	expect_turn(&client);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	*(bool *)userdata = true;
	return 0;
}

/* The daemon's own work, as the server has it beside it. */
static void test_timer(void **state)
{
	sd_event_source *source = NULL;
	bool is_fired = false;

	(void)state;
	make_busy(ACCESS_ROOT);
	assert_true(sd_event_add_time_relative(rig.event, &source, CLOCK_MONOTONIC, 1, 1, on_timer,
					       &is_fired) >= 0);
	while (!is_fired) {
		assert_true(rig.n_streamed < ENOUGH);
		run_once();
	}
	sd_event_source_disable_unref(source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_connect),
		TEST(test_reader_among_writers),
		TEST(test_writer_among_readers),
		TEST(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
