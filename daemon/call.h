/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A call at work: from its message to the method that it names, and from the method's answers to
 * messages. Knows no sockets; the connection embeds it and gives it a way to send.
 */

#include "envelope.h"
#include "varlink.h"

enum call_state {
	CALL_NONE,    /* nothing at work */
	CALL_RUNNING, /* in its method, or between two replies of a stream */
	CALL_KEPT,    /* to be answered later, or a stream that waits */
	CALL_DONE,    /* the last reply was sent */
};

/* What a call needs of its connection. */
struct call_owner {
	const struct varlink_interface *const *interfaces;
	size_t n_interfaces;
	const struct varlink_peer *peer;
	enum varlink_access access;
	/*
	 * Takes MESSAGE over in every case; NULL means that there was no memory for it. Returns 0
	 * or -ENOMEM.
	 */
	int (*send)(struct json_object *message, void *userdata);
	/* Comes in place of it where the call goes on and nothing is sent. */
	void (*skip)(void *userdata);
	void *userdata;
};

struct varlink_call {
	struct call_owner *owner;
	struct envelope_call envelope;
	enum call_state state;
	int (*next)(struct varlink_call *call, void *state);
	void (*free_next_state)(void *state);
	void *next_state;
	void (*cancelled)(struct varlink_call *call, void *userdata); /* NULL: nobody asked */
	void *cancelled_userdata;
};

/*
 * What a message may hold. Depth: the envelope, its parameters and six more. The longest message
 * that makes sense is a writer's Reconcile with a pod for each of the 65,535 units that there can
 * be; all others have less than 20 values, and the rest is room for a vendor's own members.
 */
#define MESSAGE_DEPTH_MAX 8
#define MESSAGE_CONTAINERS_MAX 64
#define READER_MESSAGE_VALUES_MAX 1024
#define WRITER_MESSAGE_VALUES_MAX (64 * 1024 + 1024)

/*
 * Parses a message and runs the method that it names. Returns 0; -EBADMSG if the message breaks
 * the protocol; or what the method returned. The connection must be closed on every failure.
 */
int call_start(struct varlink_call *call, struct call_owner *owner, const char *text,
	       size_t length);

/* Goes on with a stream; -EPROTO if it is none. Returns as call_start() does otherwise. */
int call_continue(struct varlink_call *call);

/* Ends the call in whatever state it is and leaves it CALL_NONE. */
void call_done(struct varlink_call *call);
