/* SPDX-License-Identifier: MIT */

/*
 * Replies of a daemon as the libsubid module reads them, without json-c: what it takes out of one,
 * json-c finds there as well, and nothing is read behind the end.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "json.h"
#include "subid-reply.h"

#include <string.h>

#define POD "pod-1"

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	CHECK(json_object_is_type(object, json_type_object));
	CHECK(json_object_object_get_ex(object, name, &value));
	return value;
}

static void check_range(struct json_object *object, struct id_range range)
{
	CHECK(id_range_valid(range));
	CHECK(json_object_get_int64(member(object, "start")) == range.start);
	CHECK(json_object_get_int64(member(object, "count")) == range.count);
}

static void check_string(struct json_object *object, const char *name, const char *text)
{
	struct json_object *value = member(object, name);

	CHECK(json_object_is_type(value, json_type_string));
	CHECK(strcmp(json_object_get_string(value), text) == 0);
}

static void check_pools(struct json_object *parameters, const struct reply_pools *pools)
{
	struct json_object *array = member(parameters, "pools");

	CHECK(json_object_array_length(array) == pools->n_items);
	for (size_t i = 0; i < pools->n_items; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		check_string(object, "owner", pools->items[i].owner);
		CHECK(json_object_get_boolean(member(object, "valid")) == pools->items[i].valid);
		if (pools->items[i].valid)
			check_range(object, pools->items[i].range);
	}
}

static void check_pod(struct json_object *parameters, struct id_range range)
{
	struct json_object *allocation = member(parameters, "allocation");

	check_string(allocation, "pod", POD);
	check_string(allocation, "state", "active");
	check_range(allocation, range);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_limits limits = json_depth(REPLY_DEPTH_MAX);
	_cleanup_(freep) struct reply_pools *pools = calloc(1, sizeof(*pools));
	_cleanup_(freep) char *copy = copy_of(data, size, COPY_AS_IT_IS);
	_cleanup_(json_putp) struct json_object *reply = NULL;
	int got_pools, got_pod, r;
	struct id_range range;

	CHECK(pools);
	got_pools = reply_read_pools(copy, size, pools);
	got_pod = reply_read_pod(copy, size, POD, &range);
	r = json_parse_object(copy, size, &limits, &reply);
	if (r < 0) /* a member that comes twice is only seen where it is looked for */
		return 0;
	if (got_pools == 0)
		check_pools(member(reply, "parameters"), pools);
	if (got_pod == 1)
		check_pod(member(reply, "parameters"), range);
	return 0;
}
