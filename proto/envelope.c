/* SPDX-License-Identifier: MIT */
#include "envelope.h"

#include "cleanup.h"
#include "fields.h"

#include <errno.h>
#include <string.h>

static const struct field call_fields[] = {
	{ "method", FIELD_STRING, .offset = offsetof(struct envelope_call, method) },
	{ "parameters", FIELD_OBJECT, true, offsetof(struct envelope_call, parameters) },
	{ "oneway", FIELD_BOOL, true, offsetof(struct envelope_call, oneway) },
	{ "more", FIELD_BOOL, true, offsetof(struct envelope_call, more) },
	{ "upgrade", FIELD_BOOL, true, offsetof(struct envelope_call, upgrade) },
};

static const struct field reply_fields[] = {
	{ "error", FIELD_STRING, true, offsetof(struct envelope_reply, error) },
	{ "parameters", FIELD_OBJECT, true, offsetof(struct envelope_reply, parameters) },
	{ "continues", FIELD_BOOL, true, offsetof(struct envelope_reply, continues) },
};

/*
 * A member that no table names must have a dot in its name: a vendor's extension, to be ignored.
 * Of the others only the parameters may be null.
 */
static bool member_ok(const struct field *fields, size_t n_fields, const char *name,
		      struct json_object *value)
{
	for (size_t i = 0; i < n_fields; i++)
		if (strcmp(fields[i].name, name) == 0)
			return value || fields[i].type == FIELD_OBJECT;
	return strchr(name, '.');
}

static bool members_ok(const struct field *fields, size_t n_fields, struct json_object *object)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		if (!member_ok(fields, n_fields, json_object_iter_peek_name(&at),
			       json_object_iter_peek_value(&at)))
			return false;
	return true;
}

static int parse(const char *text, size_t length, const struct json_limits *limits,
		 const struct field *fields, size_t n_fields, struct json_object **ret_root,
		 void *target)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	const char *name;
	int r;

	r = json_parse_object(text, length, limits, &root);
	if (r < 0)
		return r;
	if (!members_ok(fields, n_fields, root))
		return -EBADMSG;
	if (fields_decode(fields, n_fields, UNKNOWN_IGNORED, root, target, &name) < 0)
		return -EBADMSG;
	*ret_root = take_ptr(root);
	return 0;
}

int envelope_call_parse(const char *text, size_t length, const struct json_limits *limits,
			struct envelope_call *ret)
{
	_cleanup_(envelope_call_done) struct envelope_call call = {};
	int r;

	r = parse(text, length, limits, call_fields, ELEMENTS_OF(call_fields), &call.root, &call);
	if (r < 0)
		return r;
	if (call.oneway + call.more + call.upgrade > 1)
		return -EBADMSG;
	*ret = call;
	call.root = NULL;
	return 0;
}

int envelope_reply_parse(const char *text, size_t length, const struct json_limits *limits,
			 struct envelope_reply *ret)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	int r;

	r = parse(text, length, limits, reply_fields, ELEMENTS_OF(reply_fields), &reply.root,
		  &reply);
	if (r < 0)
		return r;
	if (reply.error && reply.continues)
		return -EBADMSG;
	*ret = reply;
	reply.root = NULL;
	return 0;
}

void envelope_call_done(struct envelope_call *call)
{
	json_object_put(call->root);
	*call = (struct envelope_call){};
}

void envelope_reply_done(struct envelope_reply *reply)
{
	json_object_put(reply->root);
	*reply = (struct envelope_reply){};
}

/* A new object with PARAMETERS, which it takes over, unless there is nothing in them. */
static struct json_object *build(struct json_object *parameters)
{
	_cleanup_(json_putp) struct json_object *taken = parameters;
	_cleanup_(json_putp) struct json_object *root = json_object_new_object();

	if (!root)
		return NULL;
	if (taken && json_object_object_length(taken) > 0 &&
	    json_add(root, "parameters", take_ptr(taken)) < 0)
		return NULL;
	return take_ptr(root);
}

struct json_object *envelope_call_build(const char *method, struct json_object *parameters,
					bool more)
{
	_cleanup_(json_putp) struct json_object *root = build(parameters);

	if (!root || json_add_string(root, "method", method) < 0)
		return NULL;
	if (more && json_add_bool(root, "more", true) < 0)
		return NULL;
	return take_ptr(root);
}

struct json_object *envelope_reply_build(struct json_object *parameters, bool continues)
{
	_cleanup_(json_putp) struct json_object *root = build(parameters);

	if (!root || (continues && json_add_bool(root, "continues", true) < 0))
		return NULL;
	return take_ptr(root);
}

struct json_object *envelope_error_build(const char *error, struct json_object *parameters)
{
	_cleanup_(json_putp) struct json_object *root = build(parameters);

	if (!root || json_add_string(root, "error", error) < 0)
		return NULL;
	return take_ptr(root);
}
