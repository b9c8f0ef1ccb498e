/* SPDX-License-Identifier: MIT */

/* GetStatus and Reload. */

#include "arena.h"
#include "call.h"
#include "cleanup.h"
#include "decode.h"

#include <errno.h>

/* A status and what it is made of; the pointer that goes to the caller is that of the first member.
 */
struct status_box {
	struct subidd_status status;
	struct arena arena;
};

struct status_fields {
	const char *version;
	int64_t started_at;
	struct json_object *pools, *store, *scan, *clients;
};

struct store_fields {
	const char *path;
	int64_t schema, allocations, events, size;
};

struct scan_fields {
	bool blind;
	const char *message;
	int64_t last_at, processes, cost;
};

struct clients_fields {
	int64_t connections, max_connections, refused, calls;
};

static const struct field status_fields[] = {
	FIELD("version", FIELD_STRING, status_fields, version),
	FIELD_NUMBER("startedAt", status_fields, started_at, NUMBER_MAX),
	FIELD("pools", FIELD_ARRAY, status_fields, pools),
	FIELD("store", FIELD_OBJECT, status_fields, store),
	FIELD("scan", FIELD_OBJECT, status_fields, scan, .optional = true),
	FIELD("clients", FIELD_OBJECT, status_fields, clients),
};

static const struct field reload_fields[] = {
	FIELD("pools", FIELD_ARRAY, status_fields, pools),
};

static const struct field store_fields[] = {
	FIELD("path", FIELD_STRING, store_fields, path),
	FIELD_NUMBER("schema", store_fields, schema, NUMBER_MAX),
	FIELD_NUMBER("allocations", store_fields, allocations, NUMBER_MAX),
	FIELD_NUMBER_OR_NULL("events", store_fields, events, NUMBER_MAX),
	FIELD_NUMBER("size", store_fields, size, NUMBER_MAX),
};

static const struct field scan_fields[] = {
	FIELD("blind", FIELD_BOOL, scan_fields, blind),
	FIELD("message", FIELD_STRING, scan_fields, message, .optional = true),
	FIELD_NUMBER_OR_NULL("lastAt", scan_fields, last_at, NUMBER_MAX),
	FIELD_NUMBER("processes", scan_fields, processes, NUMBER_MAX),
	FIELD_NUMBER("cost", scan_fields, cost, NUMBER_MAX),
};

static const struct field clients_fields[] = {
	FIELD_NUMBER("connections", clients_fields, connections, NUMBER_MAX),
	FIELD_NUMBER("maxConnections", clients_fields, max_connections, NUMBER_MAX),
	FIELD_NUMBER("refused", clients_fields, refused, NUMBER_MAX),
	FIELD_NUMBER("calls", clients_fields, calls, NUMBER_MAX),
};

static struct status_box *box_free(struct status_box *box)
{
	if (box)
		arena_done(&box->arena);
	free(box);
	return NULL;
}

DEFINE_CLEANUP(struct status_box *, box_free)

struct subidd_status *subidd_status_free(struct subidd_status *status)
{
	box_free((struct status_box *)status);
	return NULL;
}

static int decode_store(struct json_object *object, struct subidd_status *ret,
			const char **ret_wrong)
{
	struct store_fields raw = {};
	int r;

	r = decode(store_fields, ELEMENTS_OF(store_fields), object, &raw, ret_wrong);
	if (r < 0)
		return r;
	ret->database = raw.path;
	ret->schema = (uint64_t)raw.schema;
	ret->allocations = (uint64_t)raw.allocations;
	ret->events = (uint64_t)raw.events;
	ret->database_size = (uint64_t)raw.size;
	return 0;
}

static int decode_scan(struct json_object *object, struct subidd_status *ret,
		       const char **ret_wrong)
{
	struct scan_fields raw = {};
	int r;

	r = decode(scan_fields, ELEMENTS_OF(scan_fields), object, &raw, ret_wrong);
	if (r < 0)
		return r;
	ret->scan_is_blind = raw.blind;
	ret->scan_message = raw.message;
	ret->scanned_at = (uint64_t)raw.last_at;
	ret->scan_processes = (uint64_t)raw.processes;
	ret->scan_cost = (uint64_t)raw.cost;
	return 0;
}

static int decode_clients(struct json_object *object, struct subidd_status *ret,
			  const char **ret_wrong)
{
	struct clients_fields raw;
	int r;

	r = decode(clients_fields, ELEMENTS_OF(clients_fields), object, &raw, ret_wrong);
	if (r < 0)
		return r;
	ret->connections = (uint64_t)raw.connections;
	ret->max_connections = (uint64_t)raw.max_connections;
	ret->refused = (uint64_t)raw.refused;
	ret->calls = (uint64_t)raw.calls;
	return 0;
}

static int decode_status(const struct call_kind *kind, struct json_object *parameters,
			 struct status_box *box, const char **ret_wrong)
{
	struct status_fields raw = {};
	struct subidd_status *status = &box->status;
	int r;

	r = decode(kind->fields, kind->n_fields, parameters, &raw, ret_wrong);
	if (r == 0)
		r = decode_pools(&box->arena, raw.pools, &status->pools, &status->n_pools,
				 ret_wrong);
	if (r == 0 && raw.store)
		r = decode_store(raw.store, status, ret_wrong);
	if (r == 0 && raw.scan)
		r = decode_scan(raw.scan, status, ret_wrong);
	if (r == 0 && raw.clients)
		r = decode_clients(raw.clients, status, ret_wrong);
	if (r < 0)
		return r;
	status->version = raw.version;
	status->started_at = (uint64_t)raw.started_at;
	return decode_json(parameters, &status->json);
}

static int make_status(const struct subidd_call *call, struct envelope_reply *reply, void **ret,
		       const char **ret_wrong)
{
	_cleanup_(box_freep) struct status_box *box = calloc(1, sizeof(*box));
	int r;

	if (!box)
		return -ENOMEM;
	box->arena.root = take_ptr(reply->root);
	r = decode_status(call->kind, reply->parameters, box, ret_wrong);
	if (r < 0)
		return r;
	*ret = take_ptr(box);
	return 0;
}

static void tell(const struct subidd_call *call, int r, void *status)
{
	call->callback.status(call->client, r, status, call->userdata);
}

static const struct call_kind status_kind = {
	.method = ALLOCATOR_METHOD("GetStatus"),
	.fields = status_fields,
	.n_fields = ELEMENTS_OF(status_fields),
	.decode = make_status,
	.tell = tell,
};

static const struct call_kind reload_kind = {
	.method = ALLOCATOR_METHOD("Reload"),
	.fields = reload_fields,
	.n_fields = ELEMENTS_OF(reload_fields),
	.decode = make_status,
	.tell = tell,
};

static int run(struct subidd_client *client, const struct call_kind *kind,
	       struct subidd_status **ret)
{
	struct subidd_call *call = NULL;
	void *status = NULL;
	int r;

	client_forget(client);
	r = call_new(client, kind, NULL, &call);
	if (r == 0)
		r = call_run(call, &status);
	if (r < 0)
		return r;
	if (ret)
		*ret = status;
	else
		subidd_status_free(status);
	return 0;
}

static int start(struct subidd_client *client, const struct call_kind *kind,
		 subidd_status_callback callback, void *userdata, struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r;

	client_forget(client);
	r = call_new(client, kind, NULL, &call);
	if (r < 0)
		return r;
	return call_start(call, (union call_callback){ .status = callback }, userdata, ret);
}

int subidd_get_status(struct subidd_client *client, struct subidd_status **ret)
{
	return run(client, &status_kind, ret);
}

int subidd_start_get_status(struct subidd_client *client, subidd_status_callback callback,
			    void *userdata, struct subidd_call **ret)
{
	return start(client, &status_kind, callback, userdata, ret);
}

int subidd_reload(struct subidd_client *client, struct subidd_status **ret)
{
	return run(client, &reload_kind, ret);
}

int subidd_start_reload(struct subidd_client *client, subidd_status_callback callback,
			void *userdata, struct subidd_call **ret)
{
	return start(client, &reload_kind, callback, userdata, ret);
}
