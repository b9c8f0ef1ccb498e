/* SPDX-License-Identifier: MIT */

/* Numbers with a point, which libc reads and prints as the program's locale has them. */

#include "json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MIN 15 /* of a double that any decimal number keeps */
#define DIGITS_MAX 17 /* that tell any two doubles apart */

static double parse(const char *text)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
	double number = c ? strtod_l(text, NULL, c) : (double)NAN;

	if (c)
		freelocale(c);
	return number;
}

/* A number of json_parse_object() that is no integer has its text. */
bool json_float(struct json_object *value, double *ret)
{
	const char *text;
	double number;

	switch (json_object_get_type(value)) {
	case json_type_int:
		number = (double)json_object_get_int64(value);
		break;
	case json_type_double:
		text = json_object_get_userdata(value);
		number = text ? parse(text) : json_object_get_double(value);
		break;
	default:
		return false;
	}
	if (!isfinite(number))
		return false;
	*ret = number;
	return true;
}

static void print(double value, char *text, size_t size)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL), before = uselocale(c);

	for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
		snprintf(text, size, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	uselocale(before);
	if (c)
		freelocale(c);
}

struct json_object *json_new_float(double value)
{
	char text[40];

	print(value, text, sizeof(text) - strlen(".0"));
	if (!strpbrk(text, ".e"))
		memcpy(text + strlen(text), ".0", sizeof(".0"));
	return json_object_new_double_s(value, text);
}
