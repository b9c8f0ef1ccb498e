/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include "cleanup.h"

#include <errno.h>

int decode(const struct field *fields, size_t n_fields, struct json_object *object, void *target,
	   const char **ret_wrong)
{
	if (fields_decode(fields, n_fields, UNKNOWN_IGNORED, object, target, ret_wrong) < 0)
		return -EPROTO;
	return 0;
}

int decode_json(struct json_object *object, const char **ret)
{
	const char *text = object ? json_text(object, &(size_t){ 0 }) : "{}";

	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

/* A refusal: says which field is wrong. */
static int wrong(const char *name, const char **ret_wrong)
{
	*ret_wrong = name;
	return -EPROTO;
}

int decode_range(int64_t start, int64_t count, const char **ret_wrong)
{
	if (start < 0)
		return wrong("start", ret_wrong);
	if (count <= 0 || count > (int64_t)UINT32_MAX - start)
		return wrong("count", ret_wrong);
	return 0;
}

struct allocation_fields {
	struct subidd_allocation allocation; /* what needs no conversion */
	int64_t start, count, client_uid, created_at, released_at, pid;
	int state, origin;
};

static const struct field allocation_fields[] = {
	FIELD("pod", FIELD_STRING, allocation_fields, allocation.pod),
	FIELD("pool", FIELD_STRING, allocation_fields, allocation.pool),
	FIELD_NUMBER("start", allocation_fields, start, ID_MAX),
	FIELD_NUMBER("count", allocation_fields, count, ID_MAX),
	FIELD_NAME_OF("state", allocation_fields, state, state_names),
	FIELD_NAME_OF("origin", allocation_fields, origin, origin_names),
	FIELD("inPool", FIELD_BOOL, allocation_fields, allocation.in_pool),
	FIELD("namespace", FIELD_STRING, allocation_fields, allocation.pod_namespace,
	      .optional = true),
	FIELD("name", FIELD_STRING, allocation_fields, allocation.pod_name, .optional = true),
	FIELD_NUMBER("clientUid", allocation_fields, client_uid, ID_MAX),
	FIELD_NUMBER("createdAt", allocation_fields, created_at, NUMBER_MAX),
	FIELD_NUMBER_OR_NULL("releasedAt", allocation_fields, released_at, NUMBER_MAX),
	FIELD_NUMBER_OR_NULL("pid", allocation_fields, pid, PID_MAX),
};

int decode_allocation(struct json_object *object, struct subidd_allocation *ret,
		      const char **ret_wrong)
{
	struct allocation_fields raw = {};
	int r;

	r = decode(allocation_fields, ELEMENTS_OF(allocation_fields), object, &raw, ret_wrong);
	if (r == 0)
		r = decode_range(raw.start, raw.count, ret_wrong);
	if (r == 0)
		r = decode_json(object, &raw.allocation.json);
	if (r < 0)
		return r;
	*ret = raw.allocation;
	ret->start = (uint32_t)raw.start;
	ret->count = (uint32_t)raw.count;
	ret->state = (enum subidd_state)raw.state;
	ret->origin = (enum subidd_origin)raw.origin;
	ret->client_uid = (uint32_t)raw.client_uid;
	ret->created_at = (uint64_t)raw.created_at;
	ret->released_at = (uint64_t)raw.released_at;
	ret->pid = (uint32_t)raw.pid;
	return 0;
}

struct mapping_fields {
	int64_t container_id, host_id, size;
};

static const struct field mapping_fields[] = {
	FIELD_NUMBER("containerID", mapping_fields, container_id, ID_MAX),
	FIELD_NUMBER("hostID", mapping_fields, host_id, ID_MAX),
	FIELD_NUMBER("size", mapping_fields, size, ID_MAX),
};

/* Reads one mapping, which must go on where DONE IDs of the allocation are mapped. */
static int decode_mapping(struct json_object *object, const struct subidd_allocation *allocation,
			  uint32_t done, struct subidd_mapping *ret, const char **ret_wrong)
{
	struct mapping_fields raw;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return -EPROTO;
	r = decode(mapping_fields, ELEMENTS_OF(mapping_fields), object, &raw, ret_wrong);
	if (r < 0)
		return r;
	if (raw.container_id != done)
		return wrong("containerID", ret_wrong);
	if (raw.host_id != (int64_t)allocation->start + done)
		return wrong("hostID", ret_wrong);
	if (raw.size == 0 || raw.size > allocation->count - done)
		return wrong("size", ret_wrong);
	*ret = (struct subidd_mapping){ (uint32_t)raw.container_id, (uint32_t)raw.host_id,
					(uint32_t)raw.size };
	return 0;
}

int decode_mappings(struct arena *arena, struct json_object *array, const char *name,
		    const struct subidd_allocation *allocation, const struct subidd_mapping **ret,
		    size_t *ret_n, const char **ret_wrong)
{
	size_t n = json_object_array_length(array);
	struct subidd_mapping *mappings;
	uint32_t done = 0;
	int r;

	mappings = arena_alloc(arena, n, sizeof(*mappings));
	if (!mappings)
		return -ENOMEM;
	*ret_wrong = name;
	for (size_t i = 0; i < n; i++) {
		r = decode_mapping(json_object_array_get_idx(array, i), allocation, done,
				   &mappings[i], ret_wrong);
		if (r < 0)
			return r;
		done += mappings[i].size;
	}
	if (done != allocation->count)
		return -EPROTO;
	*ret = mappings;
	*ret_n = n;
	return 0;
}
