/* SPDX-License-Identifier: MIT */

/* Calls that are kept and answered later, or not at all. */

#include "server-rig.h"

#include <sys/socket.h>

#define FAILED "{\"parameters\":{\"message\":\"disk full\"},\"error\":\"org.example.Test.Failed\"}"

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

static void answer_kept(const char *text)
{
	assert_non_null(rig.kept);
	assert_int_equal(
		varlink_reply(take_ptr(rig.kept), json_pack(JSON_STRING("text", text), NULL)), 0);
}

/* While a call is kept the next ones of its connection wait. */
static void test_kept(void **state)
{
	struct client client = client_make(&rig), other = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\"}|{\"method\":\"" NAMED "Echo\"}|");
	expect_nothing(&rig, &client);
	client_send(&other, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &other, "{}");
	answer_kept("late");
	expect(&rig, &client, "{\"parameters\":{\"text\":\"late\"}}");
	expect(&rig, &client, "{}");
	assert_int_equal(rig.n_cancelled, 0);
	client_drop(&client);
	client_drop(&other);
}

/* Where there is no memory for an answer, the client hears so by the end of its connection. */
static void test_kept_given_up(void **state)
{
	struct client client = client_make(&rig), oneway = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\"}|");
	expect_nothing(&rig, &client);
	varlink_give_up(rig.kept);
	rig.kept = NULL;
	expect_closed(&rig, &client);
	client_send(&oneway, "{\"method\":\"" NAMED "Keep\",\"oneway\":true}|{\"method\":\"" NAMED
			     "Echo\"}|");
	expect_nothing(&rig, &oneway);
	varlink_give_up(rig.kept);
	rig.kept = NULL;
	expect(&rig, &oneway, "{}");
	assert_int_equal(rig.n_cancelled, 0);
	client_drop(&client);
	client_drop(&oneway);
}

/* An answer that comes while changes are pending waits for them, as all answers do. */
static void test_kept_and_held(void **state)
{
	struct client client = client_make(&rig), writer = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\"}|");
	pump(&rig);
	client_send(&writer, "{\"method\":\"" NAMED "Change\"}|");
	while (!rig.is_pending)
		wait_event(&rig);
	rig.must_fail = true;
	answer_kept("late");
	expect(&rig, &client, FAILED);
	expect(&rig, &writer, FAILED);
	client_drop(&client);
	client_drop(&writer);
}

/* A oneway call can be kept as well; answered or not, the connection goes on. */
static void test_kept_oneway(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\",\"oneway\":true}|"
			     "{\"method\":\"" NAMED "Echo\"}|");
	expect_nothing(&rig, &client);
	answer_kept("nobody hears it");
	expect(&rig, &client, "{}");
	expect_nothing(&rig, &client);
	client_drop(&client);
}

static void test_cancelled(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\"}|");
	pump(&rig);
	client_drop(&client);
	pump(&rig);
	assert_int_equal(rig.n_cancelled, 1);
	assert_int_equal(server_get_counts(rig.server).connections, 0);
}

static void test_kept_after_half_close(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\"}|");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	expect_nothing(&rig, &client);
	answer_kept("late");
	expect(&rig, &client, "{\"parameters\":{\"text\":\"late\"}}");
	expect_closed(&rig, &client);
	client_drop(&client);
}

/* The answer comes at each moment between the client's end and that of its connection. */
static void test_answered_while_going(void **state)
{
	(void)state;
	for (int moment = 0; moment < 8; moment++) {
		struct client client = client_make(&rig), writer = client_make(&rig);
		unsigned int n_cancelled = rig.n_cancelled;

		client_send(&client, "{\"method\":\"" NAMED "Keep\"}|");
		pump(&rig);
		client_drop(&client);
		for (int i = 0; i < moment; i++)
			sd_event_run(rig.event, 0);
		client_send(&writer, "{\"method\":\"" NAMED "Change\"}|");
		rig.is_pending = true;
		if (rig.kept)
			answer_kept("late");
		else
			assert_int_equal(rig.n_cancelled, n_cancelled + 1);
		expect(&rig, &writer, "{}");
		client_drop(&writer);
		pump(&rig);
		assert_int_equal(server_get_counts(rig.server).connections, 0);
	}
}

static void test_cancelled_by_the_end(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Keep\"}|");
	pump(&rig);
	server_free(take_ptr(rig.server));
	assert_int_equal(rig.n_cancelled, 1);
	client_drop(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_kept),
		TEST(test_kept_given_up),
		TEST(test_kept_and_held),
		TEST(test_kept_oneway),
		TEST(test_cancelled),
		TEST(test_kept_after_half_close),
		TEST(test_answered_while_going),
		TEST(test_cancelled_by_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
