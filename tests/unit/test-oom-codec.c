/* SPDX-License-Identifier: MIT */

/* Memory that runs out in the codec and in calls. */

#include "oom.h"
#include "testing.h"

#include "call.h"
#include "envelope.h"
#include "frame.h"
#include "output.h"

#include <errno.h>

static const char call_text[] =
	"{\"method\":\"org.example.Test.Echo\",\"parameters\":{\"text\":\"some text that is longer "
	"than what fits into a small string\",\"list\":[1,2.5,\"\xc3\xa9\",{\"a\":null}]}}";

static struct json_object *build(void)
{
	struct json_object *o = json_pack(
		JSON_STRING("s", "x"), JSON_TEXT("t", "\xff"), JSON_INT("i", 1),
		JSON_FLOAT("f", 0.5), JSON_VALUE("o", json_pack(JSON_BOOL("b", true), NULL)), NULL);

	return o ? envelope_error_build("org.example.Error", o) : NULL;
}

static const char built[] =
	"{\"parameters\":{\"s\":\"x\",\"t\":\"?\",\"i\":1,\"f\":0.5,\"o\":{\"b\":true}},"
	"\"error\":\"org.example.Error\"}";

static bool build_only(void)
{
	_cleanup_(json_putp) struct json_object *object = build();

	return object;
}

/* What comes out is whole, or nothing. */
static bool build_output(void)
{
	_cleanup_(output_done) struct output output = {};
	int r = output_append(&output, build());

	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(output_size(&output), r == 0 ? sizeof(built) : 0);
	if (r == 0)
		assert_string_equal(output.data, built);
	return r == 0;
}

static bool read_frames(void)
{
	_cleanup_(frame_buffer_done) struct frame_buffer buffer = {};
	size_t size, n = 0, length;
	char *space, *text;

	frame_buffer_init(&buffer, 100000);
	while (n < 90000) {
		if (frame_buffer_reserve(&buffer, &space, &size) < 0)
			return false;
		if (size > 5000)
			size = 5000;
		memset(space, 'x', size);
		frame_buffer_commit(&buffer, size);
		n += size;
		assert_int_equal(frame_buffer_next(&buffer, &text, &length), 0);
	}
	return true;
}

/* A server's side of a call, without a server. */
static unsigned int n_sent;

static int count_sent(struct json_object *message, void *userdata)
{
	size_t length;

	(void)userdata;
	if (!message)
		return -ENOMEM;
	n_sent += json_text(message, &length) != NULL;
	json_object_put(message);
	return 0;
}

static void skip_sent(void *userdata)
{
	(void)userdata;
}

struct echo {
	const char *text;
	struct json_object *list;
};

static const struct field echo_fields[] = {
	{ "text", FIELD_STRING, .offset = offsetof(struct echo, text) },
	{ "list", FIELD_ARRAY, .offset = offsetof(struct echo, list) },
};

static int handle_echo(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct echo *echo = parameters;
	struct json_object *o = json_pack(JSON_STRING("text", echo->text),
					  JSON_VALUE("list", json_object_get(echo->list)), NULL);

	(void)userdata;
	return o ? varlink_reply(call, o) : -ENOMEM;
}

static const struct varlink_method methods[] = {
	{ "Echo", ACCESS_READER, false, echo_fields, ELEMENTS_OF(echo_fields), handle_echo },
};

static const struct varlink_interface interface = {
	.name = "org.example.Test",
	.methods = methods,
	.n_methods = 1,
};

static const struct varlink_interface *const interfaces[] = { &interface };

static bool run_call(const char *text)
{
	struct call_owner owner = {
		.interfaces = interfaces,
		.n_interfaces = 1,
		.access = ACCESS_READER,
		.send = count_sent,
		.skip = skip_sent,
	};
	struct varlink_call call;
	int r;

	n_sent = 0;
	r = call_start(&call, &owner, text, strlen(text));
	call_done(&call);
	assert_true(r == 0 || r == -ENOMEM);
	return r == 0 && n_sent == 1;
}

static bool run_good_call(void)
{
	return run_call(call_text);
}

static bool run_wrong_calls(void)
{
	return run_call("{\"method\":\"org.example.No.Echo\"}") &&
	       run_call("{\"method\":\"org.example.Test.No\"}") &&
	       run_call("{\"method\":\"org.example.Test.Echo\",\"parameters\":{\"x\":1}}");
}

static void test_build(void **state)
{
	(void)state;
	oom_loop(OOM_ALL, build_only, NULL, 1);
	oom_loop(OOM_ALL, build_output, NULL, 1);
}

static void test_frames(void **state)
{
	(void)state;
	oom_loop(OOM_ALL, read_frames, NULL, 1);
}

static void test_calls(void **state)
{
	(void)state;
	oom_loop(OOM_ALL, run_good_call, NULL, 1);
	oom_loop(OOM_ALL, run_wrong_calls, NULL, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
