/* SPDX-License-Identifier: MIT */
#include "certification.h"

#include "cleanup.h"
#include "envelope.h"

#include <math.h>
#include <string.h>

static const char *const choices[] = { "one", "two", "three" };
static const char *const foos[] = { "foo", "bar", "baz" };

static const struct field string_item = { .type = FIELD_STRING };
static const struct field empty_item = { .type = FIELD_STRUCT };
static const struct field foo_item = { .type = FIELD_ENUM,
				       .names = foos,
				       .n_names = ELEMENTS_OF(foos) };
static const struct field foos_item = { .type = FIELD_MAP, .optional = true, .fields = &foo_item };

/* A row of a table: what follows are more designators. */
#define ROW(json_name, field_type, target, member, ...)                                            \
	{                                                                                          \
		.name = json_name, .type = field_type, .offset = offsetof(struct target, member),  \
		__VA_ARGS__                                                                        \
	}
#define ANY .min = INT64_MIN, .max = INT64_MAX
#define TABLE(rows) .fields = (rows), .n_fields = ELEMENTS_OF(rows)

static const struct field tuple_fields[] = {
	ROW("bool", FIELD_BOOL, tuple, flag),
	ROW("int", FIELD_INT, tuple, number, ANY),
	ROW("float", FIELD_FLOAT, tuple, real),
	ROW("string", FIELD_STRING, tuple, text),
};

static const struct field pair_fields[] = {
	ROW("first", FIELD_INT, pair, first, ANY),
	ROW("second", FIELD_STRING, pair, second),
};

static const struct field pair_item = { .type = FIELD_STRUCT, TABLE(pair_fields) };

static const struct field anonymous_fields[] = {
	ROW("foo", FIELD_BOOL, anonymous, foo),
	ROW("bar", FIELD_BOOL, anonymous, bar),
};

static const struct field nested_fields[] = {
	ROW("foo", FIELD_LIST, nested, foo, .optional = true, .fields = &foos_item),
	ROW("anon", FIELD_STRUCT, nested, anonymous, TABLE(anonymous_fields)),
};

static const struct field mytype_fields[] = {
	ROW("object", FIELD_OBJECT, mytype, object),
	ROW("enum", FIELD_ENUM, mytype, choice, .names = choices, .n_names = ELEMENTS_OF(choices)),
	ROW("struct", FIELD_STRUCT, mytype, pair, TABLE(pair_fields)),
	ROW("array", FIELD_STRINGS, mytype, array),
	ROW("dictionary", FIELD_MAP, mytype, dictionary, .fields = &string_item),
	ROW("stringset", FIELD_MAP, mytype, stringset, .fields = &empty_item),
	ROW("nullable", FIELD_STRING, mytype, nullable, .optional = true),
	ROW("nullable_array_struct", FIELD_LIST, mytype, nullable_array_struct, .optional = true,
	    .fields = &pair_item),
	ROW("interface", FIELD_STRUCT, mytype, nested, TABLE(nested_fields)),
};

/* The parameters, of which those behind the identifier are the answer of the step before. */
#define ID ROW("client_id", FIELD_STRING, values, client_id)
#define BOOL ROW("bool", FIELD_BOOL, values, plain.flag)
#define INT ROW("int", FIELD_INT, values, plain.number, ANY)
#define FLOAT ROW("float", FIELD_FLOAT, values, plain.real)
#define STRING ROW("string", FIELD_STRING, values, plain.text)

static const struct field id_fields[] = { ID };
static const struct field bool_fields[] = { ID, BOOL };
static const struct field int_fields[] = { ID, INT };
static const struct field float_fields[] = { ID, FLOAT };
static const struct field string_fields[] = { ID, STRING };
static const struct field all_fields[] = { ID, BOOL, INT, FLOAT, STRING };
static const struct field struct_fields[] = {
	ID,
	ROW("struct", FIELD_STRUCT, values, inner, TABLE(tuple_fields)),
};
static const struct field map_fields[] = {
	ID,
	ROW("map", FIELD_MAP, values, map, .fields = &string_item),
};
static const struct field set_fields[] = {
	ID,
	ROW("set", FIELD_MAP, values, set, .fields = &empty_item),
};
static const struct field mytype_field[] = {
	ID,
	ROW("mytype", FIELD_STRUCT, values, mytype, TABLE(mytype_fields)),
};
static const struct field replies_fields[] = {
	ID,
	ROW("last_more_replies", FIELD_STRINGS, values, replies),
};
static const struct field end_fields[] = { ROW("all_ok", FIELD_BOOL, values, all_ok) };

static struct json_object *make_bool(void)
{
	return json_pack(JSON_BOOL("bool", true), NULL);
}

static struct json_object *make_int(void)
{
	return json_pack(JSON_INT("int", 1), NULL);
}

static struct json_object *make_float(void)
{
	return json_pack(JSON_FLOAT("float", 1), NULL);
}

static struct json_object *make_string(void)
{
	return json_pack(JSON_STRING("string", "ping"), NULL);
}

static struct json_object *make_all(void)
{
	return json_pack(JSON_BOOL("bool", false), JSON_INT("int", 2), JSON_FLOAT("float", M_PI),
			 JSON_STRING("string", "a lot of string"), NULL);
}

static struct json_object *make_struct(void)
{
	return json_pack(JSON_VALUE("struct", make_all()), NULL);
}

static struct json_object *make_dictionary(void)
{
	return json_pack(JSON_STRING("foo", "Foo"), JSON_STRING("bar", "Bar"), NULL);
}

static struct json_object *make_map(void)
{
	return json_pack(JSON_VALUE("map", make_dictionary()), NULL);
}

static struct json_object *make_stringset(void)
{
	return json_pack(JSON_VALUE("one", json_object_new_object()),
			 JSON_VALUE("two", json_object_new_object()),
			 JSON_VALUE("three", json_object_new_object()), NULL);
}

static struct json_object *make_set(void)
{
	return json_pack(JSON_VALUE("set", make_stringset()), NULL);
}

/* Null is no value of json-c's that could be appended by json_append(). */
static struct json_object *make_foos(void)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();

	if (!array || json_object_array_add(array, NULL) < 0 ||
	    json_append(array, json_pack(JSON_STRING("foo", "foo"), JSON_STRING("bar", "bar"),
					 NULL)) < 0 ||
	    json_object_array_add(array, NULL) < 0 ||
	    json_append(array,
			json_pack(JSON_STRING("one", "foo"), JSON_STRING("two", "bar"), NULL)) < 0)
		return NULL;
	return take_ptr(array);
}

static struct json_object *make_array(void)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < ELEMENTS_OF(choices); i++)
		if (!array || json_append(array, json_object_new_string(choices[i])) < 0)
			return NULL;
	return take_ptr(array);
}

static struct json_object *make_nested(void)
{
	return json_pack(JSON_VALUE("foo", make_foos()),
			 JSON_VALUE("anon", json_pack(JSON_BOOL("foo", true),
						      JSON_BOOL("bar", false), NULL)),
			 NULL);
}

static struct json_object *make_mytype(void)
{
	struct json_object *object = json_pack(JSON_STRING("method", CERTIFICATION ".Test09"),
					       JSON_VALUE("parameters", make_map()), NULL);

	return json_pack(JSON_VALUE("object", object), JSON_STRING("enum", "two"),
			 JSON_VALUE("struct", json_pack(JSON_INT("first", 1),
							JSON_STRING("second", "2"), NULL)),
			 JSON_VALUE("array", make_array()),
			 JSON_VALUE("dictionary", make_dictionary()),
			 JSON_VALUE("stringset", make_stringset()),
			 JSON_VALUE("interface", make_nested()), NULL);
}

static struct json_object *make_answer_mytype(void)
{
	return json_pack(JSON_VALUE("mytype", make_mytype()), NULL);
}

void make_reply_text(unsigned int number, char ret[REPLY_SIZE])
{
	snprintf(ret, REPLY_SIZE, "Reply number %u", number);
}

static struct json_object *make_replies(void)
{
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	char text[REPLY_SIZE];

	for (unsigned int i = 1; i <= N_REPLIES; i++) {
		make_reply_text(i, text);
		if (!array || json_append(array, json_object_new_string(text)) < 0)
			return NULL;
	}
	return json_pack(JSON_VALUE("last_more_replies", take_ptr(array)), NULL);
}

static struct json_object *make_end(void)
{
	return json_pack(JSON_BOOL("all_ok", true), NULL);
}

#define IN(rows) .fields = (rows), .n_fields = ELEMENTS_OF(rows)
/* All of a table but the identifier. */
#define OUT(rows) .reply_fields = (rows) + 1, .n_reply_fields = ELEMENTS_OF(rows) - 1

const struct step steps[N_STEPS] = {
	{ "Start", .reply_fields = id_fields, .n_reply_fields = ELEMENTS_OF(id_fields) },
	{ "Test01", IN(id_fields), OUT(bool_fields), .make_answer = make_bool },
	{ "Test02", IN(bool_fields), OUT(int_fields), .make_answer = make_int },
	{ "Test03", IN(int_fields), OUT(float_fields), .make_answer = make_float },
	{ "Test04", IN(float_fields), OUT(string_fields), .make_answer = make_string },
	{ "Test05", IN(string_fields), OUT(all_fields), .make_answer = make_all },
	{ "Test06", IN(all_fields), OUT(struct_fields), .make_answer = make_struct },
	{ "Test07", IN(struct_fields), OUT(map_fields), .make_answer = make_map },
	{ "Test08", IN(map_fields), OUT(set_fields), .make_answer = make_set },
	{ "Test09", IN(set_fields), OUT(mytype_field), .make_answer = make_answer_mytype },
	{ "Test10", STEP_MORE, IN(mytype_field), OUT(string_fields), .make_answer = make_replies },
	{ "Test11", STEP_ONEWAY, IN(replies_fields) },
	{ "End", IN(id_fields), .reply_fields = end_fields,
	  .n_reply_fields = ELEMENTS_OF(end_fields), .make_answer = make_end },
};

const struct step *const step_start = &steps[0], *const step_test10 = &steps[N_STEPS - 3],
			 *const step_end = &steps[N_STEPS - 1];

const struct step *find_step(const char *method)
{
	const char *dot = strrchr(method, '.');

	for (size_t i = 0; dot && i < N_STEPS; i++)
		if (strcmp(steps[i].name, dot + 1) == 0)
			return &steps[i];
	return NULL;
}

/* The identifier and the members of ANSWER that are parameters of the step. */
static struct json_object *make_parameters(const struct step *step, const char *client_id,
					   struct json_object *answer)
{
	_cleanup_(json_putp) struct json_object *parameters = json_object_new_object();

	if (!parameters)
		return NULL;
	for (size_t i = 0; i < step->n_fields; i++) {
		const char *name = step->fields[i].name;
		struct json_object *value = NULL;

		if (i == 0)
			value = json_object_new_string(client_id);
		else if (answer && json_object_object_get_ex(answer, name, &value))
			json_object_get(value);
		if (json_add(parameters, name, value) < 0)
			return NULL;
	}
	return take_ptr(parameters);
}

struct json_object *make_call(const struct step *step, const char *client_id,
			      struct json_object *answer)
{
	_cleanup_(json_putp) struct json_object *taken = answer, *call = NULL;
	struct json_object *parameters = make_parameters(step, client_id, taken);
	char method[64];

	snprintf(method, sizeof(method), CERTIFICATION ".%s", step->name);
	call = parameters ? envelope_call_build(method, parameters, step->flag == STEP_MORE) : NULL;
	if (!call || (step->flag == STEP_ONEWAY && json_add_bool(call, "oneway", true) < 0))
		return NULL;
	return take_ptr(call);
}
