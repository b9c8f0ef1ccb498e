/* SPDX-License-Identifier: MIT */

/* The answers of Allocate, Release, Get, Bind and Lookup. */

#include "result.h"

#include "arena.h"
#include "cleanup.h"
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

static struct result_box *box_free(struct result_box *box)
{
	if (box)
		arena_done(&box->arena);
	free(box);
	return NULL;
}

DEFINE_CLEANUP(struct result_box *, box_free)

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

static int decode_result(const struct call_kind *kind, struct json_object *parameters,
			 struct result_box *box, const char **ret_wrong)
{
	struct result_fields raw = { .outcome = SUBIDD_OUTCOME_NONE };
	int r;

	r = decode(kind->fields, kind->n_fields, parameters, &raw, ret_wrong);
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

/* Is the answer about what was asked? */
static int check_subject(const struct subidd_call *call, const struct subidd_result *result,
			 const char **ret_wrong)
{
	const struct subidd_allocation *allocation = result->allocation;

	*ret_wrong = "pod";
	if (call->pod)
		return allocation && strcmp(allocation->pod, call->pod) != 0 ? -EPROTO : 0;
	*ret_wrong = "containerID";
	return result->container_id >= allocation->count ||
			       allocation->start + result->container_id != call->id
		       ? -EPROTO
		       : 0;
}

static int make_result(const struct subidd_call *call, struct envelope_reply *reply, void **ret,
		       const char **ret_wrong)
{
	_cleanup_(box_freep) struct result_box *box = calloc(1, sizeof(*box));
	int r;

	if (!box)
		return -ENOMEM;
	box->arena.root = take_ptr(reply->root);
	r = decode_result(call->kind, reply->parameters, box, ret_wrong);
	if (r == 0)
		r = check_subject(call, &box->result, ret_wrong);
	if (r < 0)
		return r;
	*ret = take_ptr(box);
	return 0;
}

static void tell(const struct subidd_call *call, int r, void *result)
{
	call->callback.result(call->client, r, result, call->userdata);
}

#define KIND(name, its_fields)                                                                     \
	{                                                                                          \
		.method = ALLOCATOR_METHOD(name), .fields = (its_fields),                          \
		.n_fields = ELEMENTS_OF(its_fields), .decode = make_result, .tell = tell,          \
	}

const struct call_kind allocate_kind = KIND("Allocate", allocate_fields);
const struct call_kind release_kind = KIND("Release", release_fields);
const struct call_kind get_kind = KIND("Get", get_fields);
const struct call_kind bind_kind = KIND("Bind", bind_fields);
const struct call_kind lookup_kind = KIND("Lookup", lookup_fields);
