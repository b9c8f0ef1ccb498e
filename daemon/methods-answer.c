/* SPDX-License-Identifier: MIT */

/* What all methods share: who asks, when, and the answers. */

#include "methods-private.h"

#include "node/clock.h"

#include <errno.h>

struct requester methods_requester(const struct varlink_call *call)
{
	const struct varlink_peer *peer = varlink_call_peer(call);

	return (struct requester){
		.uid = peer->uid,
		.pid = (uint32_t)peer->pid,
		.is_privileged = varlink_call_access(call) == ACCESS_ROOT,
	};
}

struct moment methods_now(void)
{
	struct moment now;

	clock_now(&now);
	return now;
}

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

int methods_refuse_pool(struct varlink_call *call, const char *pool)
{
	return methods_refuse(call, ERROR("NoSuchPool"),
			      json_pack(JSON_STRING("pool", pool), NULL));
}

int methods_refuse_pod(struct methods *methods, struct varlink_call *call, const char *pod, int r)
{
	if (r < 0)
		return methods_refuse_store(methods, call);
	if (r == ALLOCATOR_E_NOT_OWNER)
		return varlink_error(call, "org.varlink.service.PermissionDenied", NULL);
	return methods_refuse(call,
			      r == ALLOCATOR_E_KUBELET ? ERROR("OwnedByKubelet")
						       : ERROR("NoSuchAllocation"),
			      json_pack(JSON_STRING("pod", pod), NULL));
}
