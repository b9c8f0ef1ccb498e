/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include "decimal.h"

#include <errno.h>

#define UNTOUCHED 4711

static const struct {
	const char *text;
	uint64_t max;
	int result;
	uint64_t value;
} cases[] = {
	{ "0", UINT32_MAX, 0, 0 },
	{ "1", UINT32_MAX, 0, 1 },
	{ "65535", UINT32_MAX, 0, 65535 },
	{ "65536", UINT32_MAX, 0, 65536 },
	{ "4294967294", UINT32_MAX, 0, UINT32_MAX - 1 },
	{ "4294967295", UINT32_MAX, 0, UINT32_MAX },
	{ "4294967296", UINT32_MAX, -ERANGE, 0 },
	{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
	{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
	{ "18446744073709551620", UINT64_MAX, -ERANGE, 0 },
	/* 2^64 + 1 and others that wrap to something small */
	{ "18446744073709551617", UINT32_MAX, -ERANGE, 0 },
	{ "4294967297", 1, -ERANGE, 0 },
	{ "123456789012345678901234567890", UINT64_MAX, -ERANGE, 0 },
	{ "123456789012345678901234567890", UINT32_MAX, -ERANGE, 0 },
	/* a limit below one digit */
	{ "0", 0, 0, 0 },
	{ "1", 0, -ERANGE, 0 },
	{ "9", 0, -ERANGE, 0 },
	{ "10", 0, -ERANGE, 0 },
	{ "3", 3, 0, 3 },
	{ "4", 3, -ERANGE, 0 },
	{ "9", 9, 0, 9 },
	{ "10", 9, -ERANGE, 0 },
	{ "10", 10, 0, 10 },
	{ "11", 10, -ERANGE, 0 },
	{ "109", 110, 0, 109 },
	{ "110", 110, 0, 110 },
	{ "111", 110, -ERANGE, 0 },
	/* no decimal numbers, whatever their value would be */
	{ "", UINT32_MAX, -EINVAL, 0 },
	{ "00", UINT32_MAX, -EINVAL, 0 },
	{ "01", UINT32_MAX, -EINVAL, 0 },
	{ "0065536", UINT32_MAX, -EINVAL, 0 },
	{ "000000000000000000000000000001", UINT32_MAX, -EINVAL, 0 },
	{ "+5", UINT32_MAX, -EINVAL, 0 },
	{ "-5", UINT32_MAX, -EINVAL, 0 },
	{ "-0", UINT32_MAX, -EINVAL, 0 },
	{ "-", UINT32_MAX, -EINVAL, 0 },
	{ " 5", UINT32_MAX, -EINVAL, 0 },
	{ "5 ", UINT32_MAX, -EINVAL, 0 },
	{ "5\n", UINT32_MAX, -EINVAL, 0 },
	{ "5\r", UINT32_MAX, -EINVAL, 0 },
	{ "1 0", UINT32_MAX, -EINVAL, 0 },
	{ "1_000", UINT32_MAX, -EINVAL, 0 },
	{ "0x10", UINT32_MAX, -EINVAL, 0 },
	{ "1e3", UINT32_MAX, -EINVAL, 0 },
	{ "1.0", UINT32_MAX, -EINVAL, 0 },
	{ "/", UINT32_MAX, -EINVAL, 0 }, /* the bytes beside the digits */
	{ ":", UINT32_MAX, -EINVAL, 0 },
	{ "\xb5", UINT32_MAX, -EINVAL, 0 },
	{ "\xd9\xa3", UINT32_MAX, -EINVAL, 0 }, /* ARABIC-INDIC DIGIT THREE */
	/* too large and no number: that it is no number says more */
	{ "123456789012345678901234567890x", UINT32_MAX, -EINVAL, 0 },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		uint64_t value = UNTOUCHED;
		int r = decimal_parse(cases[i].text, strlen(cases[i].text), cases[i].max, &value);

		if (r != cases[i].result)
			print_error("# \"%s\" up to %ju\n", cases[i].text, (uintmax_t)cases[i].max);
		assert_int_equal(r, cases[i].result);
		assert_int_equal(value, r == 0 ? cases[i].value : UNTOUCHED);
	}
}

/* Text that ends where its memory ends, and is followed by more digits where it does not. */
static void test_not_terminated(void **state)
{
	static const char digits[] = "655360";
	uint64_t value = UNTOUCHED;

	(void)state;
	for (size_t length = 1; length <= 6; length++) {
		_cleanup_(freep) char *text = malloc(length);

		memcpy(text, digits, length);
		assert_int_equal(decimal_parse(text, length, UINT32_MAX, &value), 0);
	}
	assert_int_equal(value, 655360);
	assert_int_equal(decimal_parse(digits, 5, UINT32_MAX, &value), 0);
	assert_int_equal(value, 65536);
	assert_int_equal(decimal_parse(digits, 0, UINT32_MAX, &value), -EINVAL);
	assert_int_equal(decimal_parse("5\0", 2, UINT32_MAX, &value), -EINVAL);
	assert_int_equal(decimal_parse("\0", 1, UINT32_MAX, &value), -EINVAL);
}

/* Each number around each border, against printf(). */
static void test_round_trip(void **state)
{
	static const uint64_t borders[] = { 0, 10, 65536, UINT32_MAX, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(borders); i++)
		for (uint64_t j = 0; j < 100; j++) {
			uint64_t number = borders[i] + j - 50, value = UNTOUCHED;
			char text[32];
			int n = snprintf(text, sizeof(text), "%ju", (uintmax_t)number);

			assert_int_equal(decimal_parse(text, (size_t)n, number, &value), 0);
			assert_true(value == number);
			if (number > 0)
				assert_int_equal(decimal_parse(text, (size_t)n, number - 1, &value),
						 -ERANGE);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_not_terminated),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
