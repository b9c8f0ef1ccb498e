/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Strict JSON on top of json-c.
 *
 * json-c 0.16 accepts more than RFC 8259 even when told to be strict (duplicate keys, single
 * quotes, NaN, raw control characters, lone surrogates, overlong UTF-8), so every text is scanned
 * here first and only then parsed by it.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

static inline void json_putp(struct json_object **object)
{
	json_object_put(*object);
}

/*
 * Is TEXT one JSON value, nested at most MAX_DEPTH arrays and objects deep, in valid UTF-8, without
 * a NUL in a member name? Fills *ret_n_members with the number of object members in all of it.
 * Never recurses deeper than MAX_DEPTH and allocates nothing.
 */
bool json_scan(const char *text, size_t length, unsigned int max_depth, size_t *ret_n_members);

/* Is TEXT valid UTF-8, that is, without overlong forms, surrogates and what lies past U+10FFFF? */
bool utf8_valid(const char *text, size_t length);

/*
 * Parses one JSON object. Returns 0 and hands the object over in *ret; -EBADMSG if it is not strict
 * JSON, no object, too deep or has a member twice; -ENOMEM.
 */
int json_parse_object(const char *text, size_t length, unsigned int max_depth,
		      struct json_object **ret);

/*
 * Adds a member and takes over VALUE in every case. Returns 0, or -ENOMEM, also if VALUE is NULL,
 * so that the result of a constructor can be passed on unchecked.
 */
int json_add(struct json_object *object, const char *name, struct json_object *value);

/* The same at the end of an array. */
int json_append(struct json_object *array, struct json_object *value);

int json_add_string(struct json_object *object, const char *name, const char *value);
int json_add_int(struct json_object *object, const char *name, int64_t value);
int json_add_bool(struct json_object *object, const char *name, bool value);

/* The compact text of an object, owned by the object; NULL if there is no memory for it. */
const char *json_text(struct json_object *object, size_t *ret_length);
