/* SPDX-License-Identifier: MIT */
#include "writer.h"

#include "cleanup.h"
#include "json.h"

#include <string.h>

#define RESERVED 4 /* for what json_write_end() adds */

/* What is printed of a value. */
struct printed {
	size_t size;
	char text[];
};

static void put(struct json_writer *writer, const char *text, size_t size)
{
	if (size > sizeof(writer->text) - RESERVED - writer->size) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->text + writer->size, text, size);
	writer->size += size;
}

static void put_text(struct json_writer *writer, const char *text)
{
	put(writer, text, strlen(text));
}

/* RFC 8259, section 7: what must be escaped is a quote, a backslash and control characters. */
static void put_escaped(struct json_writer *writer, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	while (*text) {
		size_t plain = 0;

		while ((unsigned char)text[plain] >= ' ' && text[plain] != '"' &&
		       text[plain] != '\\')
			plain++;
		put(writer, text, plain);
		text += plain;
		if (*text == '"' || *text == '\\') {
			const char escape[] = { '\\', *text++ };

			put(writer, escape, sizeof(escape));
		} else if (*text) {
			const char escape[] = {
				'\\', 'u', '0', '0', digits[*text >> 4], digits[*text & 15]
			};

			put(writer, escape, sizeof(escape));
			text++;
		}
	}
}

static void put_name(struct json_writer *writer, const char *name)
{
	put_text(writer, writer->size > 1 ? ",\"" : "\"");
	put_text(writer, name);
	put_text(writer, "\":");
}

void json_write_begin(struct json_writer *writer)
{
	writer->size = 0;
	writer->is_full = false;
	put_text(writer, "{");
}

void json_write_string(struct json_writer *writer, const char *name, const char *value)
{
	put_name(writer, name);
	put_text(writer, "\"");
	put_escaped(writer, value);
	put_text(writer, "\"");
}

void json_write_int(struct json_writer *writer, const char *name, int64_t value)
{
	char digits[24], *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--at = '-';
	put_name(writer, name);
	put(writer, at, (size_t)(digits + sizeof(digits) - at));
}

void json_write_bool(struct json_writer *writer, const char *name, bool value)
{
	put_name(writer, name);
	put_text(writer, value ? "true" : "false");
}

static void drop(struct json_object *object, void *userdata)
{
	(void)object;
	free(userdata);
}

struct json_object *json_write_end(struct json_writer *writer, bool as_list)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct printed *printed;
	size_t size = writer->size + 1 + (as_list ? 2 : 0);

	if (writer->is_full)
		return NULL;
	object = json_object_new_boolean(true);
	printed = malloc(sizeof(*printed) + size);
	if (!object || !printed) {
		free(printed);
		return NULL;
	}
	printed->size = size;
	printed->text[0] = '[';
	memcpy(printed->text + as_list, writer->text, writer->size);
	printed->text[writer->size + as_list] = '}';
	if (as_list)
		printed->text[size - 1] = ']';
	json_object_set_userdata(object, printed, drop);
	return take_ptr(object);
}

const char *json_written(struct json_object *value, size_t *ret_length)
{
	const struct printed *printed = json_object_get_userdata(value);

	if (!printed)
		return NULL;
	*ret_length = printed->size;
	return printed->text;
}
