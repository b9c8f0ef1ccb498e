/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "cleanup.h"
#include "decode.h"

#include <errno.h>

void page_done(struct page *page)
{
	envelope_reply_done(&page->reply);
	*page = (struct page){};
}

int page_open(struct page *page, const struct call_kind *kind, struct envelope_reply *reply,
	      const char **ret_wrong)
{
	const struct field field = { .name = kind->array, .type = FIELD_ARRAY };
	int r = 0;

	*page = (struct page){ .reply = *reply };
	*reply = (struct envelope_reply){};
	if (field.name)
		r = decode(&field, 1, page->reply.parameters, &page->array, ret_wrong);
	if (r == 0)
		page->n = field.name ? json_object_array_length(page->array) : 1;
	return r;
}

int page_next(struct page *page, const struct call_kind *kind, void *item, const char **ret_wrong)
{
	struct json_object *object = page->reply.parameters;
	int r = -EPROTO;

	if (page->next == page->n)
		return 0;
	if (page->array)
		object = json_object_array_get_idx(page->array, page->next);
	page->next++;
	*ret_wrong = kind->array ? kind->array : "parameters";
	if (json_object_is_type(object, json_type_object))
		r = kind->decode_item(object, item, ret_wrong);
	return r < 0 ? r : 1;
}

/* Ends the stream and returns R. */
static int end(struct stream *stream, int r)
{
	call_free(take_ptr(stream->call));
	page_done(&stream->page);
	return r;
}

/* Ends it because of a reply. */
static int end_wrong(struct stream *stream, int r, const char *wrong)
{
	return end(stream, client_undecodable(stream->client, r, wrong));
}

/* Reads the next reply by RECEIVE; a failure other than -EAGAIN is the end. */
static int next_reply(struct stream *stream,
		      int (*receive)(struct subidd_client *, struct envelope_reply *))
{
	struct envelope_reply reply;
	const char *wrong = NULL;
	int r;

	page_done(&stream->page);
	r = receive(stream->client, &reply);
	if (r < 0)
		return r == -EAGAIN ? r : end(stream, r);
	if (!reply.continues)
		call_free(take_ptr(stream->call));
	r = page_open(&stream->page, stream->kind, &reply, &wrong);
	return r < 0 ? end_wrong(stream, r, wrong) : 0;
}

int stream_open(struct stream *stream, struct subidd_client *client, const struct call_kind *kind,
		struct json_object *parameters)
{
	int r;

	*stream = (struct stream){ .client = client, .kind = kind, .wait = UINT64_MAX };
	r = call_new(client, kind, parameters, &stream->call);
	if (r == 0)
		r = call_send(stream->call);
	return r < 0 ? end(stream, r) : next_reply(stream, client_receive);
}

/* Goes on to a reply that has an item. Returns 1; 0 at the end; or a negative errno. */
static int find_item(struct stream *stream)
{
	struct subidd_client *client = stream->client;
	bool is_live = stream->kind->is_live;
	int r;

	if (stream->call || stream->page.next < stream->page.n)
		client_forget(client);
	while (stream->page.next == stream->page.n) {
		if (!stream->call)
			return 0;
		call_set_timeout(stream->call, is_live ? stream->wait : client->timeout);
		r = next_reply(stream, is_live ? client_await : client_receive);
		if (r < 0)
			return r;
	}
	return 1;
}

int stream_next(struct stream *stream, void *item)
{
	const char *wrong = NULL;
	int r;

	r = find_item(stream);
	if (r <= 0)
		return r;
	r = page_next(&stream->page, stream->kind, item, &wrong);
	return r < 0 ? end_wrong(stream, r, wrong) : r;
}

void stream_done(struct stream *stream)
{
	end(stream, 0);
}
