/* SPDX-License-Identifier: MIT */

/* Moments as people write them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "when.h"

#include <errno.h>
#include <time.h>

/* 2023-11-14T22:13:20.5Z */
#define NOW UINT64_C(1700000000500000)
#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MIDNIGHT UINT64_C(1699920000000000) /* of that day */

static const struct {
	const char *zone, *text;
	uint64_t first, last;
} moments[] = {
	{ "UTC0", "now", NOW, NOW },
	{ "UTC0", "-0s", NOW, NOW },
	{ "UTC0", "-90s", NOW - 90 * SECOND, NOW - 90 * SECOND },
	{ "UTC0", "-15min", NOW - 15 * MINUTE, NOW - 15 * MINUTE },
	{ "UTC0", "-2h", NOW - 2 * HOUR, NOW - 2 * HOUR },
	{ "UTC0", "-3d", NOW - 3 * DAY, NOW - 3 * DAY },
	{ "UTC0", "-1w", NOW - 7 * DAY, NOW - 7 * DAY },
	{ "UTC0", "@1", SECOND, 2 * SECOND - 1 },
	{ "UTC0", "@0.000001", 1, 1 },
	{ "UTC0", "@1600000000.25", 1600000000250000, 1600000000259999 },
	{ "UTC0", "@1700000000", 1700000000 * SECOND, NOW }, /* it is not over yet */
	{ "UTC0", "@1700000001", 1700000001 * SECOND, 1700000002 * SECOND - 1 },
	{ "UTC0", "2023-11-14T12:34:56.5Z", MIDNIGHT + 45296500000, MIDNIGHT + 45296599999 },
	{ "UTC0", "2023-11-14T12:34:56.123456Z", MIDNIGHT + 45296123456, MIDNIGHT + 45296123456 },
	{ "UTC0", "2023-11-14T12:34:56Z", MIDNIGHT + 45296 * SECOND,
	  MIDNIGHT + 45297 * SECOND - 1 },
	{ "UTC0", "2023-11-14 12:34", MIDNIGHT + 45240 * SECOND, MIDNIGHT + 45300 * SECOND - 1 },
	{ "UTC0", "2023-11-14T12:34:56+01:00", MIDNIGHT + 41696 * SECOND,
	  MIDNIGHT + 41697 * SECOND - 1 },
	{ "IST-5:30", "2023-11-14T12:34:56-00:30", MIDNIGHT + 47096 * SECOND,
	  MIDNIGHT + 47097 * SECOND - 1 },
	{ "IST-5:30", "2023-11-14T05:30:00", MIDNIGHT, MIDNIGHT + SECOND - 1 },
	{ "UTC0", "2023-11-13", MIDNIGHT - DAY, MIDNIGHT - 1 },
	{ "UTC0", "2023-11-14", MIDNIGHT, NOW },
	{ "IST-5:30", "2023-11-13", MIDNIGHT - DAY - 330 * MINUTE, MIDNIGHT - 330 * MINUTE - 1 },
	{ "UTC0", "2024-02-29", 1709164800 * SECOND, 1709251200 * SECOND - 1 },
	/* days of 23 and 25 hours */
	{ "CET-1CEST,M3.5.0,M10.5.0/3", "2023-03-26", 1679785200 * SECOND,
	  1679785200 * SECOND + 23 * HOUR - 1 },
	{ "CET-1CEST,M3.5.0,M10.5.0/3", "2022-10-30", 1667080800 * SECOND,
	  1667080800 * SECOND + 25 * HOUR - 1 },
};

static const char *const refused[] = {
	"",
	" now",
	"Now",
	"today",
	"1700000000",
	"@",
	"@0",
	"@-1",
	"@1.",
	"@1.0000001",
	"@1.5s",
	"@01",
	"@253402300800",
	"@99999999999999999999",
	"-",
	"-5",
	"-5m",
	"-5 min",
	"-min",
	"+5min",
	"5min",
	"-1h30min",
	"-99999999999d",
	"-60w99",
	"-3000w",
	"2023",
	"2023-11",
	"2023-1-1",
	"2023-11-14T",
	"2023-11-14T12",
	"2023-11-14T12:34:",
	"2023-11-14T12:34:56.",
	"2023-11-14T12:34:56.1234567Z",
	"2023-11-14T24:00:00Z",
	"2023-11-14T12:60:00Z",
	"2023-11-14T12:34:60Z",
	"2023-11-14t12:34:56z",
	"2023-11-14T12:34:56+1",
	"2023-11-14T12:34:56+0100",
	"2023-11-14T12:34:56+24:00",
	"2023-11-14T12:34:56+01:60",
	"2023-11-14T12:34:56Zx",
	"2023-11-14Z",
	"2023-02-29",
	"2023-13-01",
	"2023-00-01",
	"2023-11-00",
	"2023-11-31",
	"1970-01-01",
	"1969-12-31",
	"1970-01-01T00:00:00Z",
	"0000-01-01",
	" 2023-11-14",
	"2023-11-14 ",
	"20231114T123456Z",
};

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void test_moments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(moments); i++) {
		struct when when = {};

		set_zone(moments[i].zone);
		print_message("# %s\n", moments[i].text);
		assert_int_equal(when_parse(moments[i].text, NOW, &when), 0);
		assert_int_equal(when.first, moments[i].first);
		assert_int_equal(when.last, moments[i].last);
	}
}

static void test_refused(void **state)
{
	struct when when = { 7, 7 };

	(void)state;
	set_zone("UTC0");
	for (size_t i = 0; i < ELEMENTS_OF(refused); i++) {
		print_message("# '%s'\n", refused[i]);
		assert_int_equal(when_parse(refused[i], NOW, &when), -EINVAL);
	}
	assert_int_equal(when.first, 7);
}

static void test_now(void **state)
{
	uint64_t first = when_now(), second = when_now();

	(void)state;
	assert_true(first > NOW);
	assert_true(second - first < MINUTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests_name("cli when", tests, NULL, NULL);
}
