/* SPDX-License-Identifier: MIT */

/*
 * Frames and envelopes. The first byte chooses the limit of a message, the second how much is read
 * at a time; the rest is a stream with newlines for the NUL bytes. However it is cut, the same
 * messages must come out of it.
 */

#include "fuzz.h"

#include "call.h"
#include "cleanup.h"
#include "envelope.h"
#include "frame.h"

#include <errno.h>
#include <string.h>

#define REPLY_DEPTH_MAX 32

static const struct json_limits call_limits = { MESSAGE_DEPTH_MAX, SIZE_MAX, SIZE_MAX };
static const struct json_limits reply_limits = { REPLY_DEPTH_MAX, SIZE_MAX, SIZE_MAX };

static void check_call(const char *text, size_t length)
{
	_cleanup_(envelope_call_done) struct envelope_call call = {};
	_cleanup_(envelope_call_done) struct envelope_call again = {};
	_cleanup_(json_putp) struct json_object *built = NULL;
	const char *printed;
	size_t n;
	int r = envelope_call_parse(text, length, &call_limits, &call);

	CHECK(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	CHECK(call.method && call.oneway + call.more + call.upgrade <= 1);
	built = envelope_call_build(call.method, json_object_get(call.parameters), call.more);
	printed = json_text(built, &n);
	CHECK(envelope_call_parse(printed, n, &call_limits, &again) == 0);
	CHECK(strcmp(again.method, call.method) == 0 && again.more == call.more);
	CHECK(!again.parameters ==
	      (!call.parameters || !json_object_object_length(call.parameters)));
	if (again.parameters)
		CHECK(strcmp(json_text(again.parameters, &n), json_text(call.parameters, &n)) == 0);
}

static void check_reply(const char *text, size_t length)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	_cleanup_(envelope_reply_done) struct envelope_reply again = {};
	_cleanup_(json_putp) struct json_object *built = NULL;
	const char *printed;
	size_t n;
	int r = envelope_reply_parse(text, length, &reply_limits, &reply);

	CHECK(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	CHECK(!reply.error || !reply.continues);
	built = reply.error
			? envelope_error_build(reply.error, json_object_get(reply.parameters))
			: envelope_reply_build(json_object_get(reply.parameters), reply.continues);
	printed = json_text(built, &n);
	CHECK(envelope_reply_parse(printed, n, &reply_limits, &again) == 0);
	CHECK(!again.error == !reply.error && again.continues == reply.continues);
	if (reply.error)
		CHECK(strcmp(again.error, reply.error) == 0);
}

/* What should come out: the messages of the whole stream, until one is too long. */
struct stream {
	const char *at, *end;
	size_t limit;
};

static void expect_message(struct stream *stream, const char *text, size_t length)
{
	const char *nul = memchr(stream->at, 0, (size_t)(stream->end - stream->at));

	CHECK(nul && length <= stream->limit && length == (size_t)(nul - stream->at));
	CHECK(memcmp(text, stream->at, length + 1) == 0);
	stream->at = nul + 1;
}

static void expect_too_long(const struct stream *stream)
{
	size_t rest = (size_t)(stream->end - stream->at);

	CHECK(strnlen(stream->at, rest) > stream->limit);
}

static void expect_nothing(const struct stream *stream)
{
	size_t rest = (size_t)(stream->end - stream->at);

	CHECK(rest <= stream->limit && !memchr(stream->at, 0, rest));
}

/* Takes all messages. Returns false if one was too long. */
static bool take_messages(struct frame_buffer *buffer, struct stream *stream)
{
	size_t length;
	char *text;
	int r;

	while ((r = frame_buffer_next(buffer, &text, &length)) == 1) {
		_cleanup_(freep) char *copy = copy_of((uint8_t *)text, length, COPY_AS_IT_IS);

		expect_message(stream, text, length);
		check_call(copy, length);
		check_reply(copy, length);
	}
	CHECK(r == 0 || r == -EMSGSIZE);
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t limit = size < 2 ? 0 : (size_t)1 << (data[0] & 15), chunk, n = 0;
	_cleanup_(frame_buffer_done) struct frame_buffer buffer = {};
	_cleanup_(freep) char *text = NULL;
	struct stream stream;

	if (size < 2)
		return 0;
	chunk = data[1] + 1u;
	size -= 2;
	text = copy_of(data + 2, size, COPY_LINES);
	stream = (struct stream){ text, text + size, limit };
	frame_buffer_init(&buffer, limit);
	for (size_t at = 0; at < size; at += n) {
		char *space;
		size_t room;

		CHECK(frame_buffer_reserve(&buffer, &space, &room) == 0 && room > 0);
		CHECK(buffer.capacity <= limit + 1);
		n = room < chunk ? room : chunk;
		n = n < size - at ? n : size - at;
		memcpy(space, text + at, n);
		frame_buffer_commit(&buffer, n);
		if (!take_messages(&buffer, &stream)) {
			expect_too_long(&stream);
			return 0;
		}
	}
	expect_nothing(&stream);
	CHECK(frame_buffer_is_empty(&buffer) == (stream.at == stream.end));
	return 0;
}
