/* SPDX-License-Identifier: MIT */

/* Strict JSON: what the scan refuses, what json-c makes of the rest, and building. */

#include "testing.h"

#include "json.h"

#include <errno.h>

#define DEPTH 8

/* Texts with their length, as some hold a NUL byte. */
#define T(text) text, sizeof(text) - 1

static const struct {
	const char *text;
	size_t length;
	bool ok;
} cases[] = {
	/* what is JSON */
	{ T("{}"), true },
	{ T(" \t\r\n{ \t\r\n} \t\r\n"), true },
	{ T("{\"a\":1,\"b\":[],\"c\":{},\"d\":null,\"e\":true,\"f\":false,\"g\":\"\"}"), true },
	{ T("{\"a\":[0,-0,1,-1,10,0.5,-0.5,1e5,1E+5,1e-5,0e0,123456789012345678901234567890]}"),
	  true },
	{ T("{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\"}"),
	  true },
	{ T("{\"\":\"\"}"), true },
	{ T("{\"a\":\"\\ud83d\\ude00\\uDBFF\\uDFFF\"}"), true },
	{ T("{\"a\":\"\\u0000\"}"), true }, /* fields_decode() refuses it where it matters */
	{ T("{\"a\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"}"),
	  true },
	{ T("{\"a\":\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}"), true },
	{ T("{\"a\":{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}}"), true },
	/* no object */
	{ T(""), false },
	{ T(" "), false },
	{ T("[]"), false },
	{ T("1"), false },
	{ T("\"a\""), false },
	{ T("null"), false },
	/* the same member twice, at any depth and in any spelling */
	{ T("{\"a\":1,\"a\":1}"), false },
	{ T("{\"a\":1,\"b\":2,\"a\":null}"), false },
	{ T("{\"a\":1,\"\\u0061\":2}"), false },
	{ T("{\"\":1,\"\":2}"), false },
	{ T("{\"a\":{\"b\":1,\"b\":1}}"), false },
	{ T("{\"a\":[[{\"b\":1,\"b\":1}]]}"), false },
	{ T("{\"a\":{\"x\":1,\"y\":2},\"a\":1}"), false },
	{ T("{\"\xc3\xa9\":1,\"\\u00e9\":1}"), false },
	/* what other readers let through */
	{ T("{'a':1}"), false },
	{ T("{\"a\":'b'}"), false },
	{ T("{a:1}"), false },
	{ T("{\"a\":NaN}"), false },
	{ T("{\"a\":nan}"), false },
	{ T("{\"a\":Infinity}"), false },
	{ T("{\"a\":-Infinity}"), false },
	{ T("{\"a\":True}"), false },
	{ T("{\"a\":NULL}"), false },
	{ T("{\"a\":nul}"), false },
	{ T("{\"a\":truex}"), false },
	{ T("{\"a\":1/**/}"), false },
	{ T("{\"a\":1//\n}"), false },
	{ T("\xef\xbb\xbf{}"), false }, /* a byte order mark */
	{ T("{\"a\":1,}"), false },
	{ T("{,\"a\":1}"), false },
	{ T("{\"a\":[1,]}"), false },
	{ T("{\"a\":[,]}"), false },
	{ T("{\"a\":[1 2]}"), false },
	{ T("{\"a\" 1}"), false },
	{ T("{\"a\":}"), false },
	{ T("{\"a\"}"), false },
	{ T("{\"a\":1 \"b\":2}"), false },
	{ T("{1:2}"), false },
	{ T("{\"a\":1]"), false },
	{ T("{\"a\":[1}"), false },
	{ T("\v{}"), false },
	{ T("\xc2\xa0{}"), false }, /* a space, but not of JSON */
	/* numbers */
	{ T("{\"a\":01}"), false },
	{ T("{\"a\":-01}"), false },
	{ T("{\"a\":00}"), false },
	{ T("{\"a\":+1}"), false },
	{ T("{\"a\":-}"), false },
	{ T("{\"a\":- 1}"), false },
	{ T("{\"a\":--1}"), false },
	{ T("{\"a\":.5}"), false },
	{ T("{\"a\":1.}"), false },
	{ T("{\"a\":1.e5}"), false },
	{ T("{\"a\":1e}"), false },
	{ T("{\"a\":1e+}"), false },
	{ T("{\"a\":1e+-5}"), false },
	{ T("{\"a\":1e5.5}"), false },
	{ T("{\"a\":0x10}"), false },
	{ T("{\"a\":1_000}"), false },
	{ T("{\"a\":1f}"), false },
	/* the end */
	{ T("{"), false },
	{ T("{\"a"), false },
	{ T("{\"a\""), false },
	{ T("{\"a\":"), false },
	{ T("{\"a\":\"\\"), false },
	{ T("{\"a\":\"\\u"), false },
	{ T("{\"a\":\"\\u00"), false },
	{ T("{\"a\":1"), false },
	{ T("{\"a\":-"), false },
	{ T("{\"a\":t"), false },
	{ T("{\"a\":\"\xe2\x82"), false },
	{ T("{} {}"), false },
	{ T("{}x"), false },
	{ T("{}\0"), false },
	{ T("{\0}"), false },
	{ T("{}}"), false },
	/* strings */
	{ T("{\"a\":\"\n\"}"), false },
	{ T("{\"a\":\"\t\"}"), false },
	{ T("{\"a\":\"\0\"}"), false },
	{ T("{\"a\":\"\x1f\"}"), false },
	{ T("{\"a\n\":1}"), false },
	{ T("{\"a\":\"\\x41\"}"), false },
	{ T("{\"a\":\"\\'\"}"), false },
	{ T("{\"a\":\"\\U0041\"}"), false },
	{ T("{\"a\":\"\\u004\"}"), false },
	{ T("{\"a\":\"\\u00g0\"}"), false },
	{ T("{\"a\":\"\\u+041\"}"), false },
	{ T("{\"a\\u0000b\":1}"), false },
	{ T("{\"\\u0000\":1}"), false },
	/* surrogates: alone, the wrong way round, with anything else behind the first */
	{ T("{\"a\":\"\\ud800\"}"), false },
	{ T("{\"a\":\"\\udfff\"}"), false },
	{ T("{\"a\":\"\\udc00\\ud800\"}"), false },
	{ T("{\"a\":\"\\ud800\\ud800\"}"), false },
	{ T("{\"a\":\"\\ud800x\"}"), false },
	{ T("{\"a\":\"\\ud800\\n\"}"), false },
	{ T("{\"a\":\"\\ud800\\u0041\"}"), false },
	{ T("{\"a\":\"\\ud800\\ue000\"}"), false },
	{ T("{\"\\udbff\":1}"), false },
	/* bytes that are no UTF-8 */
	{ T("{\"a\":\"\x80\"}"), false },
	{ T("{\"a\":\"\xbf\"}"), false },
	{ T("{\"a\":\"\xc0\x80\"}"), false },
	{ T("{\"a\":\"\xc1\xbf\"}"), false },
	{ T("{\"a\":\"\xc3\"}"), false },
	{ T("{\"a\":\"\xc3\x28\"}"), false },
	{ T("{\"a\":\"\xe0\x80\x80\"}"), false },
	{ T("{\"a\":\"\xe0\x9f\xbf\"}"), false },
	{ T("{\"a\":\"\xe2\x82\"}"), false },
	{ T("{\"a\":\"\xe2\x28\xa1\"}"), false },
	{ T("{\"a\":\"\xed\xa0\x80\"}"), false },
	{ T("{\"a\":\"\xed\xbf\xbf\"}"), false },
	{ T("{\"a\":\"\xf0\x80\x80\x80\"}"), false },
	{ T("{\"a\":\"\xf0\x8f\xbf\xbf\"}"), false },
	{ T("{\"a\":\"\xf0\x90\x80\"}"), false },
	{ T("{\"a\":\"\xf4\x90\x80\x80\"}"), false },
	{ T("{\"a\":\"\xf5\x80\x80\x80\"}"), false },
	{ T("{\"a\":\"\xf8\x88\x80\x80\x80\"}"), false },
	{ T("{\"a\":\"\xfe\"}"), false },
	{ T("{\"a\":\"\xff\"}"), false },
	{ T("{\"\xc0\x80\":1}"), false },
	{ T("{\"a\":1\xc3\xa9}"), false },
};

/* In memory of exactly its size, so that a sanitizer sees a byte too far. */
static int parse_within(const char *text, size_t length, const struct json_limits *limits)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_(freep) char *copy = malloc(length);
	int r;

	memcpy(copy, text, length);
	r = json_parse_object(copy, length, limits, &object);
	assert_int_equal(r == 0, object != NULL);
	return r;
}

static int parse(const char *text, size_t length, unsigned int depth)
{
	const struct json_limits limits = json_depth(depth);

	return parse_within(text, length, &limits);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		int r = parse(cases[i].text, cases[i].length, DEPTH);

		if (r != (cases[i].ok ? 0 : -EBADMSG))
			fail_msg("%d: %s", r, cases[i].text);
	}
}

/* No beginning of a text is one itself. */
static void test_prefixes(void **state)
{
	static const char text[] =
		"{\"a\":[1,-2.5e+7,\"\\ud83d\\ude00\xe2\x82\xac\\n\",{\"b\":true,\"c\":null}]}";

	(void)state;
	assert_int_equal(parse(text, sizeof(text) - 1, DEPTH), 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(parse(text, i, DEPTH), -EBADMSG);
}

/* N_ARRAYS arrays in an object. */
static int parse_nested(size_t n_arrays, const char *inner, unsigned int depth)
{
	size_t length = 5 + 2 * n_arrays + strlen(inner) + 1;
	_cleanup_(freep) char *text = malloc(length + 1);
	char *at = stpcpy(text, "{\"a\":");

	for (size_t i = 0; i < n_arrays; i++)
		*at++ = '[';
	at = stpcpy(at, inner);
	for (size_t i = 0; i < n_arrays; i++)
		*at++ = ']';
	strcpy(at, "}");
	return parse(text, length, depth);
}

static void test_depth(void **state)
{
	static const char *const inner[] = { "", "1", "\"a\",true", "{}" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(inner); i++)
		for (unsigned int depth = 3; depth < 40; depth++) {
			size_t n = depth - 1 - (*inner[i] == '{');

			assert_int_equal(parse_nested(n, inner[i], depth), 0);
			assert_int_equal(parse_nested(n + 1, inner[i], depth), -EBADMSG);
		}
	assert_int_equal(parse_nested(DEPTH - 1, "1", DEPTH), 0);
	assert_int_equal(parse_nested(DEPTH, "1", DEPTH), -EBADMSG);
	assert_int_equal(parse_nested(1000, "", DEPTH), -EBADMSG);
	assert_int_equal(parse_nested(1000000, "", DEPTH), -EBADMSG);
	/* in and out again costs no depth */
	assert_int_equal(parse(T("{\"a\":[[1],[1],[1]],\"b\":[[1]]}"), 3), 0);
}

/* What TEXT holds is within the limits, and over each that is lower by one. */
static void expect_counts(const char *text, size_t containers, size_t values)
{
	const struct json_limits limits[] = {
		{ DEPTH, containers, values },
		{ DEPTH, containers - 1, values },
		{ DEPTH, containers, values - 1 },
	};

	for (size_t i = 0; i < ELEMENTS_OF(limits); i++)
		assert_int_equal(parse_within(text, strlen(text), &limits[i]),
				 i == 0 ? 0 : -EBADMSG);
}

static void test_counts(void **state)
{
	(void)state;
	expect_counts("{}", 1, 1);
	expect_counts("{\"a\":1}", 1, 3);
	expect_counts("{\"a\":[]}", 2, 3);
	expect_counts("{\"a\":[1,null,\"b\",[],{}]}", 4, 8);
	expect_counts("{\"a\":{\"a\":[true]},\"b\":[[],[]]}", 6, 10);
}

/* 200,000 members, all different; then one of them again. */
static void test_many_members(void **state)
{
	enum { N = 200000 };
	_cleanup_(freep) char *text = malloc(N * 16);
	char *at = text;

	(void)state;
	*at++ = '{';
	for (int i = 0; i < N; i++)
		at += sprintf(at, "\"%d\":0,", i);
	at[-1] = '}';
	assert_int_equal(parse(text, (size_t)(at - text), DEPTH), 0);
	sprintf(at - 1, ",\"77777\":0}");
	assert_int_equal(parse(text, strlen(text), DEPTH), -EBADMSG);
}

static void test_utf8(void **state)
{
	(void)state;
	/* every code point, and the number of valid sequences of up to three bytes */
	for (uint32_t c = 0; c < 0x110000; c++) {
		char text[4] = { (char)c };
		size_t n = 1;

		if (c >= 0x80) {
			n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
			text[0] = (char)((0xf00 >> n) | c >> 6 * (n - 1));
			for (size_t i = 1; i < n; i++)
				text[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
		}
		assert_int_equal(utf8_sequence(text, n), c >= 0xd800 && c < 0xe000 ? 0 : n);
		if (n > 1)
			assert_int_equal(utf8_sequence(text, n - 1), 0);
	}
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
	assert_false(utf8_valid("a\xc3", 2));
}

static void test_utf8_three_bytes(void **state)
{
	size_t n_valid = 0;

	(void)state;
	for (uint32_t i = 0; i < 0x1000000; i++) {
		char text[] = { (char)(i >> 16), (char)(i >> 8), (char)i };

		n_valid += utf8_sequence(text, 3) == 3;
	}
	assert_int_equal(n_valid, 0x10000 - 0x800 - 0x800);
}

static void expect_text(struct json_object *object, const char *expected)
{
	size_t length;
	const char *text = json_text(object, &length);

	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
	json_object_put(object);
}

static void test_new_text(void **state)
{
	static const struct {
		const char *text, *expected;
	} texts[] = {
		{ "", "\"\"" },
		{ "a/b", "\"a/b\"" },
		{ "\xc3\xa9", "\"\xc3\xa9\"" },
		{ "a\xff"
		  "b",
		  "\"a?b\"" },
		{ "\xc3", "\"?\"" },
		{ "\xe2\x82", "\"??\"" },
		{ "\xed\xa0\x80", "\"???\"" },
		{ "\xc0\x80x", "\"??x\"" },
		{ "a\nb\"c\\", "\"a\\nb\\\"c\\\\\"" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(texts); i++)
		expect_text(json_new_text(texts[i].text), texts[i].expected);
}

static void test_pack(void **state)
{
	struct json_object *o;

	(void)state;
	expect_text(json_pack(JSON_STRING("s", "x"), JSON_INT("i", -5), JSON_BOOL("b", true),
			      JSON_INT("u", UINT32_MAX), JSON_TEXT("t", "\xff"),
			      JSON_VALUE("v", json_object_new_array()), NULL),
		    "{\"s\":\"x\",\"i\":-5,\"b\":true,\"u\":4294967295,\"t\":\"?\",\"v\":[]}");
	/* a value that could not be made, in each place; the others must be freed */
	for (int bad = 0; bad < 3; bad++) {
		o = json_pack("a", bad == 0 ? NULL : json_object_new_int64(1), "b",
			      bad == 1 ? NULL : json_object_new_int64(2), "c",
			      bad == 2 ? NULL : json_object_new_int64(3), NULL);
		assert_null(o);
	}
	o = json_object_new_array();
	assert_int_equal(json_append(o, NULL), -ENOMEM);
	assert_int_equal(json_append(o, json_object_new_int64(1)), 0);
	expect_text(o, "[1]");
	o = json_object_new_object();
	assert_int_equal(json_add(o, "a", NULL), -ENOMEM);
	assert_int_equal(json_add_string(o, "s", "x"), 0);
	assert_int_equal(json_add_int(o, "i", INT64_MIN), 0);
	assert_int_equal(json_add_bool(o, "b", false), 0);
	expect_text(o, "{\"s\":\"x\",\"i\":-9223372036854775808,\"b\":false}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_many_members),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_three_bytes),
		cmocka_unit_test(test_new_text),
		cmocka_unit_test(test_pack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
