/* SPDX-License-Identifier: MIT */

/* org.varlink.service: what a server is and what it speaks. */

#include "varlink.h"

#include "cleanup.h"
#include "interfaces.h"

#include <errno.h>
#include <string.h>

static struct json_object *interface_names(const struct varlink_service *service)
{
	_cleanup_(json_putp) struct json_object *names = json_object_new_array();

	if (!names)
		return NULL;
	for (size_t i = 0; i < service->n_interfaces; i++)
		if (json_append(names, json_object_new_string(service->interfaces[i]->name)) < 0)
			return NULL;
	return take_ptr(names);
}

static int handle_get_info(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct varlink_service *service = userdata;
	struct json_object *reply = json_pack(
		JSON_STRING("vendor", service->vendor), JSON_STRING("product", service->product),
		JSON_STRING("version", service->version), JSON_STRING("url", service->url),
		JSON_VALUE("interfaces", interface_names(service)), NULL);

	(void)parameters;
	return reply ? varlink_reply(call, reply) : -ENOMEM;
}

struct description_parameters {
	const char *interface;
};

static const struct field description_fields[] = {
	{ "interface", FIELD_STRING, .offset = offsetof(struct description_parameters, interface) },
};

static int handle_get_description(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct varlink_service *service = userdata;
	const struct description_parameters *p = parameters;
	struct json_object *o;

	for (size_t i = 0; i < service->n_interfaces; i++) {
		if (strcmp(service->interfaces[i]->name, p->interface) != 0)
			continue;
		o = json_pack(JSON_STRING("description", service->interfaces[i]->description),
			      NULL);
		return o ? varlink_reply(call, o) : -ENOMEM;
	}
	o = json_pack(JSON_STRING("interface", p->interface), NULL);
	return o ? varlink_error(call, "org.varlink.service.InterfaceNotFound", o) : -ENOMEM;
}

static const struct varlink_method service_methods[] = {
	{ "GetInfo", .handle = handle_get_info },
	{ "GetInterfaceDescription", .fields = description_fields,
	  .n_fields = ELEMENTS_OF(description_fields), .handle = handle_get_description },
};

struct varlink_interface varlink_service_interface(const struct varlink_service *service)
{
	return (struct varlink_interface){
		.name = "org.varlink.service",
		.description = service_interface_description,
		.methods = service_methods,
		.n_methods = ELEMENTS_OF(service_methods),
		.userdata = (void *)service,
	};
}
