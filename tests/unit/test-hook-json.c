/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-json.h"
#include "hook-state.h"

#include <errno.h>
#include <fcntl.h>

static struct json_object *parse(const char *text, int wanted)
{
	struct json_object *object = NULL;
	struct hook_failure failure = {};
	int r = hook_json_parse(text, strlen(text), &object, &failure);

	if (r != wanted)
		fail_msg("%s: %d %s", text, r, failure.text);
	assert_int_equal(*failure.text != '\0', r < 0);
	return object;
}

/* Written again, it is the same. */
static const char *const kept[] = {
	"{}",
	"{\"a\":[],\"b\":{},\"c\":null,\"d\":true,\"e\":false,\"f\":\"\"}",
	"{\"a\":18446744073709551615,\"b\":9223372036854775808,\"c\":9223372036854775807}",
	"{\"a\":-9223372036854775808,\"b\":-1,\"c\":0,\"d\":4294967296}",
	"{\"a\":0.1,\"b\":1e-300,\"c\":1.50,\"d\":1E+5,\"e\":-0.0,\"f\":123456789.123456789}",
	"{\"a/b\":\"/c/d\",\"<>&\":\"<>&\",\"\303\274\":\"\342\202\254\360\237\220\247\"}",
	"{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"}",
	"{\"z\":1,\"a\":2,\"m\":3}",
	"{\"a\":\"x\\u0000y\"}",
};

static void test_kept(void **state)
{
	char path[] = "/tmp/subidd-test-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	for (size_t i = 0; i < ELEMENTS_OF(kept); i++) {
		_cleanup_(json_object_putp) struct json_object *object = parse(kept[i], 0);
		struct hook_failure failure = {};
		char text[256];
		ssize_t n;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(hook_json_write(fd, object, &failure), 0);
		n = pread(fd, text, sizeof(text), 0);
		assert_int_equal(n, strlen(kept[i]));
		assert_memory_equal(text, kept[i], n);
	}
	close(fd);
}

/* json-c says "continue" where it waits for more. */
static void test_ends_early(void **state)
{
	static const char *const given[][2] = {
		{ "", "it is empty" },
		{ " \n", "it is empty" },
		{ "{\"a\":", "no valid JSON: it ends too early" },
		{ "{\"a\" 1}", "no valid JSON: object property name separator ':' expected" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(given); i++) {
		struct json_object *object = NULL;
		struct hook_failure failure = {};

		assert_int_equal(
			hook_json_parse(given[i][0], strlen(given[i][0]), &object, &failure),
			-EBADMSG);
		assert_string_equal(failure.text, given[i][1]);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"",	 " ",	"{",	 "[]",	     "null",  "1",
		"\"x\"", "{}x", "{} {}", "{\"a\":}", "{a:1}", "{\"a\":1,,}",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
		assert_null(parse(cases[i], -EBADMSG));
	json_object_put(parse(" \n{ } \r\n\t", 0));
}

static void test_depth(void **state)
{
	char text[256] = "{\"a\":";

	(void)state;
	for (int depth = HOOK_JSON_DEPTH - 3; depth < HOOK_JSON_DEPTH + 2; depth++) {
		struct hook_failure failure = {};
		struct json_object *object = NULL;
		size_t at = 5;

		memset(text + at, '[', (size_t)depth);
		memset(text + at + depth, ']', (size_t)depth);
		text[at + 2 * (size_t)depth] = '}';
		if (hook_json_parse(text, at + 2 * (size_t)depth + 1, &object, &failure) == 0)
			assert_true(depth < HOOK_JSON_DEPTH);
		else
			assert_true(depth >= HOOK_JSON_DEPTH - 1);
		json_object_put(object);
	}
}

static int read_sized(size_t size)
{
	_cleanup_(freep) char *text = malloc(size);
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	struct hook_failure failure = {};
	char path[] = "/tmp/subidd-test-XXXXXX";
	_cleanup_(closep) int fd = mkstemp(path);

	assert_true(fd >= 0 && text != NULL);
	unlink(path);
	memset(text, ' ', size);
	memcpy(text, "{}", 2);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return hook_json_read(fd, "it", &object, &failure);
}

static void test_size(void **state)
{
	(void)state;
	assert_int_equal(read_sized(HOOK_JSON_MAX), 0);
	assert_int_equal(read_sized(HOOK_JSON_MAX + 1), -EFBIG);
}

static void test_members(void **state)
{
	_cleanup_(json_object_putp) struct json_object *object = parse(
		"{\"t\":\"x\",\"e\":\"\",\"n\":4294967295,\"m\":4294967296,\"d\":1.0,\"s\":\"1\","
		"\"z\":\"a\\u0000b\",\"l\":-1,\"h\":99999999999999999999}",
		0);
	uint32_t id = 7;

	(void)state;
	assert_string_equal(hook_json_text(object, "t"), "x");
	assert_null(hook_json_text(object, "e"));
	assert_null(hook_json_text(object, "n"));
	assert_null(hook_json_text(object, "z"));
	assert_null(hook_json_text(object, "none"));
	assert_null(hook_json_text(NULL, "t"));
	assert_int_equal(hook_json_id(object, "none", &id), -ENOENT);
	assert_int_equal(hook_json_id(NULL, "n", &id), -ENOENT);
	for (const char *const *name = (const char *const[]){ "m", "d", "s", "t", "l", "h", NULL };
	     *name; name++)
		assert_int_equal(hook_json_id(object, *name, &id), -EINVAL);
	assert_int_equal(id, 7);
	assert_int_equal(hook_json_id(object, "n", &id), 0);
	assert_int_equal(id, 4294967295);
}

static void test_states(void **state)
{
	static const struct {
		const char *text;
		bool is_valid;
	} cases[] = {
		{ "{\"id\":\"web\",\"pid\":1,\"bundle\":\"/b\",\"annotations\":{\"a\":\"b\"}}",
		  true },
		{ "{\"id\":\"web\"}", true },
		{ "{\"id\":\"web\",\"pid\":0,\"annotations\":null}", true },
		{ "{\"id\":\"web\",\"pid\":2147483647}", true },
		{ "{\"id\":\"web\",\"pid\":2147483648}", false },
		{ "{\"id\":\"web\",\"pid\":null}", false },
		{ "{\"pid\":1}", false },
		{ "{\"id\":\".\"}", false },
		{ "{\"id\":\"..\"}", false },
		{ "{\"id\":\"../web\"}", false },
		{ "{\"id\":null}", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		_cleanup_(hook_state_done) struct hook_state found = {};
		struct hook_failure failure = {};
		int r = hook_state_take(parse(cases[i].text, 0), &found, &failure);

		if (r != (cases[i].is_valid ? 0 : -EBADMSG))
			fail_msg("%s: %d", cases[i].text, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_early), cmocka_unit_test(test_kept),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),	   cmocka_unit_test(test_members),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests_name("hook-json", tests, NULL, NULL);
}
