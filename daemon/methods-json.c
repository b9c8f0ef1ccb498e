/* SPDX-License-Identifier: MIT */
#include "methods-json.h"

#include "cleanup.h"
#include "writer.h"

#include <errno.h>

/* Members that are left out where there is nothing to say. */
static int add_number(struct json_object *o, const char *name, uint64_t number)
{
	return number ? json_add_int(o, name, (int64_t)number) : 0;
}

static void write_text(struct json_writer *w, const char *name, const char *text)
{
	if (*text)
		json_write_string(w, name, text);
}

static void write_number(struct json_writer *w, const char *name, uint64_t number)
{
	if (number)
		json_write_int(w, name, (int64_t)number);
}

struct json_object *json_new_allocation(const struct allocation *a)
{
	struct json_writer w;

	json_write_begin(&w);
	json_write_string(&w, "pod", a->pod);
	json_write_string(&w, "pool", a->pool);
	json_write_int(&w, "start", a->range.start);
	json_write_int(&w, "count", a->range.count);
	json_write_string(&w, "state", allocation_state_names[a->state]);
	json_write_string(&w, "origin", allocation_origin_names[a->origin]);
	json_write_bool(&w, "inPool", a->in_pool);
	json_write_int(&w, "clientUid", a->client_uid);
	json_write_int(&w, "createdAt", (int64_t)a->created_at);
	write_text(&w, "namespace", a->namespace);
	write_text(&w, "name", a->name);
	write_number(&w, "pid", a->process.pid);
	if (a->state != ALLOCATION_ACTIVE)
		json_write_int(&w, "releasedAt", (int64_t)a->released_at);
	return json_write_end(&w, false);
}

static struct json_object *new_mappings(const struct allocation *a)
{
	struct json_writer w;

	json_write_begin(&w);
	json_write_int(&w, "containerID", 0);
	json_write_int(&w, "hostID", a->range.start);
	json_write_int(&w, "size", a->range.count);
	return json_write_end(&w, true);
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

struct json_object *json_new_event(const struct event *e)
{
	struct json_writer w;

	json_write_begin(&w);
	json_write_int(&w, "sequence", (int64_t)e->sequence);
	json_write_int(&w, "time", (int64_t)e->time);
	json_write_string(&w, "kind", event_kind_names[e->kind]);
	write_text(&w, "pod", e->pod);
	write_text(&w, "pool", e->pool);
	write_number(&w, "start", e->range.start);
	write_number(&w, "count", e->range.count);
	write_text(&w, "namespace", e->namespace);
	write_text(&w, "name", e->name);
	if (e->has_client) {
		json_write_int(&w, "clientUid", e->client_uid);
		json_write_int(&w, "clientPid", e->client_pid);
	}
	write_number(&w, "pid", e->pid);
	write_text(&w, "otherPod", e->other_pod);
	if (event_cause_names[e->cause])
		json_write_string(&w, "cause", event_cause_names[e->cause]);
	return json_write_end(&w, false);
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
