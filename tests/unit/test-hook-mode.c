/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "hook-json.h"
#include "hook-mode.h"

#include <errno.h>

static const struct {
	const char *text;
	struct hook_mode mode;
} taken[] = {
	{ "auto", { .size = 65536 } },
	{ "auto:size=1", { .size = 1 } },
	{ "auto:size=4294967295", { .size = 4294967295 } },
	{ "auto:keep-id=true", { .size = 65536, .keep_id = true } },
	{ "auto:keep-id=false;map-to-root=true", { .size = 65536, .map_to_root = true } },
	{ "auto:map-to-root=false;keep-id=true;size=70000", { .size = 70000, .keep_id = true } },
	{ "auto:pool=pods", { .size = 65536, .pool = "pods" } },
};

/* Each with a word of its reason. */
static const struct {
	const char *text, *word;
} refused[] = {
	{ "", "''" },
	{ "auto ", "'auto '" },
	{ "AUTO", "'AUTO'" },
	{ "private", "'private'" },
	{ "private:uidmapping=0:1000:1", "'private'" },
	{ "automatic", "'automatic'" },
	{ "auto:", "KEY=VALUE" },
	{ "auto:;", "KEY=VALUE" },
	{ "auto:size", "'size'" },
	{ "auto:size=", "''" },
	{ "auto:size=0", "'0'" },
	{ "auto:size=065536", "'065536'" },
	{ "auto:size=0x10", "'0x10'" },
	{ "auto:size=-1", "'-1'" },
	{ "auto:size= 1", "' 1'" },
	{ "auto:size=1 ", "'1 '" },
	{ "auto:size=4294967296", "'4294967296'" },
	{ "auto:size=18446744073709551617", "'18446744073709551617'" },
	{ "auto:size=1=2", "'1=2'" },
	{ "auto:size=1;", "KEY=VALUE" },
	{ "auto:size=1;;keep-id=true", "KEY=VALUE" },
	{ "auto:size=1;size=1", "size comes twice" },
	{ "auto:keep-id=true;keep-id=true", "keep-id comes twice" },
	{ "auto:keep-id=", "''" },
	{ "auto:keep-id=yes", "'yes'" },
	{ "auto:keep-id=True", "'True'" },
	{ "auto:map-to-root=1", "'1'" },
	{ "auto:keep-id=true;map-to-root=true", "together" },
	{ "auto:uidmapping=0:1:1", "uidmapping" },
	{ "auto:gidmapping=0:1:1", "gidmapping" },
	{ "auto:pool=", "''" },
	{ "auto:pool=0123456789012345678901234567890123456789012345678901234567890123x", "pool" },
	{ "auto:Size=1", "'Size'" },
	{ "auto:=1", "''" },
	{ "auto:siz=1", "'siz'" },
	{ "auto,size=1", "'auto,size=1'" },
};

static void test_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(taken); i++) {
		struct hook_failure failure = {};
		struct hook_mode mode = {};

		if (mode_parse(taken[i].text, &mode, &failure) < 0)
			fail_msg("%s: %s", taken[i].text, failure.text);
		assert_int_equal(mode.size, taken[i].mode.size);
		assert_int_equal(mode.keep_id, taken[i].mode.keep_id);
		assert_int_equal(mode.map_to_root, taken[i].mode.map_to_root);
		assert_string_equal(mode.pool, taken[i].mode.pool);
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(refused); i++) {
		struct hook_failure failure = {};
		struct hook_mode mode;

		if (mode_parse(refused[i].text, &mode, &failure) != -EINVAL)
			fail_msg("taken: %s", refused[i].text);
		if (!strstr(failure.text, refused[i].word))
			fail_msg("no %s in: %s", refused[i].word, failure.text);
	}
}

static int find(const char *text, struct hook_mode *ret)
{
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	struct hook_failure failure = {};

	if (hook_json_parse(text, strlen(text), &object, &failure) < 0)
		fail_msg("%s: %s", text, failure.text);
	return mode_find(object, ret, &failure);
}

static void test_names(void **state)
{
	struct hook_failure failure = {};
	struct hook_mode mode = {};

	(void)state;
	assert_int_equal(mode_find(NULL, &mode, &failure), 0);
	assert_int_equal(find("{}", &mode), 0);
	assert_int_equal(find("{\"io.subidd.userns\":1}", &mode), 0);
	assert_int_equal(find("{\"io.subidd.userns\":\"\"}", &mode), -EINVAL);
	assert_int_equal(find("{\"io.subidd.userns\":\"auto\\u0000x\"}", &mode), -EINVAL);
	assert_int_equal(find("{\"io.kubernetes.cri-o.userns-mode\":\"auto:size=1\"}", &mode), 1);
	assert_int_equal(mode.size, 1);
	assert_int_equal(find("{\"io.kubernetes.cri-o.userns-mode\":\"auto:size=2\","
			      "\"userns-mode.crio.io\":\"auto:size=2\"}",
			      &mode),
			 1);
	assert_int_equal(mode.size, 2);
	/* an image's keep-id beside what the administrator asks for */
	assert_int_equal(find("{\"io.kubernetes.cri-o.userns-mode\":\"auto\","
			      "\"io.subidd.userns\":\"auto:keep-id=true\"}",
			      &mode),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("hook-mode", tests, NULL, NULL);
}
