/* SPDX-License-Identifier: MIT */

/* What goes into a call. */

#include "client.h"

#include <errno.h>
#include <string.h>

int client_begin(struct subidd_client *client, struct json_object **ret)
{
	struct json_object *parameters = json_object_new_object();

	client_forget(client);
	if (!parameters)
		return client_fail_plain(client, -ENOMEM);
	*ret = parameters;
	return 0;
}

int client_copy(struct subidd_client *client, const void *from, size_t size, void *to,
		size_t to_size)
{
	const char *bytes = from;

	for (size_t i = to_size; i < size; i++)
		if (bytes[i] != 0)
			return client_fail(
				client, -E2BIG,
				"the request has a member that this library does not know");
	memset(to, 0, to_size);
	memcpy(to, from, size < to_size ? size : to_size);
	return 0;
}

int client_add_string(struct subidd_client *client, struct json_object *parameters,
		      const char *name, const char *value)
{
	int r;

	if (!value)
		return 0;
	if (!utf8_valid(value, strlen(value)))
		return client_fail(client, -EINVAL, "%s is not valid UTF-8", name);
	r = json_add_string(parameters, name, value);
	return r < 0 ? client_fail_plain(client, r) : 0;
}

int client_add_int(struct subidd_client *client, struct json_object *parameters, const char *name,
		   uint64_t value)
{
	int r;

	if (value > INT64_MAX)
		return client_fail(client, -EINVAL, "%s is too large", name);
	r = json_add_int(parameters, name, (int64_t)value);
	return r < 0 ? client_fail_plain(client, r) : 0;
}

int client_add_nonzero(struct subidd_client *client, struct json_object *parameters,
		       const char *name, uint64_t value)
{
	return value > 0 ? client_add_int(client, parameters, name, value) : 0;
}
