/* SPDX-License-Identifier: MIT */

/*
 * The scan that stands before json-c, and json-c behind it: what the scan lets through json-c must
 * take, with nothing lost, and give back as text that both take again.
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

/* What json-c alone makes of it: something, and less than all only where a member comes twice. */
static void check_refused(const char *text, size_t size, size_t n_members)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 1);
	_cleanup_(json_putp) struct json_object *object = NULL;

	CHECK(tokener);
	object = json_tokener_parse_ex(tokener, text, (int)size);
	CHECK(json_tokener_get_error(tokener) == json_tokener_success);
	CHECK(count_members(object) < n_members);
	json_tokener_free(tokener);
}

static void check_printed(struct json_object *object, size_t n_members)
{
	_cleanup_(json_putp) struct json_object *again = NULL;
	size_t length, again_length, n;
	const char *text = json_text(object, &length);

	CHECK(text && strlen(text) == length);
	CHECK(json_scan(text, length, &limits, &n) && n == n_members);
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
	size_t n_members = 0;
	bool is_good = json_scan(text, size, &limits, &n_members);
	int r = json_parse_object(text, size, &limits, &object);

	CHECK(r == 0 || (r == -EBADMSG && !object));
	if (is_good)
		CHECK(is_utf8(text, size));
	CHECK(utf8_valid(text, size) == is_utf8(text, size));
	if (!is_good || !is_object(text, size)) {
		CHECK(r < 0);
	} else if (r < 0) {
		check_refused(text, size, n_members);
	} else {
		CHECK(count_members(object) == n_members);
		check_printed(object, n_members);
	}
	return 0;
}
