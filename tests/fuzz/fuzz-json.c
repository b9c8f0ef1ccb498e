/* SPDX-License-Identifier: MIT */

/*
 * The scan and the parser, against json-c's parser: what the scan lets through json-c takes as
 * well, and makes the same of it but where a member comes twice; nothing is lost, and what is
 * printed is taken again.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "json.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 32

static const struct json_limits limits = { DEPTH_MAX, SIZE_MAX, SIZE_MAX };

/* RFC 3629 once more, by the value of each character and not by its bytes. */
static bool is_utf8(const char *text, size_t size)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text, *end = p + size;

	for (; p < end; p++) {
		unsigned int n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
		uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);

		if (n > 1 && (*p & (0xff80u >> n & 0xff)) != (0xff00u >> n & 0xff))
			return false;
		for (unsigned int i = 1; i < n; i++) {
			if (++p == end || *p >> 6 != 2)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
	}
	return true;
}

static size_t count_members(struct json_object *value)
{
	size_t n = 0;

	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			n += count_members(json_object_array_get_idx(value, i));
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member) {
			CHECK(is_utf8(name, strlen(name)));
			n += 1 + count_members(member);
		}
	} else if (json_object_is_type(value, json_type_string)) {
		CHECK(is_utf8(json_object_get_string(value),
			      (size_t)json_object_get_string_len(value)));
	}
	return n;
}

/* The colons between strings. */
static size_t count_colons(const char *text, size_t size)
{
	bool is_inside = false;
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (is_inside && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			is_inside = !is_inside;
		else if (!is_inside && text[i] == ':')
			n++;
	}
	return n;
}

/* Numbers that are no integers of 64 bits are the same whatever is made of them. */
static bool is_same(struct json_object *one, struct json_object *two)
{
	if (json_object_is_type(one, json_type_double))
		return json_object_is_type(two, json_type_double) ||
		       json_object_is_type(two, json_type_int);
	if (!json_object_is_type(two, json_object_get_type(one)))
		return false;
	if (json_object_is_type(one, json_type_array)) {
		size_t n = json_object_array_length(one);
		bool same = json_object_array_length(two) == n;

		for (size_t i = 0; same && i < n; i++)
			same = is_same(json_object_array_get_idx(one, i),
				       json_object_array_get_idx(two, i));
		return same;
	}
	if (json_object_is_type(one, json_type_object)) {
		json_object_object_foreach(one, name, value) {
			struct json_object *other;

			if (!json_object_object_get_ex(two, name, &other) || !is_same(value, other))
				return false;
		}
		return json_object_object_length(one) == json_object_object_length(two);
	}
	return json_object_equal(one, two);
}

/* What json-c alone makes of it; OBJECT is NULL where a member comes twice. */
static void check_against(const char *text, size_t size, struct json_object *object)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 1);
	_cleanup_(json_putp) struct json_object *other = NULL;

	CHECK(tokener);
	other = json_tokener_parse_ex(tokener, text, (int)size);
	CHECK(json_tokener_get_error(tokener) == json_tokener_success);
	if (object)
		CHECK(is_same(object, other));
	else
		CHECK(count_members(other) < count_colons(text, size));
	json_tokener_free(tokener);
}

static void check_printed(struct json_object *object)
{
	_cleanup_(json_putp) struct json_object *again = NULL;
	size_t length, again_length;
	const char *text = json_text(object, &length);

	CHECK(text && strlen(text) == length);
	CHECK(json_scan(text, length, &limits));
	CHECK(json_parse_object(text, length, &limits, &again) == 0);
	CHECK(strcmp(json_text(again, &again_length), text) == 0 && again_length == length);
}

static bool is_object(const char *text, size_t size)
{
	while (size > 0 && *text && strchr(" \t\r\n", *text)) {
		text++;
		size--;
	}
	return size > 0 && *text == '{';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	const char *text = (const char *)data;
	bool is_good = json_scan(text, size, &limits);
	int r = json_parse_object(text, size, &limits, &object);

	CHECK(r == 0 || (r == -EBADMSG && !object));
	if (is_good)
		CHECK(is_utf8(text, size));
	CHECK(utf8_valid(text, size) == is_utf8(text, size));
	if (!is_good || !is_object(text, size)) {
		CHECK(r < 0);
	} else {
		check_against(text, size, object);
		if (r == 0)
			CHECK(count_members(object) == count_colons(text, size));
		if (r == 0)
			check_printed(object);
	}
	return 0;
}
