/* SPDX-License-Identifier: MIT */

/*
 * The decoder of parameters, with the tables of all methods. The first byte chooses the method, the
 * rest is the object. What is decoded must be what stands there, and nothing else may be written.
 */

#include "fuzz.h"

#include "call.h"
#include "cleanup.h"
#include "methods.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct varlink_method *choose_method(uint8_t number)
{
	static const struct varlink_service service;
	static struct varlink_interface interfaces[2];
	size_t n;

	interfaces[0] = methods_interface(NULL);
	interfaces[1] = varlink_service_interface(&service);
	n = number % (interfaces[0].n_methods + interfaces[1].n_methods);
	return n < interfaces[0].n_methods ? &interfaces[0].methods[n]
					   : &interfaces[1].methods[n - interfaces[0].n_methods];
}

static void check_string(const struct field *field, struct json_object *value, const char *text)
{
	CHECK(json_object_is_type(value, json_type_string));
	CHECK(strlen(text) == (size_t)json_object_get_string_len(value));
	CHECK(strcmp(text, json_object_get_string(value)) == 0);
	CHECK(!field->is_valid || field->is_valid(text));
}

static void check_int(const struct field *field, struct json_object *value, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	CHECK(json_object_is_type(value, json_type_int));
	CHECK(strcmp(json_object_to_json_string(value), text) == 0);
	CHECK(number >= field->min && number <= field->max);
}

static void check_strings(const struct field *field, struct json_object *value)
{
	CHECK(json_object_is_type(value, json_type_array));
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);

		CHECK(json_object_is_type(item, json_type_string));
		check_string(field, item, json_object_get_string(item));
	}
}

/* Returns the size of the target. */
static size_t check_value(const struct field *field, struct json_object *value, char *target)
{
	switch (field->type) {
	case FIELD_STRING:
		check_string(field, value, *(const char **)target);
		return sizeof(const char *);
	case FIELD_INT:
		check_int(field, value, *(int64_t *)target);
		return sizeof(int64_t);
	case FIELD_BOOL:
		CHECK(json_object_is_type(value, json_type_boolean));
		CHECK(json_object_get_boolean(value) == *(bool *)target);
		return sizeof(bool);
	case FIELD_ENUM:
		CHECK(*(int *)target >= 0 && (size_t) * (int *)target < field->n_names);
		check_string(field, value, field->names[*(int *)target]);
		return sizeof(int);
	case FIELD_STRINGS:
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		if (field->type == FIELD_STRINGS)
			check_strings(field, value);
		CHECK(*(struct json_object **)target == value);
		return sizeof(value);
	case FIELD_FLOAT:
	case FIELD_STRUCT:
	case FIELD_LIST:
	case FIELD_MAP:
	case N_FIELD_TYPES:
		break; /* no method has one */
	}
	abort();
}

/* All fields are as the object says; what no field has written is as it was. */
static void check_decoded(const struct varlink_method *method, struct json_object *object,
			  char *target)
{
	for (size_t i = 0; i < method->n_fields; i++) {
		const struct field *field = &method->fields[i];
		struct json_object *value = NULL;

		json_object_object_get_ex(object, field->name, &value);
		CHECK(value || field->optional);
		if (field->has > 0)
			CHECK(target[field->has] == !!value);
		if (field->has > 0)
			target[field->has] = 0;
		if (value)
			memset(target + field->offset, 0,
			       check_value(field, value, target + field->offset));
	}
	for (size_t i = 0; i < VARLINK_PARAMETERS_MAX; i++)
		CHECK(target[i] == 0);
	json_object_object_foreach(object, name, member) {
		bool is_known = false;

		(void)member;
		for (size_t i = 0; i < method->n_fields; i++)
			is_known |= strcmp(method->fields[i].name, name) == 0;
		CHECK(is_known);
	}
}

static bool is_named(const struct varlink_method *method, struct json_object *object,
		     const char *name)
{
	for (size_t i = 0; i < method->n_fields; i++)
		if (strcmp(method->fields[i].name, name) == 0)
			return true;
	return json_object_object_get_ex(object, name, NULL);
}

static const struct json_limits limits = { MESSAGE_DEPTH_MAX - 1, SIZE_MAX, SIZE_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_(freep) char *target = calloc(1, VARLINK_PARAMETERS_MAX);
	const struct varlink_method *method;
	const char *wrong = NULL;
	int r;

	CHECK(target);
	if (size == 0 || json_parse_object((const char *)data + 1, size - 1, &limits, &object) < 0)
		return 0;
	method = choose_method((uint8_t)(*data - 'a'));
	r = fields_decode(method->fields, method->n_fields, UNKNOWN_REFUSED, object, target,
			  &wrong);
	CHECK(r == 0 || r == -EINVAL);
	if (r == 0)
		check_decoded(method, object, target);
	else
		CHECK(wrong && is_named(method, object, wrong));
	return 0;
}
