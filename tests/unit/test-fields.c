/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "fields.h"

#include <errno.h>

static const char *const colours[] = { "red", "green" };

static bool is_short(const char *text)
{
	return strlen(text) <= 3;
}

struct target {
	const char *string, *checked;
	int64_t number;
	bool flag;
	int colour;
	struct json_object *object, *array, *strings;
	bool has_number;
};

#define AT(member) .offset = offsetof(struct target, member)

static const struct field fields[] = {
	{ "string", FIELD_STRING, true, AT(string) },
	{ "checked", FIELD_STRING, true, AT(checked), .is_valid = is_short },
	{ "number", FIELD_INT, true, AT(number), .min = -5, .max = UINT32_MAX,
	  .has = offsetof(struct target, has_number) },
	{ "flag", FIELD_BOOL, true, AT(flag) },
	{ "colour", FIELD_ENUM, true, AT(colour), .names = colours, .n_names = 2 },
	{ "object", FIELD_OBJECT, true, AT(object) },
	{ "array", FIELD_ARRAY, true, AT(array) },
	{ "strings", FIELD_STRINGS, true, AT(strings), .is_valid = is_short },
};

static int decode(const char *text, enum field_unknown unknown, struct target *target,
		  const char **ret_name, struct json_object **ret_object)
{
	const struct json_limits limits = json_depth(8);

	assert_int_equal(json_parse_object(text, strlen(text), &limits, ret_object), 0);
	return fields_decode(fields, ELEMENTS_OF(fields), unknown, *ret_object, target, ret_name);
}

/* Each type of value into each type of field. */
static void test_types(void **state)
{
	static const struct {
		enum field_type type;
		const char *text;
	} values[] = {
		{ FIELD_STRING, "\"red\"" }, { FIELD_STRING, "\"5\"" },
		{ FIELD_STRING, "\"\"" },    { FIELD_INT, "5" },
		{ FIELD_BOOL, "true" },	     { FIELD_OBJECT, "{\"a\":1}" },
		{ FIELD_ARRAY, "[5]" },	     { FIELD_STRINGS, "[\"a\"]" },
		{ N_FIELD_TYPES, "1.5" },    { N_FIELD_TYPES, "5.0" },
		{ N_FIELD_TYPES, "5e0" },    { N_FIELD_TYPES, "-0.0" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(fields); i++)
		for (size_t j = 0; j < ELEMENTS_OF(values); j++) {
			_cleanup_(json_putp) struct json_object *object = NULL;
			bool ok = fields[i].type == values[j].type ||
				  (fields[i].type == FIELD_ENUM && j == 0) ||
				  (fields[i].type == FIELD_ARRAY &&
				   values[j].type == FIELD_STRINGS);
			struct target target = {};
			const char *name = NULL;
			char text[128];
			int r;

			snprintf(text, sizeof(text), "{\"%s\":%s}", fields[i].name, values[j].text);
			r = decode(text, UNKNOWN_REFUSED, &target, &name, &object);
			if (r != (ok ? 0 : -EINVAL))
				fail_msg("%d: %s", r, text);
			if (!ok)
				assert_string_equal(name, fields[i].name);
		}
}

static void test_values(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct target target = {};
	const char *name;

	(void)state;
	assert_int_equal(decode("{\"string\":\"s\",\"checked\":\"abc\",\"number\":-5,\"flag\":true,"
				"\"colour\":\"green\",\"object\":{},\"array\":[1,2],"
				"\"strings\":[\"a\",\"b\",\"a\"]}",
				UNKNOWN_REFUSED, &target, &name, &object),
			 0);
	assert_string_equal(target.string, "s");
	assert_string_equal(target.checked, "abc");
	assert_int_equal(target.number, -5);
	assert_true(target.flag);
	assert_int_equal(target.colour, 1);
	assert_int_equal(json_object_object_length(target.object), 0);
	assert_int_equal(json_object_array_length(target.array), 2);
	assert_int_equal(json_object_array_length(target.strings), 3);
	assert_true(target.has_number);
}

static const struct {
	const char *text, *wrong;
} refusals[] = {
	{ "{\"number\":-6}", "number" },
	{ "{\"number\":-5}", NULL },
	{ "{\"number\":4294967295}", NULL },
	{ "{\"number\":4294967296}", "number" },
	{ "{\"number\":-0}", NULL },
	/* 2^63, 2^64 + 5, and more: json-c saturates or wraps */
	{ "{\"number\":9223372036854775808}", "number" },
	{ "{\"number\":18446744073709551615}", "number" },
	{ "{\"number\":18446744073709551621}", "number" },
	{ "{\"number\":-18446744073709551611}", "number" },
	{ "{\"number\":123456789012345678901234567890}", "number" },
	{ "{\"colour\":\"blue\"}", "colour" },
	{ "{\"colour\":\"Red\"}", "colour" },
	{ "{\"colour\":\"\"}", "colour" },
	{ "{\"colour\":\"red\\u0000\"}", "colour" },
	{ "{\"colour\":0}", "colour" },
	{ "{\"checked\":\"abcd\"}", "checked" },
	{ "{\"string\":\"a\\u0000b\"}", "string" },
	{ "{\"string\":\"\\u0000\"}", "string" },
	{ "{\"strings\":[]}", NULL },
	{ "{\"strings\":[\"\",\"abc\"]}", NULL },
	{ "{\"strings\":[\"abc\",\"abcd\"]}", "strings" },
	{ "{\"strings\":[\"a\",null]}", "strings" },
	{ "{\"strings\":[5]}", "strings" },
	{ "{\"strings\":[[\"a\"]]}", "strings" },
	{ "{\"strings\":[\"a\\u0000\"]}", "strings" },
	{ "{\"strings\":\"a\"}", "strings" },
	{ "{\"unknown\":1}", "unknown" },
	{ "{\"unknown\":null}", "unknown" },
	{ "{\"String\":\"x\"}", "String" },
	{ "{\"strin\":\"x\"}", "strin" },
	{ "{\"\":\"x\"}", "" },
	/* the unknown one is named before the wrong one */
	{ "{\"number\":\"x\",\"unknown\":1}", "unknown" },
	/* null is absent */
	{ "{\"string\":null,\"checked\":null,\"number\":null,\"flag\":null,\"colour\":null,"
	  "\"object\":null,\"array\":null}",
	  NULL },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(refusals); i++) {
		_cleanup_(json_putp) struct json_object *object = NULL;
		struct target target = {};
		const char *name = NULL;
		int r = decode(refusals[i].text, UNKNOWN_REFUSED, &target, &name, &object);

		if (r != (refusals[i].wrong ? -EINVAL : 0))
			fail_msg("%d: %s", r, refusals[i].text);
		if (refusals[i].wrong)
			assert_string_equal(name, refusals[i].wrong);
	}
}

static void test_unknown_ignored(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL, *other = NULL;
	struct target target = {};
	const char *name;

	(void)state;
	assert_int_equal(decode("{\"unknown\":1,\"number\":7,\"\":null}", UNKNOWN_IGNORED, &target,
				&name, &object),
			 0);
	assert_int_equal(target.number, 7);
	assert_int_equal(
		decode("{\"unknown\":1,\"number\":\"7\"}", UNKNOWN_IGNORED, &target, &name, &other),
		-EINVAL);
	assert_string_equal(name, "number");
}

/* What is absent or null leaves the target as it is; what is not optional must be there. */
static void test_absent(void **state)
{
	static const struct field required = { "number", FIELD_INT, AT(number), .max = 9 };
	struct target target = { .string = "kept", .number = 42, .colour = -1 };
	_cleanup_(json_putp) struct json_object *object = NULL;
	const char *name = NULL;

	(void)state;
	assert_int_equal(
		fields_decode(fields, ELEMENTS_OF(fields), UNKNOWN_REFUSED, NULL, &target, &name),
		0);
	assert_int_equal(decode("{\"string\":null}", UNKNOWN_REFUSED, &target, &name, &object), 0);
	assert_string_equal(target.string, "kept");
	assert_int_equal(target.number, 42);
	assert_int_equal(target.colour, -1);
	assert_false(target.has_number);
	assert_null(name);
	assert_int_equal(fields_decode(&required, 1, UNKNOWN_REFUSED, NULL, &target, &name),
			 -EINVAL);
	assert_string_equal(name, "number");
	name = NULL;
	assert_int_equal(fields_decode(&required, 1, UNKNOWN_IGNORED, object, &target, &name),
			 -EINVAL);
	assert_string_equal(name, "number");
	assert_int_equal(fields_decode(NULL, 0, UNKNOWN_REFUSED, NULL, NULL, &name), 0);
	assert_int_equal(fields_decode(NULL, 0, UNKNOWN_REFUSED, object, NULL, &name), -EINVAL);
	assert_string_equal(name, "string");
}

/* Without a target all is looked at, and nothing written. */
static void test_no_target(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL, *wrong = NULL;
	const char *name = NULL;

	(void)state;
	assert_int_equal(decode("{\"string\":\"s\",\"checked\":\"abc\",\"number\":1,\"flag\":true,"
				"\"colour\":\"red\",\"object\":{},\"array\":[],\"strings\":[]}",
				UNKNOWN_REFUSED, NULL, &name, &object),
			 0);
	assert_null(name);
	assert_int_equal(decode("{\"colour\":\"blue\"}", UNKNOWN_REFUSED, NULL, &name, &wrong),
			 -EINVAL);
	assert_string_equal(name, "colour");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),	 cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_unknown_ignored),
		cmocka_unit_test(test_absent),	 cmocka_unit_test(test_no_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
