/* SPDX-License-Identifier: MIT */

/* The client's connection: what it is made of, what it sends, and why it is of no use. */

#include "call.h"
#include "cleanup.h"
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define REPLY_DEPTH_MAX 32

static const char *peer(const struct subidd_client *client)
{
	return client->path ? client->path : "the given connection";
}

int client_fail_transport(struct subidd_client *client, int error, uint64_t timeout)
{
	switch (-error) {
	case ETIMEDOUT:
		return client_fail(client, error, "the daemon at %s did not answer within %g s",
				   peer(client), (double)timeout / 1e6);
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

int client_lose(struct subidd_client *client, int error, uint64_t timeout)
{
	client_disconnect(client);
	return client_fail_transport(client, error, timeout);
}

int client_fail_to_connect(struct subidd_client *client, int error, uint64_t timeout)
{
	if (error == -ETIMEDOUT)
		return client_fail_transport(client, error, timeout);
	if (!client->path)
		return client_fail(client, error, "the given connection is closed");
	return client_fail(client, error, "cannot connect to the daemon at %s: %s", client->path,
			   strerrordesc_np(-error));
}

void client_disconnect(struct subidd_client *client)
{
	if (client->fd >= 0)
		wakeup_watch(&client->wakeup, client->fd, 0);
	closep(&client->fd);
	client->fd = -1;
	client->n_skip = 0;
	client->is_blocked = false;
	outgoing_done(&client->out);
	frame_buffer_done(&client->in);
}

bool client_is_in_use(const struct subidd_client *client)
{
	const struct subidd_call *first = client->calls.first;

	return client->fd >= 0 && first && (!first->message.object || first->n_skip > 0);
}

static bool is_usable(const struct subidd_client *client)
{
	return client->fd >= 0 && frame_buffer_is_empty(&client->in) &&
	       transport_is_idle(client->fd);
}

int client_connect(struct subidd_client *client, uint64_t deadline)
{
	int fd;

	if (client_is_in_use(client) || is_usable(client))
		return 0;
	client_disconnect(client);
	if (!client->path)
		return -ENOTCONN;
	fd = transport_connect(client->path, deadline);
	if (fd < 0)
		return fd;
	client->fd = fd;
	return 0;
}

/* Goes on to the next message. Is there one? */
static bool begin_message(struct subidd_client *client)
{
	struct subidd_call *call = client->unsent;

	if (!call || client->is_blocked)
		return false;
	client->unsent = call->next;
	client->out = call->message;
	call->message = (struct outgoing){};
	return true;
}

/*
 * Returns 0; -EAGAIN; or another negative errno. A peer that is gone may have said something before
 * that, so this is left to be found by reading.
 */
static int send_some(struct subidd_client *client)
{
	struct outgoing *out = &client->out;
	ssize_t n = transport_send(client->fd, out->text, out->size);

	if (n == -ECONNRESET)
		n = (ssize_t)out->size;
	if (n < 0)
		return (int)n;
	out->text += n;
	out->size -= (size_t)n;
	if (out->size == 0)
		outgoing_done(out);
	return 0;
}

int client_flush(struct subidd_client *client)
{
	while (client->out.object || begin_message(client)) {
		int r = send_some(client);

		if (r < 0)
			return r == -EAGAIN ? 0 : r;
	}
	return 0;
}

short client_events(const struct subidd_client *client)
{
	return client->out.object ? POLLIN | POLLOUT : POLLIN;
}

int client_parse_reply(const char *text, size_t length, struct envelope_reply *ret)
{
	const struct json_limits limits = json_depth(REPLY_DEPTH_MAX);

	return envelope_reply_parse(text, length, &limits, ret);
}
