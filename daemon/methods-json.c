/* SPDX-License-Identifier: MIT */
#include "methods-json.h"

#include "cleanup.h"

#include <errno.h>

/* Members that are left out where there is nothing to say. */
static int add_text(struct json_object *o, const char *name, const char *text)
{
	return *text ? json_add_string(o, name, text) : 0;
}

static int add_number(struct json_object *o, const char *name, uint64_t number)
{
	return number ? json_add_int(o, name, (int64_t)number) : 0;
}

struct json_object *json_new_allocation(const struct allocation *a)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_STRING("pod", a->pod), JSON_STRING("pool", a->pool),
		JSON_INT("start", a->range.start), JSON_INT("count", a->range.count),
		JSON_STRING("state", allocation_state_names[a->state]),
		JSON_STRING("origin", allocation_origin_names[a->origin]),
		JSON_BOOL("inPool", a->in_pool), JSON_INT("clientUid", a->client_uid),
		JSON_INT("createdAt", a->created_at), NULL);

	if (!o || add_text(o, "namespace", a->namespace) < 0 || add_text(o, "name", a->name) < 0 ||
	    add_number(o, "pid", a->process.pid) < 0 ||
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
	    add_number(o, "line", finding->line) < 0)
		return NULL;
	return take_ptr(o);
}

static int append_findings(struct json_object *list, const struct findings *findings,
			   enum finding_level level)
{
	int r = 0;

	for (size_t i = 0; i < findings->n_items && r == 0; i++)
		if (findings->items[i].level == level)
			r = json_append(list, new_finding(&findings->items[i]));
	return r;
}

static struct json_object *new_findings(const struct findings *own, const struct findings *runtime)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();

	for (int level = 0; level < N_LEVELS && list; level++)
		if (append_findings(list, own, (enum finding_level)level) < 0 ||
		    (runtime && append_findings(list, runtime, (enum finding_level)level) < 0))
			return NULL;
	return take_ptr(list);
}

struct json_object *json_new_pool(const struct pool *pool, const struct pool_usage *usage,
				  const struct findings *runtime)
{
	return json_pack(JSON_STRING("name", pool->name), JSON_TEXT("owner", pool->owner),
			 JSON_BOOL("valid", pool->valid), JSON_INT("start", pool->range.start),
			 JSON_INT("count", pool->range.count), JSON_INT("unit", pool->unit),
			 JSON_INT("maxPods", pool->max_pods), JSON_INT("capacity", usage->capacity),
			 JSON_INT("active", usage->active), JSON_INT("draining", usage->draining),
			 JSON_INT("released", usage->released), JSON_INT("waiting", usage->waiting),
			 JSON_INT("foreign", usage->foreign), JSON_INT("free", usage->free),
			 JSON_INT("outside", usage->n_outside),
			 JSON_VALUE("findings", new_findings(&pool->findings, runtime)), NULL);
}

static int add_client(struct json_object *o, const struct event *e)
{
	int r = json_add_int(o, "clientUid", e->client_uid);

	return r < 0 ? r : json_add_int(o, "clientPid", e->client_pid);
}

struct json_object *json_new_event(const struct event *e)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_INT("sequence", e->sequence), JSON_INT("time", e->time),
		JSON_STRING("kind", event_kind_names[e->kind]), NULL);
	const char *cause = event_cause_names[e->cause];

	if (!o || add_text(o, "pod", e->pod) < 0 || add_text(o, "pool", e->pool) < 0 ||
	    add_number(o, "start", e->range.start) < 0 ||
	    add_number(o, "count", e->range.count) < 0 ||
	    add_text(o, "namespace", e->namespace) < 0 || add_text(o, "name", e->name) < 0 ||
	    (e->has_client && add_client(o, e) < 0) || add_number(o, "pid", e->pid) < 0 ||
	    add_text(o, "otherPod", e->other_pod) < 0 ||
	    (cause && json_add_string(o, "cause", cause) < 0))
		return NULL;
	return take_ptr(o);
}

struct json_object *json_new_foreign(const char *pool, const struct claim *claim)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_STRING("pool", pool), JSON_INT("start", claim->range.start),
		JSON_INT("count", claim->range.count), NULL);

	if (!o || add_number(o, "pid", claim->pid) < 0 ||
	    (*claim->command && json_add(o, JSON_TEXT("command", claim->command)) < 0))
		return NULL;
	return take_ptr(o);
}
