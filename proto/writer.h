/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * JSON objects that are made to be sent: their text is written at once, and json-c takes it as it
 * is. A tree of members costs ten times as much to make, print and free, and nobody ever looks at
 * it. The values are of a bounded size; texts must be valid UTF-8.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITER_MAX 4096 /* bytes; more than the longest allocation or event */

struct json_writer {
	size_t size;
	bool is_full; /* something had no room */
	char text[JSON_WRITER_MAX];
};

/* Begins with no member. */
void json_write_begin(struct json_writer *writer);

/* Adds a member. NAME needs no escapes. */
void json_write_string(struct json_writer *writer, const char *name, const char *value);
void json_write_int(struct json_writer *writer, const char *name, int64_t value);
void json_write_bool(struct json_writer *writer, const char *name, bool value);

/*
 * A value that prints what was written, for json_pack() and its kin; nothing else may be asked of
 * it. As the only element of an array, if AS_LIST. NULL without memory, or if it had no room.
 */
struct json_object *json_write_end(struct json_writer *writer, bool as_list);

/* The text that json_write_end() made VALUE of; NULL if it is another one. */
const char *json_written(struct json_object *value, size_t *ret_length);
