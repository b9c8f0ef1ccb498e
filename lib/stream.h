/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is behind every iterator: replies that come one after the other, each with an array of
 * items, which are gone through one at a time.
 */

#include "client.h"

/* A method with such replies. */
struct stream_kind {
	const char *method;
	const char *array; /* name of the field of its replies; NULL: each of them is an item */
	bool is_live;	   /* do items come when something happens, and not as fast as they can? */
	/* decodes an object of the array as the functions of decode.h do */
	int (*decode)(struct json_object *object, void *item, const char **ret_wrong);
};

/* All zero is an ended one. */
struct stream {
	struct subidd_client *client;
	const struct stream_kind *kind;
	struct envelope_reply reply; /* the one that is being gone through */
	struct json_object *array;   /* its items */
	size_t n;		     /* how many those are */
	size_t next;		     /* index of the next one */
	bool reading;		     /* are there more replies to come? */
	uint64_t wait;		     /* us that a step of a live one waits */
};

/* Sends the call and reads its first reply. Returns 0 or a negative errno, which is recorded. */
int stream_open(struct stream *stream, struct subidd_client *client, const struct stream_kind *kind,
		struct json_object *parameters);

/* Decodes the next item into *item. Returns 1; 0 at the end; a recorded errno, -EAGAIN no end. */
int stream_next(struct stream *stream, void *item);

/* Ends the stream, on both sides. */
void stream_done(struct stream *stream);
