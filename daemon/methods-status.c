/* SPDX-License-Identifier: MIT */

/* GetStatus and Reload, and the answers that all methods share. */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"
#include "node/clock.h"

#include <errno.h>
#include <string.h>

struct moment methods_now(void)
{
	struct moment now;

	clock_now(&now);
	return now;
}

/* Take over what a constructor returned: NULL means that there was no memory for it. */
int methods_reply(struct varlink_call *call, struct json_object *parameters)
{
	return parameters ? varlink_reply(call, parameters) : -ENOMEM;
}

int methods_refuse(struct varlink_call *call, const char *error, struct json_object *parameters)
{
	return parameters ? varlink_error(call, error, parameters) : -ENOMEM;
}

const char *methods_store_failed(struct methods *methods, struct json_object **ret_parameters)
{
	*ret_parameters = json_pack(JSON_TEXT("message", allocator_message(methods->allocator)),
				    NULL);
	return ERROR("StoreFailed");
}

int methods_refuse_store(struct methods *methods, struct varlink_call *call)
{
	struct json_object *parameters;
	const char *error = methods_store_failed(methods, &parameters);

	return methods_refuse(call, error, parameters);
}

/* Without an allocator nothing is in use. */
static struct json_object *new_pools(const struct pools *pools, const struct allocator *allocator)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < pools->n_items && list; i++) {
		struct pool_usage usage = {};

		if (allocator)
			usage = allocator_usage(allocator, i, methods_now());
		else
			usage.capacity = usage.free = pool_capacity(&pools->items[i]);
		if (json_append(list, json_new_pool(&pools->items[i], &usage)) < 0)
			return NULL;
	}
	return take_ptr(list);
}

char *methods_describe_pools(const struct pools *pools)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_VALUE("pools", new_pools(pools, NULL)), NULL);
	size_t length;
	const char *text = o ? json_text(o, &length) : NULL;

	return text ? strdup(text) : NULL;
}

static struct json_object *new_store(const struct store_facts *facts)
{
	return json_pack(JSON_TEXT("path", facts->path), JSON_INT("schema", facts->schema),
			 JSON_INT("allocations", facts->n_allocations),
			 JSON_INT("size", facts->size), NULL);
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
	struct allocator *allocator = methods->allocator;
	struct store_facts facts;

	(void)parameters;
	if (allocator_store_facts(allocator, &facts) < 0)
		return methods_refuse_store(methods, call);
	return methods_reply(
		call,
		json_pack(JSON_STRING("version", methods->version),
			  JSON_INT("startedAt", methods->started_at),
			  JSON_VALUE("pools", new_pools(allocator_pools(allocator), allocator)),
			  JSON_VALUE("store", new_store(&facts)),
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
	struct allocator *allocator = methods->allocator;

	return methods_reply(
		call,
		json_pack(JSON_VALUE("pools", new_pools(allocator_pools(allocator), allocator)),
			  NULL));
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
