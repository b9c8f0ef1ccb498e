/* SPDX-License-Identifier: MIT */

/* Allocate, Release, Get, Bind and Lookup. */

#include "arena.h"
#include "cleanup.h"
#include "client.h"
#include "decode.h"

#include <errno.h>
#include <string.h>

/* A result and what it is made of; the pointer that goes to the caller is that of the first member.
 */
struct result_box {
	struct subidd_result result;
	struct subidd_allocation allocation;
	struct arena arena;
};

/* What the replies are decoded into. */
struct result_fields {
	struct json_object *allocation, *uid_mappings, *gid_mappings;
	int outcome;
	bool released;
	int64_t container_id;
};

static const struct field allocate_fields[] = {
	FIELD("allocation", FIELD_OBJECT, result_fields, allocation),
	FIELD("uidMappings", FIELD_ARRAY, result_fields, uid_mappings),
	FIELD("gidMappings", FIELD_ARRAY, result_fields, gid_mappings),
	FIELD_NAME_OF("outcome", result_fields, outcome, outcome_names),
};

static const struct field get_fields[] = {
	FIELD("allocation", FIELD_OBJECT, result_fields, allocation),
	FIELD("uidMappings", FIELD_ARRAY, result_fields, uid_mappings),
	FIELD("gidMappings", FIELD_ARRAY, result_fields, gid_mappings),
};

static const struct field release_fields[] = {
	FIELD("released", FIELD_BOOL, result_fields, released),
	FIELD("allocation", FIELD_OBJECT, result_fields, allocation, .optional = true),
};

static const struct field bind_fields[] = {
	FIELD("allocation", FIELD_OBJECT, result_fields, allocation),
};

static const struct field lookup_fields[] = {
	FIELD("allocation", FIELD_OBJECT, result_fields, allocation),
	FIELD_NUMBER("containerID", result_fields, container_id, ID_MAX),
};

/* A method with such an answer: its name and the fields of its replies. */
struct method {
	const char *name;
	const struct field *fields;
	size_t n_fields;
};

#define METHOD(name, fields)                                                                       \
	{                                                                                          \
		ALLOCATOR_METHOD(name), fields, ELEMENTS_OF(fields)                                \
	}

static const struct method allocate_method = METHOD("Allocate", allocate_fields);
static const struct method release_method = METHOD("Release", release_fields);
static const struct method get_method = METHOD("Get", get_fields);
static const struct method bind_method = METHOD("Bind", bind_fields);
static const struct method lookup_method = METHOD("Lookup", lookup_fields);

static struct result_box *box_free(struct result_box *box)
{
	if (box)
		arena_done(&box->arena);
	free(box);
	return NULL;
}

DEFINE_CLEANUP(struct result_box *, box_free)
DEFINE_CLEANUP(struct subidd_result *, subidd_result_free)

struct subidd_result *subidd_result_free(struct subidd_result *result)
{
	box_free((struct result_box *)result);
	return NULL;
}

static int decode_both_mappings(struct result_box *box, const struct result_fields *raw,
				const char **ret_wrong)
{
	struct subidd_result *result = &box->result;
	int r;

	if (!raw->uid_mappings)
		return 0;
	r = decode_mappings(&box->arena, raw->uid_mappings, "uidMappings", &box->allocation,
			    &result->uid_mappings, &result->n_uid_mappings, ret_wrong);
	if (r < 0)
		return r;
	return decode_mappings(&box->arena, raw->gid_mappings, "gidMappings", &box->allocation,
			       &result->gid_mappings, &result->n_gid_mappings, ret_wrong);
}

static int decode_result(const struct method *method, struct json_object *parameters,
			 struct result_box *box, const char **ret_wrong)
{
	struct result_fields raw = { .outcome = SUBIDD_OUTCOME_NONE };
	int r;

	r = decode(method->fields, method->n_fields, parameters, &raw, ret_wrong);
	if (r < 0)
		return r;
	if (raw.allocation) {
		r = decode_allocation(raw.allocation, &box->allocation, ret_wrong);
		if (r < 0)
			return r;
		box->result.allocation = &box->allocation;
		r = decode_both_mappings(box, &raw, ret_wrong);
		if (r < 0)
			return r;
	}
	box->result.outcome = (enum subidd_outcome)raw.outcome;
	box->result.released = raw.released;
	box->result.container_id = (uint32_t)raw.container_id;
	return decode_json(parameters, &box->result.json);
}

static int call(struct subidd_client *client, const struct method *method,
		struct json_object *parameters, struct subidd_result **ret)
{
	_cleanup_(box_freep) struct result_box *box = NULL;
	struct envelope_reply reply;
	const char *wrong = NULL;
	int r;

	box = calloc(1, sizeof(*box));
	if (!box)
		return client_fail_plain(client, -ENOMEM);
	r = client_call(client, method->name, parameters, &reply);
	if (r < 0)
		return r;
	box->arena.root = reply.root;
	r = decode_result(method, reply.parameters, box, &wrong);
	if (r < 0)
		return client_undecodable(client, r, wrong);
	*ret = (struct subidd_result *)take_ptr(box);
	return 0;
}

/* Calls a method about one pod; PARAMETERS are those besides it. */
static int call_for_pod(struct subidd_client *client, const struct method *method, const char *pod,
			struct json_object *parameters, struct subidd_result **ret)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	int r;

	if (!pod)
		return client_fail(client, -EINVAL, "pod is missing");
	r = client_add_string(client, parameters, "pod", pod);
	if (r < 0)
		return r;
	r = call(client, method, parameters, &result);
	if (r < 0)
		return r;
	if (result->allocation && strcmp(result->allocation->pod, pod) != 0)
		return client_undecodable(client, -EPROTO, "pod");
	if (ret)
		*ret = take_ptr(result);
	return 0;
}

static int add_request(struct subidd_client *client, const struct subidd_request *request,
		       struct json_object *parameters)
{
	int r;

	r = client_add_string(client, parameters, "pool", request->pool);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "count", request->count);
	if (r == 0)
		r = client_add_string(client, parameters, "namespace", request->pod_namespace);
	if (r == 0)
		r = client_add_string(client, parameters, "name", request->pod_name);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "pid", request->pid);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "start", request->start);
	return r;
}

int subidd_allocate(struct subidd_client *client, const struct subidd_request *request, size_t size,
		    struct subidd_result **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	struct subidd_request known;
	int r;

	r = client_begin(client);
	if (r == 0)
		r = client_copy(client, request, size, &known, sizeof(known));
	if (r == 0)
		r = client_new_parameters(client, &parameters);
	if (r == 0)
		r = add_request(client, &known, parameters);
	if (r == 0)
		r = call_for_pod(client, &allocate_method, known.pod, parameters, ret);
	return r;
}

/* A call that has no parameter but the pod. */
static int simple_call(struct subidd_client *client, const struct method *method, const char *pod,
		       struct subidd_result **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client);
	if (r == 0)
		r = client_new_parameters(client, &parameters);
	if (r == 0)
		r = call_for_pod(client, method, pod, parameters, ret);
	return r;
}

int subidd_release(struct subidd_client *client, const char *pod, struct subidd_result **ret)
{
	return simple_call(client, &release_method, pod, ret);
}

int subidd_get(struct subidd_client *client, const char *pod, struct subidd_result **ret)
{
	return simple_call(client, &get_method, pod, ret);
}

int subidd_bind(struct subidd_client *client, const char *pod, uint64_t pid,
		struct subidd_result **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client);
	if (r == 0)
		r = client_new_parameters(client, &parameters);
	if (r == 0)
		r = client_add_int(client, parameters, "pid", pid);
	if (r == 0)
		r = call_for_pod(client, &bind_method, pod, parameters, ret);
	return r;
}

int subidd_lookup_at(struct subidd_client *client, uint32_t id, uint64_t at,
		     struct subidd_result **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	int r;

	r = client_begin(client);
	if (r == 0)
		r = client_new_parameters(client, &parameters);
	if (r == 0)
		r = client_add_int(client, parameters, "id", id);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "at", at);
	if (r == 0)
		r = call(client, &lookup_method, parameters, &result);
	if (r != 0)
		return r;
	if (result->container_id >= result->allocation->count ||
	    result->allocation->start + result->container_id != id)
		return client_undecodable(client, -EPROTO, "containerID");
	*ret = take_ptr(result);
	return 0;
}

int subidd_lookup(struct subidd_client *client, uint32_t id, struct subidd_result **ret)
{
	return subidd_lookup_at(client, id, 0, ret);
}
