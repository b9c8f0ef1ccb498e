/* SPDX-License-Identifier: MIT */

/*
 * The text of objects. json-c's own printer goes on without what it found no memory for: then a
 * reply can be good JSON and say something else.
 */

#include "json.h"

#include "cleanup.h"
#include "writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAPACITY 512

struct text {
	char *data;
	size_t size, capacity;
	bool is_lost; /* no memory: what is there is not all */
};

static bool reserve(struct text *text, size_t size)
{
	size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
	char *data;

	while (capacity - text->size < size)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
	data = realloc(text->data, capacity);
	if (!data)
		return false;
	text->data = data;
	text->capacity = capacity;
	return true;
}

static void put(struct text *text, const char *data, size_t size)
{
	if (text->is_lost || !reserve(text, size)) {
		text->is_lost = true;
		return;
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

static void put_text(struct text *text, const char *data)
{
	put(text, data, strlen(data));
}

/* RFC 8259, section 7. */
static void put_escape(struct text *text, unsigned char c)
{
	static const char letters[128] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
					   ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\' };
	static const char digits[] = "0123456789abcdef";
	const char number[] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
	const char letter[] = { '\\', letters[c] };

	if (letters[c])
		put(text, letter, sizeof(letter));
	else
		put(text, number, sizeof(number));
}

static void put_string(struct text *text, const char *string, size_t length)
{
	const char *end = string + length;

	put_text(text, "\"");
	while (string < end) {
		const char *plain = string;

		while (string < end && (unsigned char)*string >= ' ' && *string != '"' &&
		       *string != '\\')
			string++;
		put(text, plain, (size_t)(string - plain));
		if (string < end)
			put_escape(text, (unsigned char)*string++);
	}
	put_text(text, "\"");
}

static void put_value(struct text *text, struct json_object *value);

static void put_object(struct text *text, struct json_object *object)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);
	const char *before = "{";

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		const char *name = json_object_iter_peek_name(&at);

		put_text(text, before);
		put_string(text, name, strlen(name));
		put_text(text, ":");
		put_value(text, json_object_iter_peek_value(&at));
		before = ",";
	}
	put_text(text, *before == '{' ? "{}" : "}");
}

static void put_array(struct text *text, struct json_object *array)
{
	put_text(text, "[");
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		if (i > 0)
			put_text(text, ",");
		put_value(text, json_object_array_get_idx(array, i));
	}
	put_text(text, "]");
}

static void put_int(struct text *text, struct json_object *value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, json_object_get_int64(value));
	put_text(text, digits);
}

/* A number of json_parse_object() has its text; json-c has room for that of any other. */
static void put_double(struct text *text, struct json_object *value)
{
	const char *number = json_object_get_userdata(value);

	if (!number)
		number = json_object_to_json_string(value);
	text->is_lost |= !number;
	put_text(text, number ? number : "");
}

static void put_boolean(struct text *text, struct json_object *value)
{
	size_t length;
	const char *written = json_written(value, &length);

	if (written)
		put(text, written, length);
	else
		put_text(text, json_object_get_boolean(value) ? "true" : "false");
}

static void put_value(struct text *text, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		put_text(text, "null");
		return;
	case json_type_boolean:
		put_boolean(text, value);
		return;
	case json_type_double:
		put_double(text, value);
		return;
	case json_type_int:
		put_int(text, value);
		return;
	case json_type_object:
		put_object(text, value);
		return;
	case json_type_array:
		put_array(text, value);
		return;
	case json_type_string:
		put_string(text, json_object_get_string(value),
			   (size_t)json_object_get_string_len(value));
	}
}

static void drop(struct json_object *object, void *userdata)
{
	(void)object;
	free(userdata);
}

const char *json_text(struct json_object *object, size_t *ret_length)
{
	struct text text = {};

	put_value(&text, object);
	put(&text, "", 1);
	if (text.is_lost) {
		free(text.data);
		return NULL;
	}
	json_object_set_userdata(object, text.data, drop);
	*ret_length = text.size - 1;
	return text.data;
}
