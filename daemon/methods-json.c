/* SPDX-License-Identifier: MIT */
#include "methods-json.h"

#include "cleanup.h"

#include <errno.h>

struct json_object *json_new_allocation(const struct allocation *a)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_STRING("pod", a->pod), JSON_STRING("pool", a->pool),
		JSON_INT("start", a->range.start), JSON_INT("count", a->range.count),
		JSON_STRING("state", allocation_state_names[a->state]),
		JSON_STRING("origin", allocation_origin_names[a->origin]),
		JSON_BOOL("inPool", a->in_pool), JSON_INT("clientUid", a->client_uid),
		JSON_INT("createdAt", a->created_at), NULL);

	if (!o || (*a->namespace && json_add_string(o, "namespace", a->namespace) < 0) ||
	    (*a->name && json_add_string(o, "name", a->name) < 0) ||
	    (a->state != ALLOCATION_ACTIVE &&
	     json_add_int(o, "releasedAt", (int64_t)a->released_at) < 0))
		return NULL;
	return take_ptr(o);
}

static struct json_object *new_mappings(const struct allocation *a)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array_ext(1);
	struct json_object *mapping = json_pack(JSON_INT("containerID", 0),
						JSON_INT("hostID", a->range.start),
						JSON_INT("size", a->range.count), NULL);

	if (!list) {
		json_object_put(mapping);
		return NULL;
	}
	return json_append(list, mapping) < 0 ? NULL : take_ptr(list);
}

struct json_object *json_new_mapped(const struct allocation *a)
{
	return json_pack(JSON_VALUE("allocation", json_new_allocation(a)),
			 JSON_VALUE("uidMappings", new_mappings(a)),
			 JSON_VALUE("gidMappings", new_mappings(a)), NULL);
}

static struct json_object *new_finding(const struct finding *finding)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_STRING("rule", finding_rule_name(finding->rule)),
		JSON_STRING("level", finding_level_name(finding->level)),
		JSON_TEXT("message", finding->message), NULL);

	if (!o || (finding->file && json_add(o, JSON_TEXT("file", finding->file)) < 0) ||
	    (finding->line && json_add_int(o, "line", finding->line) < 0))
		return NULL;
	return take_ptr(o);
}

static struct json_object *new_findings(const struct findings *findings)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < findings->n_items && list; i++)
		if (json_append(list, new_finding(&findings->items[i])) < 0)
			return NULL;
	return take_ptr(list);
}

struct json_object *json_new_pool(const struct pool *pool, const struct pool_usage *usage)
{
	return json_pack(JSON_STRING("name", pool->name), JSON_TEXT("owner", pool->owner),
			 JSON_BOOL("valid", pool->valid), JSON_INT("start", pool->range.start),
			 JSON_INT("count", pool->range.count), JSON_INT("unit", pool->unit),
			 JSON_INT("maxPods", pool->max_pods), JSON_INT("capacity", usage->capacity),
			 JSON_INT("active", usage->active), JSON_INT("draining", usage->draining),
			 JSON_INT("released", usage->released), JSON_INT("foreign", usage->foreign),
			 JSON_INT("free", usage->free), JSON_INT("outside", usage->n_outside),
			 JSON_VALUE("findings", new_findings(&pool->findings)), NULL);
}
