/* SPDX-License-Identifier: MIT */
#include "methods.h"

#include "cleanup.h"
#include "interfaces.h"
#include "methods-json.h"
#include "methods-private.h"
#include "node/process.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct pod_parameters {
	const char *pod;
};

static const struct field pod_fields[] = {
	{ "pod", FIELD_STRING, .offset = offsetof(struct pod_parameters, pod),
	  .is_valid = pod_key_valid },
};

/* Which process is meant; -ESRCH if there is none that the daemon can see. */
static int identify(int64_t pid, struct process *ret)
{
	int r = process_identify((uint32_t)pid, ret);

	return r == -EPERM ? -ESRCH : r;
}

/* The same with its maps. */
static int identify_mapped(int64_t pid, struct process *ret, struct idmap ret_maps[2])
{
	struct process process;
	int r = identify(pid, &process);

	if (r == 0)
		r = process_read_maps(&process, ret_maps);
	if (r == 0)
		*ret = process;
	return r == -EPERM ? -ESRCH : r;
}

/* R is what identify() returned; there is no answer to what is the daemon's own trouble. */
static int refuse_process(struct varlink_call *call, int64_t pid, int r)
{
	return r == -ESRCH ? methods_refuse(call, ERROR("NoSuchProcess"),
					    json_pack(JSON_INT("pid", pid), NULL))
			   : r;
}

struct allocate_parameters {
	const char *pod, *pool, *namespace, *name;
	int64_t count, pid, start;
};

static const struct field allocate_fields[] = {
	{ "pod", FIELD_STRING, .offset = offsetof(struct allocate_parameters, pod),
	  .is_valid = pod_key_valid },
	{ "pool", FIELD_STRING, true, offsetof(struct allocate_parameters, pool) },
	{ "count", FIELD_INT, true, offsetof(struct allocate_parameters, count), 1, UINT32_MAX },
	{ "namespace", FIELD_STRING, true, offsetof(struct allocate_parameters, namespace),
	  .is_valid = label_valid },
	{ "name", FIELD_STRING, true, offsetof(struct allocate_parameters, name),
	  .is_valid = label_valid },
	{ "pid", FIELD_INT, true, offsetof(struct allocate_parameters, pid), 1, INT32_MAX },
	{ "start", FIELD_INT, true, offsetof(struct allocate_parameters, start), 1, UINT32_MAX },
};

/* The message names the place, as the error's parameters do not. */
static struct json_object *new_invalid_pool(const struct refusal *refusal)
{
	_cleanup_(freep) char *message = NULL;

	if (finding_describe(refusal->finding, &message) < 0)
		return NULL;
	return json_pack(JSON_STRING("pool", refusal->pool),
			 JSON_STRING("rule", finding_rule_name(refusal->finding->rule)),
			 JSON_TEXT("message", message), NULL);
}

static struct json_object *new_exhausted(const struct refusal *refusal)
{
	return json_pack(JSON_STRING("pool", refusal->pool),
			 JSON_INT("capacity", refusal->usage.capacity),
			 JSON_INT("active", refusal->usage.active),
			 JSON_INT("draining", refusal->usage.draining),
			 JSON_INT("waiting", refusal->usage.waiting),
			 JSON_INT("foreign", refusal->usage.foreign), NULL);
}

static struct json_object *new_range_taken(const struct refusal *refusal)
{
	_cleanup_(json_putp) struct json_object *o = json_pack(
		JSON_INT("start", refusal->range.start), JSON_INT("count", refusal->range.count),
		NULL);

	if (!o || (*refusal->pod && json_add_string(o, "pod", refusal->pod) < 0) ||
	    (refusal->pid && json_add_int(o, "pid", refusal->pid) < 0))
		return NULL;
	return take_ptr(o);
}

/* A name that no pool has can be longer than what the refusal holds of it. */
static int refuse_allocate(struct varlink_call *call, const struct allocate_parameters *p,
			   enum allocator_error error, const struct refusal *refusal)
{
	switch (error) {
	case ALLOCATOR_E_NO_SUCH_POOL:
		return methods_refuse_pool(call, p->pool ? p->pool : refusal->pool);
	case ALLOCATOR_E_POOL_NEEDED:
	case ALLOCATOR_E_POOL_MISMATCH:
		return varlink_invalid_parameter(call, "pool");
	case ALLOCATOR_E_INVALID_POOL:
		return methods_refuse(call, ERROR("InvalidPool"), new_invalid_pool(refusal));
	case ALLOCATOR_E_BAD_COUNT:
		return varlink_invalid_parameter(call, "count");
	case ALLOCATOR_E_COUNT_MISMATCH:
		return methods_refuse(call, ERROR("CountMismatch"),
				      json_pack(JSON_STRING("pod", p->pod),
						JSON_INT("have", refusal->have),
						JSON_INT("want", refusal->want), NULL));
	case ALLOCATOR_E_EXHAUSTED:
		return methods_refuse(call, ERROR("PoolExhausted"), new_exhausted(refusal));
	case ALLOCATOR_E_QUOTA:
		return methods_refuse(call, ERROR("QuotaExceeded"),
				      json_pack(JSON_INT("limit", refusal->limit), NULL));
	case ALLOCATOR_E_NOT_OWNER:
		return varlink_error(call, "org.varlink.service.PermissionDenied", NULL);
	case ALLOCATOR_E_KUBELET:
		return methods_refuse(call, ERROR("OwnedByKubelet"),
				      json_pack(JSON_STRING("pod", p->pod), NULL));
	case ALLOCATOR_E_BAD_START:
		return varlink_invalid_parameter(call, "start");
	case ALLOCATOR_E_RANGE_MISMATCH:
		return methods_refuse(call, ERROR("RangeMismatch"),
				      json_pack(JSON_STRING("pod", p->pod),
						JSON_INT("start", refusal->range.start),
						JSON_INT("count", refusal->range.count), NULL));
	case ALLOCATOR_E_RANGE_TAKEN:
		return methods_refuse(call, ERROR("RangeTaken"), new_range_taken(refusal));
	case ALLOCATOR_E_NOT_FOUND:
	case ALLOCATOR_E_CONFLICT:
		break;
	}
	return -EPROTO;
}

static int handle_allocate(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct allocate_parameters *p = parameters;
	struct methods *methods = userdata;
	struct allocate_request request = {
		.pod = p->pod,
		.pool = p->pool,
		.namespace = p->namespace,
		.name = p->name,
		.count = (uint32_t)p->count,
		.start = (uint32_t)p->start,
		.by = methods_requester(call),
		.now = methods_now(),
	};
	_cleanup_(json_putp) struct json_object *o = NULL;
	struct allocation allocation;
	enum allocate_outcome outcome;
	struct process process;
	struct idmap maps[2];
	struct refusal refusal;
	int r = 0;

	if (p->start && varlink_call_access(call) < ACCESS_ROOT)
		return varlink_error(call, "org.varlink.service.PermissionDenied", NULL);
	if (p->pid)
		r = p->start ? identify_mapped(p->pid, &process, maps) : identify(p->pid, &process);
	if (r < 0)
		return refuse_process(call, p->pid, r);
	request.process = p->pid ? &process : NULL;
	request.maps = p->pid && p->start ? maps : NULL;
	r = allocator_allocate(methods->allocator, &request, &allocation, &outcome, &refusal);
	if (r < 0)
		return methods_refuse_store(methods, call);
	if (r > 0)
		return refuse_allocate(call, p, (enum allocator_error)r, &refusal);
	o = json_new_mapped(&allocation);
	if (!o || json_add_string(o, "outcome", allocate_outcome_names[outcome]) < 0)
		return -ENOMEM;
	return varlink_reply(call, take_ptr(o));
}

static int handle_release(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct pod_parameters *p = parameters;
	struct methods *methods = userdata;
	struct allocation allocation;
	bool released;
	int r = allocator_release(methods->allocator, p->pod, methods_requester(call),
				  methods_now(), &allocation, &released);

	if (r == ALLOCATOR_E_NOT_FOUND)
		return methods_reply(call, json_pack(JSON_BOOL("released", false), NULL));
	if (r != 0)
		return methods_refuse_pod(methods, call, p->pod, r);
	return methods_reply(
		call, json_pack(JSON_BOOL("released", released),
				JSON_VALUE("allocation", json_new_allocation(&allocation)), NULL));
}

static int handle_get(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct pod_parameters *p = parameters;
	struct methods *methods = userdata;
	struct allocation allocation;
	int r = allocator_get(methods->allocator, p->pod, &allocation);

	if (r != 0)
		return methods_refuse_pod(methods, call, p->pod, r);
	return methods_reply(call, json_new_mapped(&allocation));
}

struct bind_parameters {
	const char *pod;
	int64_t pid;
};

static const struct field bind_fields[] = {
	{ "pod", FIELD_STRING, .offset = offsetof(struct bind_parameters, pod),
	  .is_valid = pod_key_valid },
	{ "pid", FIELD_INT, false, offsetof(struct bind_parameters, pid), 1, INT32_MAX },
};

static int handle_bind(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct bind_parameters *p = parameters;
	struct methods *methods = userdata;
	struct allocation allocation;
	struct process process;
	int r = identify(p->pid, &process);

	if (r < 0)
		return refuse_process(call, p->pid, r);
	r = allocator_bind(methods->allocator, p->pod, &process, methods_requester(call),
			   methods_now(), &allocation);
	if (r != 0)
		return methods_refuse_pod(methods, call, p->pod, r);
	return methods_reply(
		call, json_pack(JSON_VALUE("allocation", json_new_allocation(&allocation)), NULL));
}

struct lookup_parameters {
	int64_t id, at;
	bool has_at;
};

static const struct field lookup_fields[] = {
	{ "id", FIELD_INT, false, offsetof(struct lookup_parameters, id), 0, UINT32_MAX },
	{ "at", FIELD_INT, true, offsetof(struct lookup_parameters, at), 0, TIME_MAX,
	  .has = offsetof(struct lookup_parameters, has_at) },
};

static int handle_lookup(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct lookup_parameters *p = parameters;
	struct methods *methods = userdata;
	struct allocation allocation;
	uint32_t id = (uint32_t)p->id;
	int r = p->has_at
			? allocator_lookup_at(methods->allocator, id, (uint64_t)p->at, &allocation)
			: allocator_lookup(methods->allocator, id, &allocation);

	if (r < 0)
		return methods_refuse_store(methods, call);
	if (r > 0)
		return methods_refuse(call, ERROR("NoSuchAllocation"),
				      json_pack(JSON_INT("id", p->id), NULL));
	return methods_reply(
		call, json_pack(JSON_VALUE("allocation", json_new_allocation(&allocation)),
				JSON_INT("containerID", p->id - allocation.range.start), NULL));
}

_Static_assert(sizeof(struct allocate_parameters) <= VARLINK_PARAMETERS_MAX,
	       "the largest of the structs of parameters");

static const struct varlink_method methods[] = {
	{ "Allocate", ACCESS_WRITER, false, allocate_fields, ELEMENTS_OF(allocate_fields),
	  handle_allocate },
	{ "Release", ACCESS_WRITER, false, pod_fields, ELEMENTS_OF(pod_fields), handle_release },
	{ "Get", ACCESS_READER, false, pod_fields, ELEMENTS_OF(pod_fields), handle_get },
	{ "List", ACCESS_READER, true, methods_list_fields, N_LIST_FIELDS, methods_handle_list },
	{ "Lookup", ACCESS_READER, false, lookup_fields, ELEMENTS_OF(lookup_fields),
	  handle_lookup },
	{ "Bind", ACCESS_WRITER, false, bind_fields, ELEMENTS_OF(bind_fields), handle_bind },
	{ "Reconcile", ACCESS_WRITER, false, methods_reconcile_fields, N_RECONCILE_FIELDS,
	  methods_handle_reconcile },
	{ "ListForeign", ACCESS_READER, true, methods_foreign_fields, N_FOREIGN_FIELDS,
	  methods_handle_foreign },
	{ "History", ACCESS_READER, true, methods_history_fields, N_HISTORY_FIELDS,
	  methods_handle_history },
	{ "Monitor", ACCESS_READER, true, .handle = methods_handle_monitor },
	{ "GetStatus", ACCESS_READER, .handle = methods_handle_status },
	{ "Backup", ACCESS_ROOT, true, .handle = methods_handle_backup },
	{ "Reload", ACCESS_ROOT, .handle = methods_handle_reload },
};

struct varlink_interface methods_interface(struct methods *userdata)
{
	return (struct varlink_interface){
		.name = "io.subidd.Allocator",
		.description = allocator_interface_description,
		.methods = methods,
		.n_methods = ELEMENTS_OF(methods),
		.userdata = userdata,
	};
}
