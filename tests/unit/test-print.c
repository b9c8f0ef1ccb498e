/* SPDX-License-Identifier: MIT */

/* The text of objects. */

#include "testing.h"

#include "cleanup.h"
#include "json.h"

/* What is printed, of all that can be parsed, is what json-c prints. */
static void test_print(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"\":\"\"}",
		"{\"a\":[],\"b\":{},\"c\":[[],{},null,true,false,[{\"d\":[null]}]]}",
		"{\"i\":[0,-1,9223372036854775807,-9223372036854775808,9223372036854775808]}",
		"{\"d\":[1.50,-0.0,1e5,1E-400,123456789012345678901234567890.123456789]}",
		"{\"\\u0001\\\"\\\\/\\u007f\":\"\\b\\f\\n\\r\\t\\u0000x\\u001f\\/\\ud83d\\ude00\\u00e9\"}",
	};
	const struct json_limits limits = json_depth(8);

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
		_cleanup_(json_putp) struct json_object *object = NULL;
		size_t length;

		assert_int_equal(json_parse_object(texts[i], strlen(texts[i]), &limits, &object),
				 0);
		assert_string_equal(
			json_text(object, &length),
			json_object_to_json_string_ext(
				object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

/* A number that json-c itself made a text of. */
static void test_double(void **state)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_VALUE("d", json_object_new_double(2.5)), NULL);
	size_t length;

	(void)state;
	assert_string_equal(json_text(o, &length), "{\"d\":2.5}");
	assert_int_equal(length, 9);
}

/* Each time it is the text of what is there by then. */
static void test_again(void **state)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(JSON_INT("a", 1), NULL);
	size_t length;

	(void)state;
	assert_string_equal(json_text(o, &length), "{\"a\":1}");
	assert_int_equal(json_add_bool(o, "b", false), 0);
	assert_string_equal(json_text(o, &length), "{\"a\":1,\"b\":false}");
}

/* At each length that the buffer may have to grow at. */
static void test_lengths(void **state)
{
	static char text[3000];

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		_cleanup_(json_putp) struct json_object *o = json_pack(JSON_STRING("t", text),
								       NULL);
		const char *printed;
		size_t length;

		printed = json_text(o, &length);
		assert_int_equal(length, n + 8);
		assert_int_equal(strlen(printed), length);
		text[n] = 'x';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
