/* SPDX-License-Identifier: MIT */

/*
 * Objects of json-c from a text that json_scan() has found to be good: so nothing is checked here
 * that was checked there. json-c's own parser looks at all of it once more, sets a locale for each
 * text, and crashes where it gets no memory for a member's name.
 */

#include "json.h"

#include "cleanup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct parser {
	char *at; /* in a copy of the text, ended by a NUL: strings are decoded where they stand */
	int error;
};

static void skip_space(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n')
		p->at++;
}

/* Steps over one byte, and the spaces before it, if it is the one that is wanted. */
static bool take(struct parser *p, char wanted)
{
	skip_space(p);
	if (*p->at != wanted)
		return false;
	p->at++;
	return true;
}

static uint32_t take_hex4(struct parser *p)
{
	uint32_t value = 0;

	for (char *end = p->at + 4; p->at < end; p->at++)
		value = value << 4 |
			(uint32_t)(*p->at <= '9' ? *p->at - '0' : (*p->at | 0x20) - 'a' + 10);
	return value;
}

/* The code point of an escape behind \u, as UTF-8. Returns where the next byte goes. */
static char *take_code_point(struct parser *p, char *to)
{
	uint32_t c = take_hex4(p);

	if (c >= 0xd800 && c <= 0xdfff) {
		p->at += 2;
		c = 0x10000 + ((c - 0xd800) << 10) + (take_hex4(p) - 0xdc00);
	}
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

static char *take_escape(struct parser *p, char *to)
{
	static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	char c = *p->at++;
	const char *letter = strchr(letters, c);

	if (c == 'u')
		return take_code_point(p, to);
	if (letter)
		c = meanings[letter - letters];
	*to++ = c;
	return to;
}

/* The string behind a quote that was taken. */
static char *take_string(struct parser *p, size_t *ret_length)
{
	char *string = p->at, *to = p->at;

	while (*p->at != '"') {
		if (*p->at != '\\') {
			*to++ = *p->at++;
			continue;
		}
		p->at++;
		to = take_escape(p, to);
	}
	p->at++;
	*to = 0;
	*ret_length = (size_t)(to - string);
	return string;
}

/* What is no integer, or one of more than 64 bits, is kept as it is written. */
static struct json_object *parse_number(struct parser *p)
{
	char *text = p->at, *end = text, *stop, behind;
	struct json_object *value;
	long long number;

	while ((*end >= '0' && *end <= '9') || *end == '-' || *end == '+' || *end == '.' ||
	       (*end | 0x20) == 'e')
		end++;
	behind = *end;
	*end = 0;
	errno = 0;
	number = strtoll(text, &stop, 10);
	if (stop == end && errno == 0)
		value = json_object_new_int64(number);
	else
		value = json_object_new_double_s(0, text);
	*end = behind;
	p->at = end;
	return value;
}

static struct json_object *parse_string(struct parser *p)
{
	size_t length;
	const char *string = take_string(p, &length);

	return json_object_new_string_len(string, (int)length);
}

static struct json_object *parse_value(struct parser *p);

static struct json_object *parse_array(struct parser *p)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();

	if (take(p, ']'))
		return take_ptr(array);
	do {
		struct json_object *value = parse_value(p);

		if (p->error == 0 && (!array || json_object_array_add(array, value) < 0))
			p->error = -ENOMEM;
		if (p->error < 0) {
			json_object_put(value);
			return NULL;
		}
	} while (take(p, ','));
	p->at++;
	return take_ptr(array);
}

static void parse_member(struct parser *p, struct json_object *object)
{
	struct json_object *value;
	const char *name;
	size_t length;

	take(p, '"');
	name = take_string(p, &length);
	take(p, ':');
	value = parse_value(p);
	if (p->error == 0 && !object)
		p->error = -ENOMEM;
	if (p->error == 0 && json_object_object_get_ex(object, name, NULL))
		p->error = -EBADMSG;
	if (p->error == 0 &&
	    json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0)
		p->error = -ENOMEM;
	if (p->error < 0)
		json_object_put(value);
}

static struct json_object *parse_object(struct parser *p)
{
	_cleanup_(json_putp) struct json_object *object = json_object_new_object();

	if (take(p, '}'))
		return take_ptr(object);
	do
		parse_member(p, object);
	while (p->error == 0 && take(p, ','));
	p->at++;
	return p->error < 0 ? NULL : take_ptr(object);
}

/* NULL is null, which stands for an error as well once p->error is set. */
static struct json_object *parse_value(struct parser *p)
{
	struct json_object *value;

	skip_space(p);
	switch (*p->at) {
	case '{':
		p->at++;
		value = parse_object(p);
		break;
	case '[':
		p->at++;
		value = parse_array(p);
		break;
	case '"':
		p->at++;
		value = parse_string(p);
		break;
	case 't':
		p->at += strlen("true");
		value = json_object_new_boolean(true);
		break;
	case 'f':
		p->at += strlen("false");
		value = json_object_new_boolean(false);
		break;
	case 'n':
		p->at += strlen("null");
		return NULL;
	default:
		value = parse_number(p);
	}
	if (!value && p->error == 0)
		p->error = -ENOMEM;
	return value;
}

int json_parse_object(const char *text, size_t length, const struct json_limits *limits,
		      struct json_object **ret)
{
	_cleanup_(freep) char *copy = NULL;
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct parser parser = {};

	if (length > INT_MAX || !json_scan(text, length, limits))
		return -EBADMSG;
	copy = malloc(length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	copy[length] = 0;
	parser.at = copy;
	value = parse_value(&parser);
	if (parser.error < 0)
		return parser.error;
	if (!json_object_is_type(value, json_type_object))
		return -EBADMSG;
	*ret = take_ptr(value);
	return 0;
}
