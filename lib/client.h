/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the library's files share: the client, its last error, and one call at a time.
 *
 * Every public function begins with client_begin() and leaves with client_fail() where it fails, so
 * that the error of the last call is always whole.
 */

#include "envelope.h"
#include "frame.h"
#include "subidd.h"

#include <stdbool.h>
#include <stdint.h>

#define ALLOCATOR_METHOD(name) "io.subidd.Allocator." name

struct subidd_client {
	char *path; /* of the socket; NULL if it cannot be connected anew */
	int fd;	    /* -1 while there is no connection */
	uint64_t timeout;
	uint64_t deadline; /* of the call at work */
	bool busy;	   /* an iterator waits for replies */
	struct frame_buffer in;
	struct envelope_reply refusal; /* the last call's, if it was refused */
	int error;		       /* the last call's, 0 if it did not fail */
	char *message;		       /* NULL where there was no memory for one */
};

/* Forgets the last error. */
void client_forget(struct subidd_client *client);

/* Starts a call: forgets the last error. Returns 0, or -EBUSY. */
int client_begin(struct subidd_client *client);

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

/* Closes the connection, whose replies can no longer be told apart. */
void client_disconnect(struct subidd_client *client);

/* Makes an empty object for the parameters of a call. */
int client_new_parameters(struct subidd_client *client, struct json_object **ret);

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

/* Sends a call, on a new connection where there is none. PARAMETERS may be NULL. */
int client_send(struct subidd_client *client, const char *method, struct json_object *parameters,
		bool more);

/* Receives a reply; one that is an error is recorded and returned as such. */
int client_receive(struct subidd_client *client, struct envelope_reply *ret);

/*
 * The same for a reply that may be long in coming: -EAGAIN when the deadline has passed, and the
 * connection stays as it is.
 */
int client_await(struct subidd_client *client, struct envelope_reply *ret);

/* Sends and receives, for a call that has a single reply. */
int client_call(struct subidd_client *client, const char *method, struct json_object *parameters,
		struct envelope_reply *ret);
