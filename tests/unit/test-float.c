/* SPDX-License-Identifier: MIT */

/* Numbers with a point, from a text and to one. */

#include "testing.h"

#include "json.h"

#include <float.h>
#include <math.h>

static const struct {
	double value;
	const char *text;
} numbers[] = {
	{ 0, "0.0" },
	{ -0.0, "-0.0" },
	{ 1, "1.0" },
	{ -1, "-1.0" },
	{ 0.1, "0.1" },
	{ 1.5, "1.5" },
	{ 1.0 / 3, "0.3333333333333333" },
	{ 0.1 + 0.2, "0.30000000000000004" },
	{ M_PI, "3.141592653589793" },
	{ 65536, "65536.0" },
	{ 1e15, "1e+15" },
	{ 1e100, "1e+100" },
	{ 9007199254740993.0, "9007199254740992.0" },
	{ DBL_MAX, "1.7976931348623157e+308" },
	{ DBL_MIN, "2.2250738585072014e-308" },
	{ 5e-324, "4.94065645841247e-324" },
};

/* The value that a text of JSON stands for. */
static double parse(const char *number)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	const struct json_limits limits = json_depth(1);
	struct json_object *value = NULL;
	char text[64];
	double found;

	snprintf(text, sizeof(text), "{\"a\":%s}", number);
	assert_int_equal(json_parse_object(text, strlen(text), &limits, &object), 0);
	assert_true(json_object_object_get_ex(object, "a", &value));
	assert_true(json_float(value, &found));
	return found;
}

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(numbers); i++) {
		_cleanup_(json_putp) struct json_object *object = json_pack(
			JSON_FLOAT("a", numbers[i].value), NULL);
		struct json_object *value = NULL;
		char wanted[64];
		double found;

		snprintf(wanted, sizeof(wanted), "{\"a\":%s}", numbers[i].text);
		assert_string_equal(json_text(object, &(size_t){ 0 }), wanted);
		assert_true(json_object_object_get_ex(object, "a", &value));
		assert_true(json_float(value, &found) && found == numbers[i].value);
		found = parse(numbers[i].text);
		assert_true(found == numbers[i].value &&
			    signbit(found) == signbit(numbers[i].value));
	}
}

static void test_parsed(void **state)
{
	(void)state;
	assert_true(parse("5") == 5);
	assert_true(parse("-9223372036854775808") == -0x1p63);
	assert_true(parse("18446744073709551616") == 0x1p64);
	assert_true(parse("3.14159265358979323846264338327950288") == M_PI);
	assert_true(parse("25e-1") == 2.5);
	assert_true(parse("1e-400") == 0);
}

static void test_refused(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	static const char text[] = "{\"a\":\"1.0\",\"b\":true,\"c\":[1],\"d\":{},\"e\":null,"
				   "\"f\":1e309,\"g\":-1e400}";
	const struct json_limits limits = json_depth(2);

	(void)state;
	assert_int_equal(json_parse_object(text, strlen(text), &limits, &object), 0);
	json_object_object_foreach(object, name, value) {
		double kept = 42;

		if (json_float(value, &kept))
			fail_msg("%s", name);
		assert_true(kept == 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_parsed),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
