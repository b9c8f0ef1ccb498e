/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "decode.h"
#include "transport.h"

#include <errno.h>

static void forget_reply(struct stream *stream)
{
	envelope_reply_done(&stream->reply);
	stream->array = NULL;
	stream->n = stream->next = 0;
}

/* Ends the stream and returns R. */
static int end(struct stream *stream, int r)
{
	if (stream->reading)
		client_disconnect(stream->client);
	stream->reading = false;
	forget_reply(stream);
	return r;
}

/* Takes a reply over, and its array out. */
static int take_reply(struct stream *stream, const struct envelope_reply *reply)
{
	const struct field field = { .name = stream->kind->array, .type = FIELD_ARRAY };
	const char *wrong = NULL;
	int r = 0;

	stream->reply = *reply;
	if (field.name)
		r = decode(&field, 1, reply->parameters, &stream->array, &wrong);
	if (r < 0)
		return end(stream, client_undecodable(stream->client, r, wrong));
	stream->n = field.name ? json_object_array_length(stream->array) : 1;
	stream->reading = stream->client->busy = reply->continues;
	return 0;
}

/* Reads the next reply by RECEIVE; a failure other than -EAGAIN is the end. */
static int next_reply(struct stream *stream,
		      int (*receive)(struct subidd_client *, struct envelope_reply *))
{
	struct subidd_client *client = stream->client;
	struct envelope_reply reply;
	int r;

	forget_reply(stream);
	r = receive(client, &reply);
	if (r == -EAGAIN)
		return r;
	stream->reading = client->busy = false;
	return r < 0 ? r : take_reply(stream, &reply);
}

int stream_open(struct stream *stream, struct subidd_client *client, const struct stream_kind *kind,
		struct json_object *parameters)
{
	int r;

	*stream = (struct stream){ .client = client, .kind = kind, .wait = UINT64_MAX };
	r = client_send(client, kind->method, parameters, true);
	return r < 0 ? r : next_reply(stream, client_receive);
}

/* Goes on to a reply that has an item. Returns 1; 0 at the end; or a negative errno. */
static int find_item(struct stream *stream)
{
	bool is_live = stream->kind->is_live;
	int r;

	if (stream->reading || stream->next < stream->n)
		client_forget(stream->client);
	while (stream->next == stream->n) {
		uint64_t limit = is_live ? stream->wait : stream->client->timeout;

		if (!stream->reading)
			return 0;
		stream->client->deadline = deadline_after(limit);
		r = next_reply(stream, is_live ? client_await : client_receive);
		if (r < 0)
			return r;
	}
	return 1;
}

int stream_next(struct stream *stream, void *item)
{
	const char *wrong = stream->kind->array ? stream->kind->array : "parameters";
	struct json_object *object;
	int r;

	r = find_item(stream);
	if (r <= 0)
		return r;
	object = stream->array ? json_object_array_get_idx(stream->array, stream->next)
			       : stream->reply.parameters;
	stream->next++;
	r = -EPROTO;
	if (json_object_is_type(object, json_type_object))
		r = stream->kind->decode(object, item, &wrong);
	return r < 0 ? end(stream, client_undecodable(stream->client, r, wrong)) : 1;
}

void stream_done(struct stream *stream)
{
	end(stream, 0);
}
