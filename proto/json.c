/* SPDX-License-Identifier: MIT */
#include "json.h"

#include "cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* The name is neither looked for nor copied. */
#define NEW_CONSTANT_KEY (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)

int json_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add_ex(object, name, value, NEW_CONSTANT_KEY) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

struct json_object *json_pack(const char *name, ...)
{
	_cleanup_(json_putp) struct json_object *object = json_object_new_object();
	bool ok = object;
	va_list arguments;

	va_start(arguments, name);
	for (; name; name = va_arg(arguments, const char *)) {
		struct json_object *value = va_arg(arguments, struct json_object *);

		if (!object)
			json_object_put(value);
		else if (json_add(object, name, value) < 0)
			ok = false;
	}
	va_end(arguments);
	return ok ? take_ptr(object) : NULL;
}

struct json_object *json_new_text(const char *text)
{
	_cleanup_(freep) char *copy = strdup(text);
	char *at = copy;

	while (at && *at) {
		size_t n = utf8_sequence(at, strlen(at));

		if (n == 0)
			*at = '?';
		at += n ? n : 1;
	}
	return copy ? json_object_new_string(copy) : NULL;
}

int json_append(struct json_object *array, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_array_add(array, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

int json_add_string(struct json_object *object, const char *name, const char *value)
{
	return json_add(object, name, json_object_new_string(value));
}

int json_add_int(struct json_object *object, const char *name, int64_t value)
{
	return json_add(object, name, json_object_new_int64(value));
}

int json_add_bool(struct json_object *object, const char *name, bool value)
{
	return json_add(object, name, json_object_new_boolean(value));
}
