/* SPDX-License-Identifier: MIT */

#include "testing.h"

#include "base64.h"

#include <errno.h>

/* RFC 4648, section 10, and bytes whose digits are the last ones. */
static const struct {
	const char *bytes, *text;
} pairs[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xff\xfe", "///+" },
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(pairs); i++) {
		size_t length = strlen(pairs[i].bytes), n = 99;
		char text[32], bytes[32];

		base64_encode(pairs[i].bytes, length, text);
		assert_string_equal(text, pairs[i].text);
		assert_int_equal(strlen(text) + 1, BASE64_SIZE(length));
		assert_int_equal(base64_decode(text, bytes, length, &n), 0);
		assert_int_equal(n, length);
		assert_memory_equal(bytes, pairs[i].bytes, n);
		if (length > 0)
			assert_int_equal(base64_decode(text, bytes, length - 1, &n), -EBADMSG);
	}
}

static void test_malformed(void **state)
{
	static const char *const texts[] = {
		"Z",
		"Zg",
		"Zg=",
		"Zg===",
		"=",
		"====",
		"Z===",
		"Zm9v=",
		"Zm=v",
		"Z=9v",
		"Zh==",
		"Zm9=",
		"Zm9v\n",
		"Zm9v Zg==",
		"Zg==Zm9v",
		"Zm-v",
		"Zm_v",
		"Zm9*",
		("\xc3\xbc"
		 "9v"),
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
		char bytes[32];
		size_t n = 99;

		if (base64_decode(texts[i], bytes, sizeof(bytes), &n) != -EBADMSG)
			fail_msg("%s is taken", texts[i]);
		assert_int_equal(n, 99);
	}
}

static void test_all_sizes(void **state)
{
	uint64_t seed = chance_begin();

	(void)state;
	for (size_t size = 0; size < 300; size++) {
		unsigned char bytes[300], back[300];
		char text[BASE64_SIZE(300)];
		size_t n;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (unsigned char)chance(&seed, 256);
		base64_encode(bytes, size, text);
		assert_int_equal(base64_decode(text, back, size, &n), 0);
		assert_int_equal(n, size);
		assert_memory_equal(back, bytes, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_all_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
