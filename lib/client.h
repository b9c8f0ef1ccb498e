/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the library's files share: the client, its last error, and its connection.
 *
 * Every public function begins with client_begin() or client_forget() and leaves with client_fail()
 * where it fails, so that the error of the last call is always whole.
 */

#include "envelope.h"
#include "frame.h"
#include "subidd.h"
#include "wakeup.h"

#include <stdbool.h>
#include <stdint.h>

#define ALLOCATOR_METHOD(name) "io.subidd.Allocator." name

struct call_list {
	struct subidd_call *first, *last;
};

/* A message to be sent. */
struct outgoing {
	struct json_object *object; /* owns the text; NULL: there is none */
	const char *text;	    /* what is left of it */
	size_t size;
};

static inline void outgoing_done(struct outgoing *message)
{
	json_object_put(message->object);
	*message = (struct outgoing){};
}

struct subidd_client {
	char *path; /* of the socket; NULL if it cannot be connected anew */
	int fd;	    /* -1 while there is no connection */
	uint64_t timeout;
	struct frame_buffer in;
	struct outgoing out;	       /* the message that is being sent */
	struct call_list calls;	       /* under way */
	struct subidd_call *unsent;    /* the first of them whose message was not begun */
	size_t n_skip;		       /* answers to drop after the last of them */
	struct envelope_reply refusal; /* the last call's, if it was refused */
	int error;		       /* the last call's, 0 if it did not fail */
	char *message;		       /* NULL where there was no memory for one */
	/* of started calls */
	struct call_list failed; /* whose callbacks have to be told so */
	bool is_blocked;   /* by a monitor that was given up: no more goes over the connection */
	bool is_due;	   /* is there something to be sent? */
	uint64_t retry_at; /* when to connect again; 0: no need */
	uint64_t earliest; /* no deadline of them is before this */
	struct wakeup wakeup;
	bool *is_gone; /* set to true when the client is freed; NULL outside of callbacks */
};

/* Forgets the last error. */
void client_forget(struct subidd_client *client);

/* Begins a call: forgets the last error and makes an empty object for the parameters. */
int client_begin(struct subidd_client *client, struct json_object **ret);

/*
 * Takes over a struct that a program of another version made, SIZE bytes at FROM, as one of TO_SIZE
 * bytes. What this version does not know must be unset: -E2BIG. Such structs have no padding at
 * their end, where later members could find garbage.
 */
int client_copy(struct subidd_client *client, const void *from, size_t size, void *to,
		size_t to_size);

/* Records an error with a message for people and returns it. */
int client_fail(struct subidd_client *client, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for an error that nothing more is to be said about. */
void client_set_error(struct subidd_client *client, int error);
static inline int client_fail_plain(struct subidd_client *client, int error)
{
	client_set_error(client, error);
	return error;
}

/* Records that the daemon refused, takes the reply over and returns the error's errno. */
int client_refused(struct subidd_client *client, struct envelope_reply *reply);

/*
 * Records that a reply could not be decoded and returns ERROR: -EPROTO, because of the field WRONG,
 * and then closes the connection; or -ENOMEM.
 */
void client_set_undecodable(struct subidd_client *client, int error, const char *wrong);
static inline int client_undecodable(struct subidd_client *client, int error, const char *wrong)
{
	client_set_undecodable(client, error, wrong);
	return error;
}

/*
 * Add a parameter to PARAMETERS. A string that is NULL is left out; one that is not UTF-8 fails
 * with -EINVAL.
 */
int client_add_string(struct subidd_client *client, struct json_object *parameters,
		      const char *name, const char *value);
int client_add_int(struct subidd_client *client, struct json_object *parameters, const char *name,
		   uint64_t value);

/* The same, but 0 is left out. */
int client_add_nonzero(struct subidd_client *client, struct json_object *parameters,
		       const char *name, uint64_t value);

/* Closes the connection, whose replies can no longer be told apart. */
void client_disconnect(struct subidd_client *client);

/* Is there an answer to come over the connection? */
bool client_is_in_use(const struct subidd_client *client);

/*
 * Makes sure of a connection, and on one that is not in use of silence: one call's answers are its
 * own. Waits until the DEADLINE or, with TRANSPORT_NO_WAIT, not at all. Returns 0 or a negative
 * errno, which client_fail_to_connect() records.
 */
int client_connect(struct subidd_client *client, uint64_t deadline);
int client_fail_to_connect(struct subidd_client *client, int error, uint64_t timeout);

/* Sends the calls' messages, as far as there is room. Returns 0, also if some is left; or errno. */
int client_flush(struct subidd_client *client);

/* What poll(2) has to be asked for. */
short client_events(const struct subidd_client *client);

/* Records an error after which the connection is of no more use; the second closes it as well. */
int client_fail_transport(struct subidd_client *client, int error, uint64_t timeout);
int client_lose(struct subidd_client *client, int error, uint64_t timeout);

/* Takes a message of the peer apart. Returns 0; -EBADMSG or -ENOMEM; nothing is recorded. */
int client_parse_reply(const char *text, size_t length, struct envelope_reply *ret);

/*
 * Wait for a reply to the only call under way; one that is an error is recorded and returned as
 * such. The second is for a reply that may be long in coming: -EAGAIN when the deadline has passed,
 * and the connection stays as it is.
 */
int client_receive(struct subidd_client *client, struct envelope_reply *ret);
int client_await(struct subidd_client *client, struct envelope_reply *ret);
