/* SPDX-License-Identifier: MIT */

/* The protocol on a connection: order, flags, errors, ends. */

#include "server-rig.h"

#include <sys/socket.h>

#define REFUSED(name) "\"error\":\"org.varlink.service." name "\"}"

static struct rig rig;
static struct client client;

static int make(void **state)
{
	(void)state;
	rig = (struct rig){ .access = ACCESS_ROOT };
	rig_make(&rig);
	client = client_make(&rig);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	client_drop(&client);
	rig_drop(&rig);
	return 0;
}

static void test_order(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		char text[128];

		snprintf(text, sizeof(text),
			 "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"text\":\"%d\"}}|", i);
		client_send(&client, text);
	}
	for (int i = 0; i < 100; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"parameters\":{\"text\":\"%d\"}}", i);
		expect(&rig, &client, text);
	}
	expect_nothing(&rig, &client);
	assert_int_equal(server_get_counts(rig.server).calls, 100);
}

/* A message in pieces of one byte, and further ones behind it. */
static void test_pieces(void **state)
{
	static const char text[] = "{\"method\":\"" NAMED "Echo\"}\0{\"method\":\"" NAMED "Echo\"}";

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		client_send_bytes(&client, text + i, 1);
		pump(&rig);
	}
	expect(&rig, &client, "{}");
	expect(&rig, &client, "{}");
	expect_nothing(&rig, &client);
}

static const struct {
	const char *call, *answer;
} answers[] = {
	{ "{\"method\":\"" NAMED "Echo\"}", "{}" },
	{ "{\"method\":\"" NAMED "Echo\",\"parameters\":null}", "{}" },
	{ "{\"method\":\"" NAMED "Echo\",\"parameters\":{}}", "{}" },
	{ "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"text\":null}}", "{}" },
	{ "{\"method\":\"" NAMED "Echo\",\"com.example.vendor\":[1]}", "{}" },
	{ "{\"method\":\"" NAMED "Echo\",\"oneway\":false,\"more\":false,\"upgrade\":false}",
	  "{}" },
	/* what does not stream answers once, with or without more */
	{ "{\"method\":\"" NAMED "Echo\",\"more\":true}", "{}" },
	{ "{\"method\":\"" NAMED "Count\",\"parameters\":{\"n\":2}}", "{" REFUSED("ExpectedMore") },
	{ "{\"method\":\"" NAMED "Count\",\"more\":true}",
	  "{\"parameters\":{\"parameter\":\"n\"}," REFUSED("InvalidParameter") },
	{ "{\"method\":\"" NAMED "Count\",\"more\":true,\"parameters\":{\"n\":1}}",
	  "{\"parameters\":{\"i\":0}}" },
	{ "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"text\":5}}",
	  "{\"parameters\":{\"parameter\":\"text\"}," REFUSED("InvalidParameter") },
	{ "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"txt\":\"\"}}",
	  "{\"parameters\":{\"parameter\":\"txt\"}," REFUSED("InvalidParameter") },
	{ "{\"method\":\"" NAMED "Nothing\"}",
	  "{\"parameters\":{\"method\":\"" NAMED "Nothing\"}," REFUSED("MethodNotFound") },
	{ "{\"method\":\"" NAMED "echo\"}",
	  "{\"parameters\":{\"method\":\"" NAMED "echo\"}," REFUSED("MethodNotFound") },
	{ "{\"method\":\"" NAMED "\"}",
	  "{\"parameters\":{\"method\":\"" NAMED "\"}," REFUSED("MethodNotFound") },
	{ "{\"method\":\"Echo\"}",
	  "{\"parameters\":{\"method\":\"Echo\"}," REFUSED("MethodNotFound") },
	{ "{\"method\":\"\"}", "{\"parameters\":{\"method\":\"\"}," REFUSED("MethodNotFound") },
	{ "{\"method\":\"org.example.Tes.Echo\"}",
	  "{\"parameters\":{\"interface\":\"org.example.Tes\"}," REFUSED("InterfaceNotFound") },
	{ "{\"method\":\"org.example.Test2.Echo\"}",
	  "{\"parameters\":{\"interface\":\"org.example.Test2\"}," REFUSED("InterfaceNotFound") },
	{ "{\"method\":\".Echo\"}",
	  "{\"parameters\":{\"interface\":\"\"}," REFUSED("InterfaceNotFound") },
	{ "{\"method\":\"" NAMED "Echo\",\"upgrade\":true}",
	  "{\"parameters\":{\"method\":\"" NAMED "Echo\"}," REFUSED("MethodNotImplemented") },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(answers); i++) {
		client_send_bytes(&client, answers[i].call, strlen(answers[i].call) + 1);
		expect(&rig, &client, answers[i].answer);
	}
	expect_nothing(&rig, &client);
}

/* Never answered, not even with an error; but what comes after it is. */
static void test_oneway(void **state)
{
	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Echo\",\"oneway\":true}|"
			     "{\"method\":\"" NAMED "Nothing\",\"oneway\":true}|"
			     "{\"method\":\"org.example.No.No\",\"oneway\":true}|"
			     "{\"method\":\"" NAMED "Count\",\"oneway\":true}|"
			     "{\"method\":\"" NAMED "Echo\",\"oneway\":true,"
			     "\"parameters\":{\"x\":1}}|"
			     "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"text\":\"5\"}}|");
	expect(&rig, &client, "{\"parameters\":{\"text\":\"5\"}}");
	expect_nothing(&rig, &client);
	assert_int_equal(rig.n_echoes, 2);
}

/* All that was sent before the client went away is done, however much of it there is. */
static void test_oneway_and_gone(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct client other = client_make(&rig);

		for (int j = 0; j < 200; j++)
			client_send(&other, "{\"method\":\"" NAMED "Echo\",\"oneway\":true}|");
		client_drop(&other);
	}
	client_drop(&client);
	pump(&rig);
	assert_int_equal(rig.n_echoes, 10 * 200);
	assert_int_equal(server_get_counts(rig.server).connections, 0);
}

static void test_access(void **state)
{
	static const char refusal[] = "{" REFUSED("PermissionDenied");

	(void)state;
	for (enum varlink_access access = ACCESS_READER; access <= ACCESS_ROOT; access++) {
		/* changed while the connection stands, as a reload does it */
		rig.access = access;
		client_send(&client, "{\"method\":\"" NAMED "Echo\"}|{\"method\":\"" NAMED
				     "Write\"}|{\"method\":\"" NAMED "Root\"}|");
		expect(&rig, &client, "{}");
		expect(&rig, &client, access >= ACCESS_WRITER ? "{}" : refusal);
		expect(&rig, &client, access >= ACCESS_ROOT ? "{}" : refusal);
	}
}

static void test_stream(void **state)
{
	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Count\",\"more\":true,\"parameters\":"
			     "{\"n\":100}}|{\"method\":\"" NAMED "Echo\"}|");
	for (int i = 0; i < 100; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"parameters\":{\"i\":%d}%s}", i,
			 i < 99 ? ",\"continues\":true" : "");
		expect(&rig, &client, text);
	}
	expect(&rig, &client, "{}");
	assert_int_equal(rig.n_streams, 0);
}

/* A client that shuts down its writing half still gets its reply, then the connection ends. */
static void test_half_close(void **state)
{
	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Count\",\"more\":true,\"parameters\":"
			     "{\"n\":2}}|{\"method\":\"" NAMED "Echo\"}|");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	expect(&rig, &client, "{\"parameters\":{\"i\":0},\"continues\":true}");
	expect(&rig, &client, "{\"parameters\":{\"i\":1}}");
	expect(&rig, &client, "{}");
	expect_closed(&rig, &client);
	assert_int_equal(rig.n_idle, 1);
}

static void test_half_close_in_message(void **state)
{
	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|{\"method\":\"");
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	expect(&rig, &client, "{}");
	expect_closed(&rig, &client);
}

static const char *const garbage[] = {
	"|",
	"x|",
	"{|",
	"[]|",
	"1|",
	"null|",
	"{}|",
	"{\"method\":5}|",
	"{\"method\":null}|",
	"{\"parameters\":{}}|",
	"{\"method\":\"a.B\",\"method\":\"a.B\"}|",
	"{\"method\":\"a.B\",\"parameters\":[]}|",
	"{\"method\":\"a.B\",\"parameters\":\"\"}|",
	"{\"method\":\"a.B\",\"more\":1}|",
	"{\"method\":\"a.B\",\"oneway\":\"true\"}|",
	"{\"method\":\"a.B\",\"upgrade\":null}|",
	"{\"method\":\"a.B\",\"more\":true,\"oneway\":true}|",
	"{\"method\":\"a.B\",\"more\":true,\"upgrade\":true}|",
	"{\"method\":\"a.B\",\"oneway\":true,\"upgrade\":true}|",
	"{\"method\":\"a.B\",\"unknown\":1}|",
	"{\"method\":\"\xff\"}|",
	"{\"method\":\"a.B\\u0000\"}|",
	"{\"method\":\"a.B\"} x|",
};

/* Garbage ends its connection, without a word, and no other one. */
static void test_garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(garbage); i++) {
		struct client other = client_make(&rig);

		client_send(&other, "{\"method\":\"" NAMED "Echo\"}|");
		expect(&rig, &other, "{}");
		client_send(&other, garbage[i]);
		client_send(&other, "{\"method\":\"" NAMED "Echo\"}|");
		expect_closed(&rig, &other);
		client_drop(&other);
	}
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &client, "{}");
	assert_int_equal(rig.n_echoes, ELEMENTS_OF(garbage) + 1);
}

/* A method that fails, or forgets to answer, ends the connection. */
static void test_failing_methods(void **state)
{
	static const char *const calls[] = { "Fail", "Silent" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
		struct client other = client_make(&rig);
		char call[64];

		snprintf(call, sizeof(call), "{\"method\":\"" NAMED "%s\"}|", calls[i]);
		client_send(&other, call);
		expect_closed(&rig, &other);
		client_drop(&other);
	}
	assert_int_equal(rig.n_logged, ELEMENTS_OF(calls));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_order),   TEST(test_pieces),		TEST(test_answers),
		TEST(test_oneway),  TEST(test_oneway_and_gone), TEST(test_access),
		TEST(test_stream),  TEST(test_half_close),	TEST(test_half_close_in_message),
		TEST(test_garbage), TEST(test_failing_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
