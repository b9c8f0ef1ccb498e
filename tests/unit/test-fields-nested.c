/* SPDX-License-Identifier: MIT */

/* Fields that hold others: structs, lists and maps in each other, and numbers with a point. */

#include "testing.h"

#include "fields.h"

#include <errno.h>

static const char *const colours[] = { "red", "green" };

struct inner {
	int64_t number;
	const char *text;
	bool has_text;
};

struct outer {
	double real;
	struct inner inner;
	struct json_object *list, *map, *set, *deep;
};

static const struct field inner_fields[] = {
	{ "number", FIELD_INT, .offset = offsetof(struct inner, number), .max = 9 },
	{ "text", FIELD_STRING, true, offsetof(struct inner, text),
	  .has = offsetof(struct inner, has_text) },
};

#define INNER .fields = inner_fields, .n_fields = ELEMENTS_OF(inner_fields)

static const struct field inner_item = { .type = FIELD_STRUCT, INNER };
static const struct field empty_item = { .type = FIELD_STRUCT };
static const struct field string_item = { .type = FIELD_STRING };
static const struct field colour_item = { .type = FIELD_ENUM, .names = colours, .n_names = 2 };
static const struct field map_item = { .type = FIELD_MAP,
				       .optional = true,
				       .fields = &colour_item };

#define AT(member) .offset = offsetof(struct outer, member)

static const struct field fields[] = {
	{ "real", FIELD_FLOAT, true, AT(real) },
	{ "inner", FIELD_STRUCT, true, AT(inner), INNER },
	{ "list", FIELD_LIST, true, AT(list), .fields = &inner_item },
	{ "map", FIELD_MAP, true, AT(map), .fields = &string_item },
	{ "set", FIELD_MAP, true, AT(set), .fields = &empty_item },
	{ "deep", FIELD_LIST, true, AT(deep), .fields = &map_item },
};

static int decode(const char *text, enum field_unknown unknown, struct outer *target,
		  const char **ret_name, struct json_object **ret_object)
{
	const struct json_limits limits = json_depth(8);

	assert_int_equal(json_parse_object(text, strlen(text), &limits, ret_object), 0);
	return fields_decode(fields, ELEMENTS_OF(fields), unknown, *ret_object, target, ret_name);
}

static void test_values(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct outer target = {};
	const char *name;

	(void)state;
	assert_int_equal(decode("{\"real\":-2.5e1,\"inner\":{\"number\":7,\"text\":\"t\"},"
				"\"list\":[{\"number\":1},{\"number\":2,\"text\":\"u\"}],"
				"\"map\":{\"a\":\"b\",\"\":\"\"},\"set\":{\"one\":{},\"two\":{}},"
				"\"deep\":[null,{\"x\":\"red\",\"y\":\"green\"},{}]}",
				UNKNOWN_REFUSED, &target, &name, &object),
			 0);
	assert_true(target.real == -25);
	assert_int_equal(target.inner.number, 7);
	assert_string_equal(target.inner.text, "t");
	assert_true(target.inner.has_text);
	assert_int_equal(json_object_array_length(target.list), 2);
	assert_int_equal(json_object_object_length(target.map), 2);
	assert_int_equal(json_object_object_length(target.set), 2);
	assert_int_equal(json_object_array_length(target.deep), 3);
}

static const struct {
	const char *text, *wrong;
} cases[] = {
	{ "{\"real\":1}", NULL },
	{ "{\"real\":-9223372036854775808}", NULL },
	{ "{\"real\":123456789012345678901234567890}", NULL },
	{ "{\"real\":1e308}", NULL },
	{ "{\"real\":1e309}", "real" },
	{ "{\"real\":-1E400}", "real" },
	{ "{\"real\":1e-400}", NULL },
	{ "{\"real\":\"1.0\"}", "real" },
	{ "{\"real\":true}", "real" },
	{ "{\"real\":{}}", "real" },
	{ "{\"inner\":{\"number\":9}}", NULL },
	{ "{\"inner\":{\"number\":9,\"text\":null}}", NULL },
	{ "{\"inner\":{}}", "inner" },
	{ "{\"inner\":{\"number\":10}}", "inner" },
	{ "{\"inner\":{\"number\":null}}", "inner" },
	{ "{\"inner\":{\"number\":1,\"text\":1}}", "inner" },
	{ "{\"inner\":{\"number\":1,\"other\":1}}", "inner" },
	{ "{\"inner\":[]}", "inner" },
	{ "{\"inner\":\"number\"}", "inner" },
	{ "{\"list\":[]}", NULL },
	{ "{\"list\":{}}", "list" },
	{ "{\"list\":[null]}", "list" },
	{ "{\"list\":[{\"number\":1},{\"number\":\"1\"}]}", "list" },
	{ "{\"list\":[{\"number\":1,\"other\":null}]}", "list" },
	{ "{\"list\":[[{\"number\":1}]]}", "list" },
	{ "{\"map\":{}}", NULL },
	{ "{\"map\":[]}", "map" },
	{ "{\"map\":{\"a\":null}}", "map" },
	{ "{\"map\":{\"a\":\"b\",\"c\":1}}", "map" },
	{ "{\"map\":{\"a\":\"\\u0000\"}}", "map" },
	{ "{\"set\":{}}", NULL },
	{ "{\"set\":{\"a\":{\"b\":1}}}", "set" },
	{ "{\"set\":{\"a\":null}}", "set" },
	{ "{\"set\":{\"a\":[]}}", "set" },
	{ "{\"set\":[\"a\"]}", "set" },
	{ "{\"deep\":[null,null]}", NULL },
	{ "{\"deep\":[{\"a\":\"red\"},{\"a\":\"blue\"}]}", "deep" },
	{ "{\"deep\":[{\"a\":null}]}", "deep" },
	{ "{\"deep\":[[]]}", "deep" },
	{ "{\"deep\":null,\"set\":null,\"map\":null,\"list\":null,\"inner\":null,\"real\":null}",
	  NULL },
};

/* With a target and without one. */
static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ELEMENTS_OF(cases); i++) {
		_cleanup_(json_putp) struct json_object *object = NULL;
		const char *text = cases[i / 2].text, *wrong = cases[i / 2].wrong, *name = NULL;
		struct outer target = {};
		int r = decode(text, UNKNOWN_REFUSED, i % 2 ? &target : NULL, &name, &object);

		if (r != (wrong ? -EINVAL : 0))
			fail_msg("%d: %s", r, text);
		if (wrong)
			assert_string_equal(name, wrong);
	}
}

/* What is to be ignored on the outside is to be ignored in the inside as well. */
static void test_unknown_ignored(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct outer target = {};
	const char *name;

	(void)state;
	assert_int_equal(
		decode("{\"other\":1,\"inner\":{\"number\":3,\"other\":1},"
		       "\"list\":[{\"number\":1,\"other\":null}],\"set\":{\"a\":{\"b\":1}}}",
		       UNKNOWN_IGNORED, &target, &name, &object),
		0);
	assert_int_equal(target.inner.number, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_unknown_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
