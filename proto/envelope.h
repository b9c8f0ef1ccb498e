/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The varlink envelope (UAPI.20 "Varlink IPC"): calls and replies as JSON objects, no sockets.
 */

#include "json.h"

#include <stdbool.h>
#include <stddef.h>

/* A call as it came in; all zero is an empty one. */
struct envelope_call {
	struct json_object *root;	/* owns all below */
	const char *method;		/* full name, interface and method */
	struct json_object *parameters; /* NULL if absent or null */
	bool oneway, more, upgrade;
};

/* A reply as it came in; all zero is an empty one. */
struct envelope_reply {
	struct json_object *root;	/* owns all below */
	const char *error;		/* full name; NULL if it is no error */
	struct json_object *parameters; /* NULL if absent or null */
	bool continues;
};

/*
 * Parse a message of LENGTH bytes. Return 0; -EBADMSG if it breaks the protocol, so that the
 * connection must be closed; -ENOMEM.
 */
int envelope_call_parse(const char *text, size_t length, const struct json_limits *limits,
			struct envelope_call *ret);
int envelope_reply_parse(const char *text, size_t length, const struct json_limits *limits,
			 struct envelope_reply *ret);

void envelope_call_done(struct envelope_call *call);
void envelope_reply_done(struct envelope_reply *reply);

/*
 * Build messages. PARAMETERS may be NULL or empty and is then left out; it is taken over in every
 * case. Flags that are false are left out, because some peers close on them. Return NULL if there
 * is no memory.
 */
struct json_object *envelope_call_build(const char *method, struct json_object *parameters,
					bool more);
struct json_object *envelope_reply_build(struct json_object *parameters, bool continues);
struct json_object *envelope_error_build(const char *error, struct json_object *parameters);
