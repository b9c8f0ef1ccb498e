/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "envelope.h"

#include <errno.h>

#define DEPTH 8

static const struct json_limits limits = {
	.depth = DEPTH,
	.containers = SIZE_MAX,
	.values = SIZE_MAX,
};

static const struct {
	const char *text;
	const char
		*what; /* of the call: its flags and parameters; NULL if it breaks the protocol */
} calls[] = {
	{ "{\"method\":\"a.B\"}", "a.B 000 -" },
	{ "{\"method\":\"a.B\",\"parameters\":null}", "a.B 000 -" },
	{ "{\"method\":\"a.B\",\"parameters\":{}}", "a.B 000 { }" },
	{ "{\"parameters\":{\"x\":[1]},\"method\":\"a.B\"}", "a.B 000 { \"x\": [ 1 ] }" },
	{ "{\"method\":\"a.B\",\"oneway\":true}", "a.B 100 -" },
	{ "{\"method\":\"a.B\",\"more\":true}", "a.B 010 -" },
	{ "{\"method\":\"a.B\",\"upgrade\":true}", "a.B 001 -" },
	{ "{\"method\":\"a.B\",\"oneway\":false,\"more\":false,\"upgrade\":false}", "a.B 000 -" },
	{ "{\"method\":\"a.B\",\"oneway\":false,\"more\":true}", "a.B 010 -" },
	{ "{\"method\":\"\"}", " 000 -" },
	/* a vendor's member, whatever it holds */
	{ "{\"method\":\"a.B\",\"com.example.x\":null}", "a.B 000 -" },
	{ "{\"method\":\"a.B\",\"x.\":{\"y\":[1]},\".\":1}", "a.B 000 -" },
	{ "{}", NULL },
	{ "[]", NULL },
	{ "\"a.B\"", NULL },
	{ "", NULL },
	{ "{\"method\":null}", NULL },
	{ "{\"method\":1}", NULL },
	{ "{\"method\":[\"a.B\"]}", NULL },
	{ "{\"method\":\"a.B\\u0000\"}", NULL },
	{ "{\"method\":\"a.B\",\"method\":\"a.B\"}", NULL },
	{ "{\"parameters\":{}}", NULL },
	{ "{\"method\":\"a.B\",\"parameters\":[]}", NULL },
	{ "{\"method\":\"a.B\",\"parameters\":\"\"}", NULL },
	{ "{\"method\":\"a.B\",\"parameters\":0}", NULL },
	{ "{\"method\":\"a.B\",\"parameters\":false}", NULL },
	{ "{\"method\":\"a.B\",\"more\":null}", NULL },
	{ "{\"method\":\"a.B\",\"more\":1}", NULL },
	{ "{\"method\":\"a.B\",\"more\":\"true\"}", NULL },
	{ "{\"method\":\"a.B\",\"oneway\":0}", NULL },
	{ "{\"method\":\"a.B\",\"oneway\":{}}", NULL },
	{ "{\"method\":\"a.B\",\"upgrade\":null}", NULL },
	{ "{\"method\":\"a.B\",\"oneway\":true,\"more\":true}", NULL },
	{ "{\"method\":\"a.B\",\"more\":true,\"upgrade\":true}", NULL },
	{ "{\"method\":\"a.B\",\"oneway\":true,\"upgrade\":true}", NULL },
	{ "{\"method\":\"a.B\",\"oneway\":true,\"more\":true,\"upgrade\":true}", NULL },
	{ "{\"method\":\"a.B\",\"unknown\":1}", NULL },
	{ "{\"method\":\"a.B\",\"unknown\":null}", NULL },
	{ "{\"method\":\"a.B\",\"\":1}", NULL },
	{ "{\"method\":\"a.B\",\"Method\":1}", NULL },
	{ "{\"method\":\"a.B\",\"error\":\"a.E\"}", NULL },
	{ "{\"method\":\"a.B\",\"continues\":true}", NULL },
	{ "{\"method\":\"a.B\"}x", NULL },
	{ "{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[1]]]]]]}}",
	  "a.B 000 { \"a\": [ [ [ [ [ [ 1 ] ] ] ] ] ] }" },
	{ "{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[[1]]]]]]]}}", NULL },
};

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
		_cleanup_(envelope_call_done) struct envelope_call call = {};
		char what[256] = "";
		int r = envelope_call_parse(calls[i].text, strlen(calls[i].text), &limits, &call);

		if (r != (calls[i].what ? 0 : -EBADMSG))
			fail_msg("%d: %s", r, calls[i].text);
		if (r != 0) {
			assert_null(call.root);
			continue;
		}
		snprintf(what, sizeof(what), "%s %d%d%d %s", call.method, call.oneway, call.more,
			 call.upgrade,
			 call.parameters ? json_object_to_json_string(call.parameters) : "-");
		assert_string_equal(what, calls[i].what);
	}
}

static const struct {
	const char *text;
	const char *what;
} replies[] = {
	{ "{}", "- 0 -" },
	{ "{\"parameters\":null}", "- 0 -" },
	{ "{\"parameters\":{}}", "- 0 { }" },
	{ "{\"continues\":true}", "- 1 -" },
	{ "{\"continues\":false,\"parameters\":{\"a\":1}}", "- 0 { \"a\": 1 }" },
	{ "{\"error\":\"a.E\"}", "a.E 0 -" },
	{ "{\"error\":\"a.E\",\"parameters\":{},\"continues\":false}", "a.E 0 { }" },
	{ "{\"x.y\":1}", "- 0 -" },
	{ "[]", NULL },
	{ "null", NULL },
	{ "{\"error\":null}", NULL },
	{ "{\"error\":1}", NULL },
	{ "{\"error\":\"a.E\",\"continues\":true}", NULL },
	{ "{\"continues\":1}", NULL },
	{ "{\"continues\":null}", NULL },
	{ "{\"parameters\":[]}", NULL },
	{ "{\"unknown\":1}", NULL },
	{ "{\"method\":\"a.B\"}", NULL },
};

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(replies); i++) {
		_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
		char what[256] = "";
		int r = envelope_reply_parse(replies[i].text, strlen(replies[i].text), &limits,
					     &reply);

		if (r != (replies[i].what ? 0 : -EBADMSG))
			fail_msg("%d: %s", r, replies[i].text);
		if (r != 0)
			continue;
		snprintf(what, sizeof(what), "%s %d %s", reply.error ? reply.error : "-",
			 reply.continues,
			 reply.parameters ? json_object_to_json_string(reply.parameters) : "-");
		assert_string_equal(what, replies[i].what);
	}
}

static struct json_object *some(void)
{
	return json_pack(JSON_STRING("text", "a/b\n\"\xc3\xa9"), JSON_INT("n", INT64_MAX), NULL);
}

static const char some_text[] = "{\"text\":\"a/b\\n\\\"\xc3\xa9\",\"n\":9223372036854775807}";

/* Takes the message over; its text to be freed. */
static char *text_of(struct json_object *message)
{
	size_t length;
	char *text = strdup(json_text(message, &length));

	assert_int_equal(strlen(text), length);
	json_object_put(message);
	return text;
}

/* What was built is what was meant, byte for byte: nothing that is false or empty is in it. */
static void test_build(void **state)
{
	struct {
		struct json_object *message;
		const char *expected;
	} built[] = {
		{ envelope_call_build("a.B", NULL, false), "{\"method\":\"a.B\"}" },
		{ envelope_call_build("a.B", json_object_new_object(), false),
		  "{\"method\":\"a.B\"}" },
		{ envelope_call_build("a.B", NULL, true), "{\"method\":\"a.B\",\"more\":true}" },
		{ envelope_reply_build(NULL, false), "{}" },
		{ envelope_reply_build(json_object_new_object(), false), "{}" },
		{ envelope_reply_build(NULL, true), "{\"continues\":true}" },
		{ envelope_error_build("a.E", NULL), "{\"error\":\"a.E\"}" },
		{ envelope_error_build("a.E", json_object_new_object()), "{\"error\":\"a.E\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(built); i++) {
		_cleanup_(freep) char *text = text_of(built[i].message);

		assert_string_equal(text, built[i].expected);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int flag = 0; flag <= 1; flag++) {
		_cleanup_(freep) char *call_text = text_of(
			envelope_call_build("a.B", some(), flag));
		_cleanup_(freep) char *reply_text = text_of(envelope_reply_build(some(), flag));
		_cleanup_(freep) char *error_text = text_of(envelope_error_build("a.E", some()));
		_cleanup_(envelope_call_done) struct envelope_call call = {};
		_cleanup_(envelope_reply_done) struct envelope_reply reply = {}, error = {};
		size_t length;

		assert_int_equal(envelope_call_parse(call_text, strlen(call_text), &limits, &call),
				 0);
		assert_string_equal(call.method, "a.B");
		assert_int_equal(call.more, flag);
		assert_string_equal(json_text(call.parameters, &length), some_text);
		assert_int_equal(
			envelope_reply_parse(reply_text, strlen(reply_text), &limits, &reply), 0);
		assert_null(reply.error);
		assert_int_equal(reply.continues, flag);
		assert_string_equal(json_text(reply.parameters, &length), some_text);
		assert_int_equal(
			envelope_reply_parse(error_text, strlen(error_text), &limits, &error), 0);
		assert_string_equal(error.error, "a.E");
		assert_string_equal(json_text(error.parameters, &length), some_text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
