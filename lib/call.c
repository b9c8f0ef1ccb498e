/* SPDX-License-Identifier: MIT */

/* One call and its replies. */

#include "cleanup.h"
#include "client.h"
#include "transport.h"

#include <errno.h>
#include <string.h>

#define REPLY_DEPTH_MAX 32

void client_forget(struct subidd_client *client)
{
	envelope_reply_done(&client->refusal);
	freep(&client->message);
	client->message = NULL;
	client->error = 0;
}

int client_begin(struct subidd_client *client)
{
	client_forget(client);
	if (client->busy)
		return client_fail(client, -EBUSY, "an iterator of this client is not at its end");
	client->deadline = deadline_after(client->timeout);
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

int client_new_parameters(struct subidd_client *client, struct json_object **ret)
{
	struct json_object *parameters = json_object_new_object();

	if (!parameters)
		return client_fail_plain(client, -ENOMEM);
	*ret = parameters;
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

static const char *peer(const struct subidd_client *client)
{
	return client->path ? client->path : "the given connection";
}

/* Records an error after which the connection is of no more use. */
static int fail_transport(struct subidd_client *client, int error)
{
	client_disconnect(client);
	switch (-error) {
	case ETIMEDOUT:
		return client_fail(client, error, "the daemon at %s did not answer within %g s",
				   peer(client), (double)client->timeout / 1e6);
	case ECONNRESET:
		return client_fail(client, error,
				   "the daemon at %s closed the connection before it answered",
				   peer(client));
	case EMSGSIZE:
		return client_fail(client, -EPROTO, "the daemon at %s sent too long a reply",
				   peer(client));
	case EBADMSG:
		return client_fail(client, -EPROTO,
				   "what the daemon at %s sent is no reply of varlink",
				   peer(client));
	}
	return client_fail_plain(client, error);
}

/* Makes sure of a connection on which nothing is under way: one call's answers are its own. */
static int connect_client(struct subidd_client *client)
{
	int fd;

	if (client->fd >= 0 && frame_buffer_is_empty(&client->in) && transport_is_idle(client->fd))
		return 0;
	client_disconnect(client);
	if (!client->path)
		return client_fail(client, -ENOTCONN, "the given connection is closed");
	fd = transport_connect(client->path, client->deadline);
	if (fd == -ETIMEDOUT)
		return fail_transport(client, fd);
	if (fd < 0)
		return client_fail(client, fd, "cannot connect to the daemon at %s: %s",
				   client->path, strerrordesc_np(-fd));
	client->fd = fd;
	return 0;
}

int client_send(struct subidd_client *client, const char *method, struct json_object *parameters,
		bool more)
{
	_cleanup_(json_putp) struct json_object *call = NULL;
	const char *text;
	size_t length;
	int r;

	call = envelope_call_build(method, json_object_get(parameters), more);
	text = call ? json_text(call, &length) : NULL;
	if (!text)
		return client_fail_plain(client, -ENOMEM);
	r = connect_client(client);
	if (r < 0)
		return r;
	r = transport_send(client->fd, text, length + 1, client->deadline);
	return r < 0 ? fail_transport(client, r) : 0;
}

/* Takes a message apart; an error of the daemon is recorded and returned. */
static int take_reply(struct subidd_client *client, char *text, size_t length,
		      struct envelope_reply *ret)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	const struct json_limits limits = json_depth(REPLY_DEPTH_MAX);
	int r;

	r = envelope_reply_parse(text, length, &limits, &reply);
	if (r < 0)
		return fail_transport(client, r);
	if (reply.error)
		return client_refused(client, &reply);
	*ret = reply;
	reply.root = NULL;
	return 0;
}

int client_receive(struct subidd_client *client, struct envelope_reply *ret)
{
	size_t length;
	char *text;
	int r;

	r = transport_receive(client->fd, &client->in, client->deadline, &text, &length);
	return r < 0 ? fail_transport(client, r) : take_reply(client, text, length, ret);
}

int client_await(struct subidd_client *client, struct envelope_reply *ret)
{
	size_t length;
	char *text;
	int r;

	r = transport_receive(client->fd, &client->in, client->deadline, &text, &length);
	switch (-r) {
	case 0:
		return take_reply(client, text, length, ret);
	case ETIMEDOUT:
		return client_fail(client, -EAGAIN, "nothing has happened yet");
	case ECONNRESET:
		client_disconnect(client);
		return client_fail(client, r, "the daemon at %s has closed the connection",
				   peer(client));
	}
	return fail_transport(client, r);
}

int client_call(struct subidd_client *client, const char *method, struct json_object *parameters,
		struct envelope_reply *ret)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	int r;

	r = client_send(client, method, parameters, false);
	if (r == 0)
		r = client_receive(client, &reply);
	if (r < 0)
		return r;
	if (reply.continues)
		return client_undecodable(client, -EPROTO, "continues");
	*ret = reply;
	reply.root = NULL;
	return 0;
}
