/* SPDX-License-Identifier: MIT */
#include "when.h"

#include "cleanup.h"
#include "decimal.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define USEC_PER_SEC INT64_C(1000000)
#define SECONDS_MAX INT64_C(253402300799) /* the year 9999 */

uint64_t when_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* Sets a span of LENGTH microseconds. */
static int set_span(int64_t first, int64_t length, uint64_t now, struct when *ret)
{
	uint64_t last = (uint64_t)first + (uint64_t)length - 1;

	if (first <= 0)
		return -EINVAL;
	if ((uint64_t)first <= now && last > now)
		last = now;
	*ret = (struct when){ (uint64_t)first, last };
	return 0;
}

/* Takes exactly N digits off *text. */
static bool take_digits(const char **text, int n, int *ret)
{
	int value = 0;

	for (; n > 0; n--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		value = value * 10 + (**text - '0');
	}
	*ret = value;
	return true;
}

static bool take(const char **text, char wanted)
{
	if (**text != wanted)
		return false;
	(*text)++;
	return true;
}

/* Takes a fraction of a second off *text, if there is one; *ret_unit is what it could have been. */
static bool take_fraction(const char **text, int64_t *ret_usec, int64_t *ret_unit)
{
	int64_t unit = USEC_PER_SEC, usec = 0;
	int digit;

	*ret_usec = 0;
	*ret_unit = unit;
	if (!take(text, '.'))
		return true;
	for (; unit > 1 && take_digits(text, 1, &digit); usec += digit * unit)
		unit /= 10;
	*ret_usec = usec;
	*ret_unit = unit;
	return unit < USEC_PER_SEC;
}

static int parse_seconds(const char *text, uint64_t now, struct when *ret)
{
	size_t length = strcspn(text, ".");
	int64_t usec, unit;
	uint64_t seconds;

	if (decimal_parse(text, length, SECONDS_MAX, &seconds) < 0)
		return -EINVAL;
	text += length;
	if (!take_fraction(&text, &usec, &unit) || *text)
		return -EINVAL;
	return set_span((int64_t)seconds * USEC_PER_SEC + usec, unit, now, ret);
}

static int parse_ago(const char *text, uint64_t now, struct when *ret)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 } };
	size_t length = strspn(text, "0123456789");
	uint64_t n, ago;

	if (decimal_parse(text, length, SECONDS_MAX / 604800, &n) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTS_OF(units); i++)
		if (strcmp(units[i].name, text + length) == 0) {
			ago = n * units[i].seconds * USEC_PER_SEC;
			return ago < now ? set_span((int64_t)(now - ago), 1, now, ret) : -EINVAL;
		}
	return -EINVAL;
}

/* What RFC 3339 calls full-date. */
static bool take_date(const char **text, struct tm *tm)
{
	if (!take_digits(text, 4, &tm->tm_year) || !take(text, '-') ||
	    !take_digits(text, 2, &tm->tm_mon) || !take(text, '-') ||
	    !take_digits(text, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return true;
}

/* Takes HH:MM[:SS[.FRACTION]]; *ret_unit is the span that is meant. */
static bool take_clock(const char **text, struct tm *tm, int64_t *ret_usec, int64_t *ret_unit)
{
	if (!take_digits(text, 2, &tm->tm_hour) || !take(text, ':') ||
	    !take_digits(text, 2, &tm->tm_min))
		return false;
	if (tm->tm_hour > 23 || tm->tm_min > 59)
		return false;
	*ret_unit = 60 * USEC_PER_SEC;
	if (!take(text, ':'))
		return true;
	return take_digits(text, 2, &tm->tm_sec) && tm->tm_sec <= 59 &&
	       take_fraction(text, ret_usec, ret_unit);
}

/* Takes Z or an offset. */
static bool take_offset(const char **text, bool *ret_is_given, int64_t *ret_seconds)
{
	bool is_west = **text == '-';
	int hours, minutes;

	*ret_seconds = 0;
	*ret_is_given = **text;
	if (!**text || take(text, 'Z'))
		return true;
	if (!take(text, is_west ? '-' : '+') || !take_digits(text, 2, &hours) || !take(text, ':') ||
	    !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (hours * INT64_C(60) + minutes) * (is_west ? -60 : 60);
	return true;
}

/* Is it a day of the calendar? */
static bool is_day(const struct tm *tm)
{
	struct tm day = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };

	timegm(&day);
	return day.tm_mon == tm->tm_mon && day.tm_mday == tm->tm_mday;
}

static int parse_calendar(const char *text, uint64_t now, struct when *ret)
{
	struct tm tm = { .tm_isdst = -1 }, next;
	int64_t usec = 0, unit = 0, offset = 0, begin;
	bool has_offset = false;

	if (!take_date(&text, &tm) || !is_day(&tm))
		return -EINVAL;
	if (*text &&
	    !((take(&text, 'T') || take(&text, ' ')) && take_clock(&text, &tm, &usec, &unit) &&
	      take_offset(&text, &has_offset, &offset) && !*text))
		return -EINVAL;
	next = tm;
	begin = has_offset ? timegm(&tm) - offset : mktime(&tm);
	if (unit == 0) { /* a day need not have 24 hours */
		next.tm_mday++;
		unit = (mktime(&next) - begin) * USEC_PER_SEC;
	}
	return set_span(begin * USEC_PER_SEC + usec, unit, now, ret);
}

int when_parse(const char *text, uint64_t now, struct when *ret)
{
	if (strcmp(text, "now") == 0)
		return set_span((int64_t)now, 1, now, ret);
	if (*text == '@')
		return parse_seconds(text + 1, now, ret);
	if (*text == '-')
		return parse_ago(text + 1, now, ret);
	return parse_calendar(text, now, ret);
}
