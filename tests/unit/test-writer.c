/* SPDX-License-Identifier: MIT */

/* What the writer prints is what json-c reads back. */

#include "testing.h"

#include "cleanup.h"
#include "json.h"
#include "writer.h"

static const char *text_of(struct json_object *object)
{
	size_t length;

	return json_text(object, &length);
}

static void test_members(void **state)
{
	_cleanup_(json_putp) struct json_object *packed = NULL;
	struct json_writer w;

	(void)state;
	json_write_begin(&w);
	packed = json_pack(JSON_VALUE("none", json_write_end(&w, false)), NULL);
	json_write_begin(&w);
	json_write_string(&w, "a", "b");
	json_write_int(&w, "n", 0);
	json_write_int(&w, "least", INT64_MIN);
	json_write_int(&w, "most", INT64_MAX);
	json_write_bool(&w, "yes", true);
	json_write_bool(&w, "no", false);
	assert_int_equal(json_add(packed, "list", json_write_end(&w, true)), 0);
	assert_string_equal(text_of(packed),
			    "{\"none\":{},\"list\":[{\"a\":\"b\",\"n\":0,"
			    "\"least\":-9223372036854775808,\"most\":9223372036854775807,"
			    "\"yes\":true,\"no\":false}]}");
}

/* Every byte that can stand in a text, alone and between others. */
static void test_escapes(void **state)
{
	(void)state;
	for (int c = 1; c < 128; c++) {
		const char text[] = { (char)c, 'x', (char)c, '\xc3', '\xa4', (char)c, 0 };
		_cleanup_(json_putp) struct json_object *written = NULL;
		_cleanup_(json_putp) struct json_object *read = NULL;
		struct json_object *value;
		struct json_writer w;

		json_write_begin(&w);
		json_write_string(&w, "t", text);
		written = json_write_end(&w, false);
		read = json_tokener_parse(text_of(written));
		assert_true(json_object_object_get_ex(read, "t", &value));
		assert_string_equal(json_object_get_string(value), text);
	}
}

static void test_full(void **state)
{
	_cleanup_(freep) char *text = malloc(JSON_WRITER_MAX + 1);

	(void)state;
	memset(text, '"', JSON_WRITER_MAX);
	for (size_t n = 0; n < JSON_WRITER_MAX; n++) {
		_cleanup_(json_putp) struct json_object *written = NULL;
		struct json_writer w;

		text[n] = 0;
		json_write_begin(&w);
		json_write_string(&w, "t", text);
		written = json_write_end(&w, true);
		/* [{"t":""}] and two bytes for each quote */
		if (written)
			assert_int_equal(strlen(text_of(written)), 2 * n + 10);
		assert_int_equal(written != NULL, 2 * n + 7 + 4 <= JSON_WRITER_MAX);
		text[n] = '"';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
