/* SPDX-License-Identifier: MIT */

/* Do two values of JSON say the same? json-c's own comparison does not know our numbers. */

#include "certification.h"

#include <string.h>

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

/* Is each member of A in B? */
static bool has_all(struct json_object *a, struct json_object *b)
{
	struct json_object_iterator at = json_object_iter_begin(a), end = json_object_iter_end(a);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		if (!is_same(json_object_iter_peek_value(&at),
			     member(b, json_object_iter_peek_name(&at))))
			return false;
	return true;
}

static bool are_arrays_same(struct json_object *a, struct json_object *b)
{
	size_t n = json_object_array_length(a);

	if (json_object_array_length(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
			return false;
	return true;
}

bool is_same(struct json_object *a, struct json_object *b)
{
	double x, y;

	if (json_float(a, &x) && json_float(b, &y))
		return x == y;
	if (json_object_get_type(a) != json_object_get_type(b))
		return false;
	switch (json_object_get_type(a)) {
	case json_type_null:
		return true;
	case json_type_object:
		return has_all(a, b) && has_all(b, a);
	case json_type_array:
		return are_arrays_same(a, b);
	case json_type_boolean:
		return json_object_get_boolean(a) == json_object_get_boolean(b);
	case json_type_string:
		return json_object_get_string_len(a) == json_object_get_string_len(b) &&
		       strcmp(json_object_get_string(a), json_object_get_string(b)) == 0;
	case json_type_int:
	case json_type_double:
		break;
	}
	return false;
}
