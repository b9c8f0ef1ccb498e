/* SPDX-License-Identifier: MIT */

/* GetStatus and Reload: how things stand. */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"

#include <errno.h>
#include <string.h>

static struct json_object *new_pools(const struct methods *methods)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();
	const struct pools *pools = allocator_pools(methods->allocator);
	struct moment now = methods_now();

	for (size_t i = 0; i < pools->n_items && list; i++) {
		const struct pool *pool = &pools->items[i];
		struct pool_usage usage = allocator_usage(methods->allocator, i, now);
		const struct findings *runtime = methods->find_runtime(pool->name,
								       methods->userdata);

		if (json_append(list, json_new_pool(pool, &usage, runtime)) < 0)
			return NULL;
	}
	return take_ptr(list);
}

/* Nothing is in use. */
static struct json_object *new_unused_pools(const struct pools *pools)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < pools->n_items && list; i++) {
		uint32_t capacity = pool_capacity(&pools->items[i]);
		struct pool_usage usage = { .capacity = capacity, .free = capacity };

		if (json_append(list, json_new_pool(&pools->items[i], &usage, NULL)) < 0)
			return NULL;
	}
	return take_ptr(list);
}

char *methods_describe_pools(const struct pools *pools)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_VALUE("pools", new_unused_pools(pools)), NULL);
	size_t length;
	const char *text = o ? json_text(o, &length) : NULL;

	return text ? strdup(text) : NULL;
}

static struct json_object *new_store(const struct store_facts *facts)
{
	return json_pack(JSON_TEXT("path", facts->path), JSON_INT("schema", facts->schema),
			 JSON_INT("allocations", facts->n_allocations),
			 JSON_INT("events", facts->n_events), JSON_INT("size", facts->size), NULL);
}

static struct json_object *new_scan(const struct methods *methods)
{
	_cleanup_(json_putp) struct json_object *o = NULL;
	struct methods_scan scan = {};

	methods->describe_scan(&scan, methods->userdata);
	o = json_pack(JSON_BOOL("blind", scan.is_blind), JSON_INT("processes", scan.processes),
		      JSON_INT("cost", scan.cost), NULL);
	if (!o || (scan.message && json_add(o, JSON_TEXT("message", scan.message)) < 0) ||
	    (scan.last_at && json_add_int(o, "lastAt", (int64_t)scan.last_at) < 0))
		return NULL;
	return take_ptr(o);
}

static struct json_object *new_clients(const struct methods *methods)
{
	struct methods_clients clients = {};

	methods->count_clients(&clients, methods->userdata);
	return json_pack(JSON_INT("connections", clients.connections),
			 JSON_INT("maxConnections", clients.max_connections),
			 JSON_INT("refused", clients.refused), JSON_INT("calls", clients.calls),
			 NULL);
}

int methods_handle_status(struct varlink_call *call, const void *parameters, void *userdata)
{
	struct methods *methods = userdata;
	struct store_facts facts;

	(void)parameters;
	if (allocator_store_facts(methods->allocator, &facts) < 0)
		return methods_refuse_store(methods, call);
	return methods_reply(call, json_pack(JSON_STRING("version", methods->version),
					     JSON_INT("startedAt", methods->started_at),
					     JSON_VALUE("pools", new_pools(methods)),
					     JSON_VALUE("store", new_store(&facts)),
					     JSON_VALUE("scan", new_scan(methods)),
					     JSON_VALUE("clients", new_clients(methods)), NULL));
}

int methods_handle_reload(struct varlink_call *call, const void *parameters, void *userdata)
{
	struct methods *methods = userdata;

	(void)parameters;
	return methods->reload(call, methods->userdata);
}

int methods_reply_reload(struct methods *methods, struct varlink_call *call)
{
	return methods_reply(call, json_pack(JSON_VALUE("pools", new_pools(methods)), NULL));
}

int methods_refuse_reload(struct varlink_call *call, const char *message, const char *file,
			  uint32_t line)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(JSON_TEXT("message", message), NULL);

	if (!o || (file && json_add(o, JSON_TEXT("file", file)) < 0) ||
	    (line && json_add_int(o, "line", line) < 0))
		return -ENOMEM;
	return varlink_error(call, ERROR("InvalidConfiguration"), take_ptr(o));
}
