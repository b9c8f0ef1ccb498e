/* SPDX-License-Identifier: MIT */

/* The error of the last call: its errno, name, parameters and message. */

#include "cleanup.h"
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define ALLOCATOR "io.subidd.Allocator."
#define SERVICE "org.varlink.service."

/*
 * The daemon's errors. In TEXT {name} stands for the parameter of that name; what is in [brackets]
 * is left out where the one parameter in it is absent.
 */
static const struct refusal {
	const char *name;
	int error;
	const char *text;
} refusals[] = {
	{ ALLOCATOR "NoSuchAllocation", -ENOENT,
	  "there is no allocation[ of the pod {pod}][ that the ID {id} lies in]" },
	{ ALLOCATOR "NoSuchPool", -ENXIO, "there is no pool {pool}" },
	{ ALLOCATOR "PoolExhausted", -ENOSPC,
	  "the pool {pool} has no room: of {capacity} units {active} are active, {draining} draining, "
	  "{waiting} waiting to be used again, {foreign} foreign" },
	{ ALLOCATOR "InvalidPool", -EUCLEAN, "the pool {pool} is invalid ({rule}): {message}" },
	{ ALLOCATOR "CountMismatch", -EEXIST, "the pod {pod} has {have} IDs and not {want}" },
	{ ALLOCATOR "RangeTaken", -EADDRINUSE,
	  "the range {start}:{count} is taken[ by the pod {pod}][ by the process {pid}]" },
	{ ALLOCATOR "RangeMismatch", -EADDRNOTAVAIL,
	  "the pod {pod} has another range, {start}:{count}" },
	{ ALLOCATOR "NoSuchProcess", -ESRCH, "there is no process {pid}, or it has ended" },
	{ ALLOCATOR "OwnedByKubelet", -EPERM,
	  "the kubelet gave the pod {pod} its range by itself" },
	{ ALLOCATOR "QuotaExceeded", -EDQUOT,
	  "this user has as many active allocations as it may, which is {limit}" },
	{ ALLOCATOR "StoreFailed", -EIO,
	  "the daemon's database failed, nothing was changed: {message}" },
	{ ALLOCATOR "InvalidConfiguration", -EBADMSG,
	  "the daemon's configuration is broken: [{file}:][{line}: ]{message}" },
	{ SERVICE "InvalidParameter", -EINVAL, "the daemon refused the parameter {parameter}" },
	{ SERVICE "PermissionDenied", -EACCES, "the daemon does not permit this" },
	{ SERVICE "InterfaceNotFound", -EOPNOTSUPP,
	  "the daemon does not know the interface {interface}" },
	{ SERVICE "MethodNotFound", -EOPNOTSUPP, "the daemon does not know the method {method}" },
	{ SERVICE "MethodNotImplemented", -EOPNOTSUPP,
	  "the daemon does not implement the method {method}" },
};

static const struct refusal *find_refusal(const char *name)
{
	for (size_t i = 0; i < ELEMENTS_OF(refusals); i++)
		if (strcmp(refusals[i].name, name) == 0)
			return &refusals[i];
	return NULL;
}

static struct json_object *error_parameter(const struct subidd_client *client, const char *name)
{
	struct json_object *value = NULL;

	if (client->refusal.parameters)
		json_object_object_get_ex(client->refusal.parameters, name, &value);
	return value;
}

/* Writes the parameter whose name is the LENGTH bytes at NAME. Is there such a parameter? */
static bool write_parameter(const struct subidd_client *client, const char *name, size_t length,
			    FILE *out)
{
	char key[32] = "";
	const char *text;
	int64_t number;

	if (length < sizeof(key))
		memcpy(key, name, length);
	text = subidd_client_error_string(client, key);
	if (text)
		fputs(text, out);
	else if (subidd_client_error_int(client, key, &number) == 0)
		fprintf(out, "%lld", (long long)number);
	else
		return false;
	return true;
}

static bool group_applies(const struct subidd_client *client, const char *group)
{
	const char *open = strchr(group, '{') + 1;
	char key[32] = "";

	memcpy(key, open, strcspn(open, "}"));
	return error_parameter(client, key);
}

static void expand(const struct subidd_client *client, const char *text, FILE *out)
{
	for (const char *at = text; *at; at++)
		if (*at == '{') {
			size_t length = strcspn(at + 1, "}");

			if (!write_parameter(client, at + 1, length, out))
				fputc('?', out);
			at += length + 1;
		} else if (*at == '[') {
			if (!group_applies(client, at))
				at = strchr(at, ']');
		} else if (*at != ']') {
			fputc(*at, out);
		}
}

/* A message is one line, whatever the daemon put into its strings. */
static void make_line(char *message)
{
	for (char *at = message; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
}

static char *refusal_message(const struct subidd_client *client, const char *text)
{
	_cleanup_(freep) char *message = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&message, &size);
	if (!out)
		return NULL;
	expand(client, text, out);
	if (ferror(out)) {
		fclose(out);
		return NULL;
	}
	if (fclose(out) != 0)
		return NULL;
	make_line(message);
	return take_ptr(message);
}

int client_fail(struct subidd_client *client, int error, const char *format, ...)
{
	va_list arguments;

	free(client->message);
	va_start(arguments, format);
	if (vasprintf(&client->message, format, arguments) < 0)
		client->message = NULL;
	va_end(arguments);
	if (client->message)
		make_line(client->message);
	client->error = error;
	return error;
}

void client_set_error(struct subidd_client *client, int error)
{
	freep(&client->message);
	client->message = NULL;
	client->error = error;
}

int client_refused(struct subidd_client *client, struct envelope_reply *reply)
{
	const struct refusal *refusal = find_refusal(reply->error);

	client->refusal = *reply;
	reply->root = NULL;
	if (!refusal)
		return client_fail(client, -EREMOTEIO, "the daemon answered with the error %s",
				   client->refusal.error);
	client->error = refusal->error;
	client->message = refusal_message(client, refusal->text);
	return client->error;
}

void client_set_undecodable(struct subidd_client *client, int error, const char *wrong)
{
	if (error == -EPROTO) {
		client_disconnect(client);
		client_fail(client, error, "the field %s of the daemon's reply is wrong", wrong);
	} else {
		client_set_error(client, error);
	}
}

const char *subidd_client_error_name(const struct subidd_client *client)
{
	return client->refusal.error;
}

const char *subidd_client_error_message(const struct subidd_client *client)
{
	if (client->error == 0)
		return NULL;
	return client->message ? client->message : strerrordesc_np(-client->error);
}

const char *subidd_client_error_string(const struct subidd_client *client, const char *parameter)
{
	struct json_object *value = error_parameter(client, parameter);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int subidd_client_error_int(const struct subidd_client *client, const char *parameter, int64_t *ret)
{
	struct json_object *value = error_parameter(client, parameter);

	if (!json_object_is_type(value, json_type_int))
		return -ENODATA;
	*ret = json_object_get_int64(value);
	return 0;
}
