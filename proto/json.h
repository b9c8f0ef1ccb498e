/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Strict JSON on top of json-c's values.
 *
 * json-c 0.16 accepts more than RFC 8259 even when told to be strict (duplicate keys, single
 * quotes, NaN, raw control characters, lone surrogates, overlong UTF-8), and does not survive a
 * lack of memory in its parser and printer, so texts are scanned, parsed and printed here.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void json_putp(struct json_object **object)
{
	json_object_put(*object);
}

/*
 * What a text may hold, counted before any of it is made: an empty object of two bytes takes 790 of
 * memory in json-c, an empty array 150, an empty string 90.
 */
struct json_limits {
	unsigned int depth; /* arrays and objects in each other */
	size_t containers;  /* arrays and objects in all */
	size_t values;	    /* in all; a member of an object counts as one more */
};

/* Nothing but the depth. */
static inline struct json_limits json_depth(unsigned int depth)
{
	return (struct json_limits){ .depth = depth, .containers = SIZE_MAX, .values = SIZE_MAX };
}

/*
 * Is TEXT one JSON value within the limits, in valid UTF-8, without a NUL in a member name? Never
 * recurses deeper than the limit and allocates nothing.
 */
bool json_scan(const char *text, size_t length, const struct json_limits *limits);

/*
 * Length in bytes of the UTF-8 sequence that begins TEXT, of which LENGTH bytes (at least one) can
 * be read; 0 if it is not well-formed: overlong, a surrogate, or past U+10FFFF (RFC 3629).
 */
size_t utf8_sequence(const char *text, size_t length);

/* Is all of TEXT valid UTF-8? */
bool utf8_valid(const char *text, size_t length);

/*
 * Parses one JSON object. Integers of 64 bits are json_type_int, all other numbers json_type_double
 * with the text that they have. Returns 0 and hands the object over in *ret; -EBADMSG if it is not
 * strict JSON, no object, over a limit or has a member twice; -ENOMEM.
 */
int json_parse_object(const char *text, size_t length, const struct json_limits *limits,
		      struct json_object **ret);

/*
 * Adds a member and takes over VALUE in every case. Returns 0, or -ENOMEM, also if VALUE is NULL,
 * so that the result of a constructor can be passed on unchecked.
 */
int json_add(struct json_object *object, const char *name, struct json_object *value);

/*
 * A new object of pairs of a name and a value, with NULL at the end. Takes the values over in every
 * case. NULL if there is no memory, also if one of the values is NULL, so that the results of
 * constructors can be passed on unchecked.
 */
struct json_object *json_pack(const char *name, ...) __attribute__((sentinel));

/* A string of text that may not be UTF-8 (a path, a line of a file): other bytes become "?". */
struct json_object *json_new_text(const char *text);

/*
 * The double that is nearest to a number, whatever the locale. False if VALUE is none, or one that
 * is too large.
 */
bool json_float(struct json_object *value, double *ret);

/*
 * A number of 15 digits, or of as many as json_float() needs to make VALUE of it again, always with
 * a point or an exponent. VALUE must be finite. NULL if there is no memory.
 */
struct json_object *json_new_float(double value);

/* Pairs for json_pack(). */
#define JSON_STRING(name, value) name, json_object_new_string(value)
#define JSON_TEXT(name, value) name, json_new_text(value)
#define JSON_INT(name, value) name, json_object_new_int64((int64_t)(value))
#define JSON_BOOL(name, value) name, json_object_new_boolean(value)
#define JSON_FLOAT(name, value) name, json_new_float(value)
#define JSON_VALUE(name, value) name, (value)

/* Adds an element at the end of an array, as json_add() adds a member. */
int json_append(struct json_object *array, struct json_object *value);

int json_add_string(struct json_object *object, const char *name, const char *value);
int json_add_int(struct json_object *object, const char *name, int64_t value);
int json_add_bool(struct json_object *object, const char *name, bool value);

/*
 * The compact text of an object, which the object owns until it is asked for it again; NULL if
 * there is no memory for all of it.
 */
const char *json_text(struct json_object *object, size_t *ret_length);
