/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "cleanup.h"
#include "transport.h"

#include <errno.h>
#include <string.h>

void client_forget(struct subidd_client *client)
{
	envelope_reply_done(&client->refusal);
	freep(&client->message);
	client->message = NULL;
	client->error = 0;
}

int call_new(struct subidd_client *client, const struct call_kind *kind,
	     struct json_object *parameters, struct subidd_call **ret)
{
	_cleanup_(call_freep) struct subidd_call *call = calloc(1, sizeof(*call));
	struct outgoing *message;

	if (!call)
		return client_fail_plain(client, -ENOMEM);
	call->client = client;
	call->kind = kind;
	message = &call->message;
	message->object = envelope_call_build(kind->method, json_object_get(parameters),
					      kind->is_stream);
	if (message->object)
		message->text = json_text(message->object, &message->size);
	if (!message->text)
		return client_fail_plain(client, -ENOMEM);
	message->size++; /* its NUL byte */
	call_set_timeout(call, client->timeout);
	*ret = take_ptr(call);
	return 0;
}

void call_set_timeout(struct subidd_call *call, uint64_t usec)
{
	call->timeout = usec;
	call->deadline = deadline_after(usec);
}

void call_enter(struct subidd_call *call, struct call_list *list)
{
	struct subidd_client *client = call->client;

	call->list = list;
	call->next = NULL;
	call->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = call;
	list->last = call;
	if (list == &client->calls) {
		if (!client->unsent)
			client->unsent = call;
		call->n_skip = client->n_skip;
		client->n_skip = 0;
	}
}

static void unlink_call(struct subidd_call *call)
{
	struct call_list *list = call->list;

	*(call->previous ? &call->previous->next : &list->first) = call->next;
	*(call->next ? &call->next->previous : &list->last) = call->previous;
	call->list = NULL;
}

void call_leave(struct subidd_call *call)
{
	struct subidd_client *client = call->client;
	bool is_awaited = !call->message.object && !call->is_answered;

	if (client->unsent == call)
		client->unsent = call->next;
	if (is_awaited && call->kind->is_live)
		client->is_blocked = true;
	if (call->list == &client->calls)
		*(call->next ? &call->next->n_skip : &client->n_skip) += call->n_skip + is_awaited;
	if (call->list)
		unlink_call(call);
	if (!client->calls.first && client->n_skip > 0)
		client_disconnect(client);
}

void call_dispose(struct subidd_call *call)
{
	outgoing_done(&call->message);
	free(call->pod);
	free(call);
}

void call_free(struct subidd_call *call)
{
	if (!call)
		return;
	call_leave(call);
	call->is_freed = true;
	if (!call->is_told)
		call_dispose(call);
}

int call_decode(const struct subidd_call *call, struct envelope_reply *reply, void **ret)
{
	const char *wrong = "continues";
	int r = -EPROTO;

	if (!reply->continues)
		r = call->kind->decode(call, reply, ret, &wrong);
	return r < 0 ? client_undecodable(call->client, r, wrong) : 0;
}

int call_send(struct subidd_call *call)
{
	struct subidd_client *client = call->client;
	int r;

	if (client->failed.first || (client->calls.first && client->calls.first->is_started))
		return client_fail(client, -EBUSY, "a call of this client is not at its end");
	if (client->calls.first)
		return client_fail(client, -EBUSY, "an iterator of this client is not at its end");
	call_enter(call, &client->calls);
	r = client_connect(client, call->deadline);
	if (r < 0)
		return client_fail_to_connect(client, r, call->timeout);
	r = client_flush(client);
	return r < 0 ? client_lose(client, r, call->timeout) : 0;
}

/* Receives a message for the only call under way. Returns 0 or a negative errno. */
static int receive_message(struct subidd_client *client, char **ret_text, size_t *ret_length)
{
	int r;

	for (;;) {
		r = frame_buffer_next(&client->in, ret_text, ret_length);
		if (r != 0)
			return r < 0 ? r : 0;
		r = transport_receive(client->fd, &client->in);
		if (r == -EAGAIN)
			r = transport_wait(client->fd, client_events(client),
					   client->calls.first->deadline);
		if (r == 0)
			r = client_flush(client);
		if (r < 0)
			return r;
	}
}

/* Takes a message apart; an error of the daemon is recorded and returned. */
static int take_reply(struct subidd_client *client, const char *text, size_t length,
		      struct envelope_reply *ret)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	struct subidd_call *call = client->calls.first;
	int r;

	r = client_parse_reply(text, length, &reply);
	if (r < 0)
		return client_lose(client, r, call->timeout);
	call->is_answered = !reply.continues;
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

	r = receive_message(client, &text, &length);
	if (r < 0)
		return client_lose(client, r, client->calls.first->timeout);
	return take_reply(client, text, length, ret);
}

int client_await(struct subidd_client *client, struct envelope_reply *ret)
{
	size_t length;
	char *text;
	int r;

	r = receive_message(client, &text, &length);
	switch (-r) {
	case 0:
		return take_reply(client, text, length, ret);
	case ETIMEDOUT:
		return client_fail(client, -EAGAIN, "nothing has happened yet");
	case ECONNRESET:
		client_disconnect(client);
		return client_fail(client, r, "the daemon at %s has closed the connection",
				   client->path ? client->path : "the given connection");
	}
	return client_lose(client, r, client->calls.first->timeout);
}

int call_run(struct subidd_call *call, void **ret)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	_cleanup_(call_freep) struct subidd_call *own = call;
	int r;

	r = call_send(call);
	if (r == 0)
		r = client_receive(call->client, &reply);
	return r < 0 ? r : call_decode(own, &reply, ret);
}
