/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is behind every iterator: replies that come one after the other, each with an array of
 * items, which are gone through one at a time.
 */

#include "call.h"

/* A reply of such a method, and how far it has been gone through. All zero is an ended one. */
struct page {
	struct envelope_reply reply;
	struct json_object *array; /* its items; NULL if it is one itself */
	size_t n;		   /* how many those are */
	size_t next;		   /* index of the next one */
};

/* Takes the reply over and finds its items. Returns as the functions of decode.h. */
int page_open(struct page *page, const struct call_kind *kind, struct envelope_reply *reply,
	      const char **ret_wrong);

/* Decodes the next item. Returns 1; 0 at the end; or as the functions of decode.h. */
int page_next(struct page *page, const struct call_kind *kind, void *item, const char **ret_wrong);

void page_done(struct page *page);

/* All zero is an ended one. */
struct stream {
	struct subidd_client *client;
	const struct call_kind *kind;
	struct subidd_call *call; /* NULL: there are no more replies to come */
	struct page page;
	uint64_t wait; /* us that a step of a live one waits */
};

/* Sends the call and reads its first reply. Returns 0 or a negative errno, which is recorded. */
int stream_open(struct stream *stream, struct subidd_client *client, const struct call_kind *kind,
		struct json_object *parameters);

/* Decodes the next item into *item. Returns 1; 0 at the end; a recorded errno, -EAGAIN no end. */
int stream_next(struct stream *stream, void *item);

/* Ends the stream, on both sides. */
void stream_done(struct stream *stream);
