/* SPDX-License-Identifier: MIT */

/* Allocate, Release, Get, Bind and Lookup. */

#include "cleanup.h"
#include "result.h"

#include <errno.h>
#include <string.h>

/* Makes a call about one pod; PARAMETERS are those besides it. */
static int prepare_for_pod(struct subidd_client *client, const struct call_kind *kind,
			   const char *pod, struct json_object *parameters,
			   struct subidd_call **ret)
{
	_cleanup_(call_freep) struct subidd_call *call = NULL;
	int r;

	if (!pod)
		return client_fail(client, -EINVAL, "pod is missing");
	r = client_add_string(client, parameters, "pod", pod);
	if (r == 0)
		r = call_new(client, kind, parameters, &call);
	if (r != 0)
		return r;
	call->pod = strdup(pod);
	if (!call->pod)
		return client_fail_plain(client, -ENOMEM);
	*ret = take_ptr(call);
	return 0;
}

static int add_request(struct subidd_client *client, const struct subidd_request *request,
		       struct json_object *parameters)
{
	int r;

	r = client_add_string(client, parameters, "pool", request->pool);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "count", request->count);
	if (r == 0)
		r = client_add_string(client, parameters, "namespace", request->pod_namespace);
	if (r == 0)
		r = client_add_string(client, parameters, "name", request->pod_name);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "pid", request->pid);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "start", request->start);
	return r;
}

static int prepare_allocate(struct subidd_client *client, const struct subidd_request *request,
			    size_t size, struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	struct subidd_request known;
	int r;

	r = client_begin(client, &parameters);
	if (r == 0)
		r = client_copy(client, request, size, &known, sizeof(known));
	if (r == 0)
		r = add_request(client, &known, parameters);
	if (r == 0)
		r = prepare_for_pod(client, &allocate_kind, known.pod, parameters, ret);
	return r;
}

/* A call that has no parameter but the pod. */
static int prepare_simple(struct subidd_client *client, const struct call_kind *kind,
			  const char *pod, struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client, &parameters);
	return r < 0 ? r : prepare_for_pod(client, kind, pod, parameters, ret);
}

static int prepare_bind(struct subidd_client *client, const char *pod, uint64_t pid,
			struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client, &parameters);
	if (r == 0)
		r = client_add_int(client, parameters, "pid", pid);
	return r < 0 ? r : prepare_for_pod(client, &bind_kind, pod, parameters, ret);
}

static int prepare_lookup(struct subidd_client *client, uint32_t id, uint64_t at,
			  struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client, &parameters);
	if (r == 0)
		r = client_add_int(client, parameters, "id", id);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "at", at);
	if (r == 0)
		r = call_new(client, &lookup_kind, parameters, ret);
	if (r == 0)
		(*ret)->id = id;
	return r;
}

/* The blocking form; RET may be NULL. */
static int run(struct subidd_call *call, struct subidd_result **ret)
{
	void *result = NULL;
	int r = call_run(call, &result);

	if (r < 0)
		return r;
	if (ret)
		*ret = result;
	else
		subidd_result_free(result);
	return 0;
}

static int start(struct subidd_call *call, subidd_result_callback callback, void *userdata,
		 struct subidd_call **ret)
{
	return call_start(call, (union call_callback){ .result = callback }, userdata, ret);
}

int subidd_allocate(struct subidd_client *client, const struct subidd_request *request, size_t size,
		    struct subidd_result **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_allocate(client, request, size, &call);

	return r < 0 ? r : run(call, ret);
}

int subidd_start_allocate(struct subidd_client *client, const struct subidd_request *request,
			  size_t size, subidd_result_callback callback, void *userdata,
			  struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_allocate(client, request, size, &call);

	return r < 0 ? r : start(call, callback, userdata, ret);
}

int subidd_release(struct subidd_client *client, const char *pod, struct subidd_result **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_simple(client, &release_kind, pod, &call);

	return r < 0 ? r : run(call, ret);
}

int subidd_start_release(struct subidd_client *client, const char *pod,
			 subidd_result_callback callback, void *userdata, struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_simple(client, &release_kind, pod, &call);

	return r < 0 ? r : start(call, callback, userdata, ret);
}

int subidd_get(struct subidd_client *client, const char *pod, struct subidd_result **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_simple(client, &get_kind, pod, &call);

	return r < 0 ? r : run(call, ret);
}

int subidd_start_get(struct subidd_client *client, const char *pod, subidd_result_callback callback,
		     void *userdata, struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_simple(client, &get_kind, pod, &call);

	return r < 0 ? r : start(call, callback, userdata, ret);
}

int subidd_bind(struct subidd_client *client, const char *pod, uint64_t pid,
		struct subidd_result **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_bind(client, pod, pid, &call);

	return r < 0 ? r : run(call, ret);
}

int subidd_start_bind(struct subidd_client *client, const char *pod, uint64_t pid,
		      subidd_result_callback callback, void *userdata, struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_bind(client, pod, pid, &call);

	return r < 0 ? r : start(call, callback, userdata, ret);
}

int subidd_lookup_at(struct subidd_client *client, uint32_t id, uint64_t at,
		     struct subidd_result **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_lookup(client, id, at, &call);

	return r < 0 ? r : run(call, ret);
}

int subidd_start_lookup(struct subidd_client *client, uint32_t id, uint64_t at,
			subidd_result_callback callback, void *userdata, struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare_lookup(client, id, at, &call);

	return r < 0 ? r : start(call, callback, userdata, ret);
}

int subidd_lookup(struct subidd_client *client, uint32_t id, struct subidd_result **ret)
{
	return subidd_lookup_at(client, id, 0, ret);
}
