/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

/* Without TARGET the value is only looked at. */
typedef bool (*decode_fn)(const struct field *field, enum field_unknown unknown,
			  struct json_object *value, void *target);

/* An item of a list or a map; it is not decoded. */
static bool decode_item(const struct field *item, enum field_unknown unknown,
			struct json_object *value);

static bool decode_string(const struct field *field, enum field_unknown unknown,
			  struct json_object *value, void *target)
{
	const char *text;

	(void)unknown;
	if (!json_object_is_type(value, json_type_string))
		return false;
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return false;
	if (field->is_valid && !field->is_valid(text))
		return false;
	if (target)
		*(const char **)target = text;
	return true;
}

/* What does not fit 64 bits is no json_type_int, see json_parse_object(). */
static bool decode_int(const struct field *field, enum field_unknown unknown,
		       struct json_object *value, void *target)
{
	int64_t number;

	(void)unknown;
	if (!json_object_is_type(value, json_type_int))
		return false;
	number = json_object_get_int64(value);
	if (number < field->min || number > field->max)
		return false;
	if (target)
		*(int64_t *)target = number;
	return true;
}

static bool decode_bool(const struct field *field, enum field_unknown unknown,
			struct json_object *value, void *target)
{
	(void)field;
	(void)unknown;
	if (!json_object_is_type(value, json_type_boolean))
		return false;
	if (target)
		*(bool *)target = json_object_get_boolean(value);
	return true;
}

static bool decode_enum(const struct field *field, enum field_unknown unknown,
			struct json_object *value, void *target)
{
	const char *text;

	if (!decode_string(field, unknown, value, &text))
		return false;
	for (size_t i = 0; i < field->n_names; i++)
		if (strcmp(field->names[i], text) == 0) {
			if (target)
				*(int *)target = (int)i;
			return true;
		}
	return false;
}

static bool decode_object(const struct field *field, enum field_unknown unknown,
			  struct json_object *value, void *target)
{
	(void)field;
	(void)unknown;
	if (!json_object_is_type(value, json_type_object))
		return false;
	if (target)
		*(struct json_object **)target = value;
	return true;
}

static bool decode_array(const struct field *field, enum field_unknown unknown,
			 struct json_object *value, void *target)
{
	(void)field;
	(void)unknown;
	if (!json_object_is_type(value, json_type_array))
		return false;
	if (target)
		*(struct json_object **)target = value;
	return true;
}

static bool decode_strings(const struct field *field, enum field_unknown unknown,
			   struct json_object *value, void *target)
{
	if (!json_object_is_type(value, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(value); i++)
		if (!decode_string(field, unknown, json_object_array_get_idx(value, i), NULL))
			return false;
	if (target)
		*(struct json_object **)target = value;
	return true;
}

static bool decode_float(const struct field *field, enum field_unknown unknown,
			 struct json_object *value, void *target)
{
	double number;

	(void)field;
	(void)unknown;
	if (!json_float(value, &number))
		return false;
	if (target)
		*(double *)target = number;
	return true;
}

static bool decode_struct(const struct field *field, enum field_unknown unknown,
			  struct json_object *value, void *target)
{
	const char *name;

	return json_object_is_type(value, json_type_object) &&
	       fields_decode(field->fields, field->n_fields, unknown, value, target, &name) == 0;
}

static bool decode_list(const struct field *field, enum field_unknown unknown,
			struct json_object *value, void *target)
{
	if (!decode_array(field, unknown, value, target))
		return false;
	for (size_t i = 0; i < json_object_array_length(value); i++)
		if (!decode_item(field->fields, unknown, json_object_array_get_idx(value, i)))
			return false;
	return true;
}

static bool decode_map(const struct field *field, enum field_unknown unknown,
		       struct json_object *value, void *target)
{
	struct json_object_iterator at, end;

	if (!decode_object(field, unknown, value, target))
		return false;
	at = json_object_iter_begin(value);
	end = json_object_iter_end(value);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		if (!decode_item(field->fields, unknown, json_object_iter_peek_value(&at)))
			return false;
	return true;
}

static const decode_fn decoders[] = {
	[FIELD_STRING] = decode_string,	  [FIELD_INT] = decode_int,
	[FIELD_BOOL] = decode_bool,	  [FIELD_ENUM] = decode_enum,
	[FIELD_OBJECT] = decode_object,	  [FIELD_ARRAY] = decode_array,
	[FIELD_STRINGS] = decode_strings, [FIELD_FLOAT] = decode_float,
	[FIELD_STRUCT] = decode_struct,	  [FIELD_LIST] = decode_list,
	[FIELD_MAP] = decode_map,
};
_Static_assert(ELEMENTS_OF(decoders) == N_FIELD_TYPES, "a decoder for each type");

static bool decode_item(const struct field *item, enum field_unknown unknown,
			struct json_object *value)
{
	return value ? decoders[item->type](item, unknown, value, NULL) : item->optional;
}

static const struct field *find_field(const struct field *fields, size_t n_fields, const char *name)
{
	for (size_t i = 0; i < n_fields; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static const char *find_unknown(const struct field *fields, size_t n_fields,
				struct json_object *object)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		if (!find_field(fields, n_fields, json_object_iter_peek_name(&at)))
			return json_object_iter_peek_name(&at);
	return NULL;
}

int fields_decode(const struct field *fields, size_t n_fields, enum field_unknown unknown,
		  struct json_object *object, void *target, const char **ret_name)
{
	if (object && unknown == UNKNOWN_REFUSED) {
		const char *name = find_unknown(fields, n_fields, object);

		if (name) {
			*ret_name = name;
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < n_fields; i++) {
		const struct field *field = &fields[i];
		struct json_object *value = NULL;
		bool ok;

		if (object)
			json_object_object_get_ex(object, field->name, &value);
		ok = value ? decoders[field->type](field, unknown, value,
						   target ? (char *)target + field->offset : NULL)
			   : field->optional;
		if (!ok) {
			*ret_name = field->name;
			return -EINVAL;
		}
		if (value && target && field->has > 0)
			*(bool *)((char *)target + field->has) = true;
	}
	return 0;
}
