/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "cleanup.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

const struct varlink_peer *varlink_call_peer(const struct varlink_call *call)
{
	return call->owner->peer;
}

enum varlink_access varlink_call_access(const struct varlink_call *call)
{
	return call->owner->access;
}

/* A oneway call is never answered, not even with an error. */
static int send(struct varlink_call *call, struct json_object *message)
{
	if (!call->envelope.oneway)
		return call->owner->send(message, call->owner->userdata);
	json_object_put(message);
	call->owner->skip(call->owner->userdata);
	return 0;
}

int varlink_reply(struct varlink_call *call, struct json_object *parameters)
{
	call->state = CALL_DONE;
	return send(call, envelope_reply_build(parameters, false));
}

int varlink_notify(struct varlink_call *call, struct json_object *parameters)
{
	return send(call, envelope_reply_build(parameters, true));
}

int varlink_error(struct varlink_call *call, const char *error, struct json_object *parameters)
{
	call->state = CALL_DONE;
	return send(call, envelope_error_build(error, parameters));
}

/* An error of org.varlink.service that names something. */
static int service_error(struct varlink_call *call, const char *error, const char *parameter,
			 const char *value)
{
	struct json_object *o = json_pack(JSON_STRING(parameter, value), NULL);

	return o ? varlink_error(call, error, o) : -ENOMEM;
}

int varlink_invalid_parameter(struct varlink_call *call, const char *name)
{
	return service_error(call, "org.varlink.service.InvalidParameter", "parameter", name);
}

void varlink_stream(struct varlink_call *call, int (*next)(struct varlink_call *call, void *state),
		    void *state, void (*free_state)(void *state))
{
	call->next = next;
	call->next_state = state;
	call->free_next_state = free_state;
}

void varlink_wait(struct varlink_call *call)
{
	call->state = CALL_KEPT;
}

void varlink_continue(struct varlink_call *call)
{
	if (call->state != CALL_KEPT)
		return;
	call->state = CALL_RUNNING;
	call->owner->skip(call->owner->userdata);
}

void varlink_keep(struct varlink_call *call,
		  void (*cancelled)(struct varlink_call *call, void *userdata), void *userdata)
{
	call->state = CALL_KEPT;
	call->cancelled = cancelled;
	call->cancelled_userdata = userdata;
}

void varlink_give_up(struct varlink_call *call)
{
	call->state = CALL_DONE;
	send(call, NULL);
}

static const struct varlink_interface *find_interface(const struct call_owner *owner,
						      const char *name, size_t length)
{
	for (size_t i = 0; i < owner->n_interfaces; i++)
		if (strlen(owner->interfaces[i]->name) == length &&
		    memcmp(owner->interfaces[i]->name, name, length) == 0)
			return owner->interfaces[i];
	return NULL;
}

static const struct varlink_method *find_method(const struct varlink_interface *interface,
						const char *name)
{
	for (size_t i = 0; i < interface->n_methods; i++)
		if (strcmp(interface->methods[i].name, name) == 0)
			return &interface->methods[i];
	return NULL;
}

static int run(struct varlink_call *call, const struct varlink_interface *interface,
	       const struct varlink_method *method)
{
	alignas(max_align_t) char parameters[VARLINK_PARAMETERS_MAX] = {};
	const char *wrong;

	if (call->envelope.upgrade)
		return service_error(call, "org.varlink.service.MethodNotImplemented", "method",
				     call->envelope.method);
	if (method->streams && !call->envelope.more)
		return varlink_error(call, "org.varlink.service.ExpectedMore", NULL);
	if (call->owner->access < method->access)
		return varlink_error(call, "org.varlink.service.PermissionDenied", NULL);
	if (fields_decode(method->fields, method->n_fields, UNKNOWN_REFUSED,
			  call->envelope.parameters, parameters, &wrong) < 0)
		return varlink_invalid_parameter(call, wrong);
	return method->handle(call, parameters, interface->userdata);
}

static int dispatch(struct varlink_call *call)
{
	const char *name = call->envelope.method, *dot = strrchr(name, '.');
	const struct varlink_interface *interface;
	const struct varlink_method *method;
	_cleanup_(freep) char *interface_name = NULL;

	if (!dot)
		return service_error(call, "org.varlink.service.MethodNotFound", "method", name);
	interface = find_interface(call->owner, name, (size_t)(dot - name));
	if (!interface) {
		interface_name = strndup(name, (size_t)(dot - name));
		if (!interface_name)
			return -ENOMEM;
		return service_error(call, "org.varlink.service.InterfaceNotFound", "interface",
				     interface_name);
	}
	method = find_method(interface, dot + 1);
	if (!method)
		return service_error(call, "org.varlink.service.MethodNotFound", "method", name);
	return run(call, interface, method);
}

int call_start(struct varlink_call *call, struct call_owner *owner, const char *text, size_t length)
{
	const struct json_limits limits = {
		.depth = MESSAGE_DEPTH_MAX,
		.containers = MESSAGE_CONTAINERS_MAX,
		.values = owner->access >= ACCESS_WRITER ? WRITER_MESSAGE_VALUES_MAX
							 : READER_MESSAGE_VALUES_MAX,
	};
	int r;

	*call = (struct varlink_call){ .owner = owner };
	r = envelope_call_parse(text, length, &limits, &call->envelope);
	if (r < 0)
		return r;
	call->state = CALL_RUNNING;
	return dispatch(call);
}

int call_continue(struct varlink_call *call)
{
	return call->next ? call->next(call, call->next_state) : -EPROTO;
}

void call_done(struct varlink_call *call)
{
	if (call->state == CALL_KEPT && call->cancelled)
		call->cancelled(call, call->cancelled_userdata);
	if (call->free_next_state)
		call->free_next_state(call->next_state);
	envelope_call_done(&call->envelope);
	*call = (struct varlink_call){};
}
