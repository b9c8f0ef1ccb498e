/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a varlink interface is made of, and what its methods may do with a call: the boundary
 * between the server, which knows no method, and the methods, which know no file descriptor. Shaped
 * like sd_varlink_server_*() of newer versions of systemd.
 */

#include "fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How much a client may do; each includes the ones before it. */
enum varlink_access { ACCESS_READER, ACCESS_WRITER, ACCESS_ROOT };

/* The other end of a connection, as the kernel recorded it when it connected. */
struct varlink_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	uid_t payer;   /* whose limits the connection counts against: peer.h */
	gid_t *groups; /* supplementary ones */
	size_t n_groups;
};

/* A call at work. It lives until its last reply, or until its connection is gone. */
struct varlink_call;

struct varlink_method {
	const char *name; /* without its interface */
	enum varlink_access access;
	bool streams; /* answers several times and must be called with "more" */
	const struct field *fields;
	size_t n_fields;
	/*
	 * PARAMETERS is the decoded struct of the table, zeroed before; it and the strings in it
	 * live no longer than the call. Answers, streams or keeps the call, and returns 0; or
	 * returns a negative errno, and the connection is closed.
	 */
	int (*handle)(struct varlink_call *call, const void *parameters, void *userdata);
};

/* Most bytes of a struct of parameters. */
#define VARLINK_PARAMETERS_MAX 256

struct varlink_interface {
	const char *name;
	const char *description; /* in the varlink interface definition language */
	const struct varlink_method *methods;
	size_t n_methods;
	void *userdata; /* for its methods */
};

/*
 * The answers. PARAMETERS may be NULL if there are none; they are taken over in every case.
 * varlink_notify() says that more replies follow. All return 0 or -ENOMEM.
 */
int varlink_reply(struct varlink_call *call, struct json_object *parameters);
int varlink_notify(struct varlink_call *call, struct json_object *parameters);
int varlink_error(struct varlink_call *call, const char *error, struct json_object *parameters);
int varlink_invalid_parameter(struct varlink_call *call, const char *name);

/*
 * Has NEXT called, until it has sent the last reply, whenever the client has taken what was sent
 * before: so a slow reader costs no memory. NEXT returns 0 or a negative errno, as a method does.
 * STATE is given back to FREE in the end, however it ends.
 */
void varlink_stream(struct varlink_call *call, int (*next)(struct varlink_call *call, void *state),
		    void *state, void (*free_state)(void *state));

/*
 * A stream that has nothing more to say for now: from within NEXT, which is then not called again
 * before varlink_continue(). That one comes from the event loop, never from within a callback of
 * the same connection, and does nothing to a stream that does not wait. A client that goes away
 * meanwhile is noticed, and STATE given back to FREE.
 */
void varlink_wait(struct varlink_call *call);
void varlink_continue(struct varlink_call *call);

/*
 * Keeps the call to be answered later, from the event loop. CANCELLED is called instead if the
 * connection goes away first; the call must not be used any more then.
 */
void varlink_keep(struct varlink_call *call,
		  void (*cancelled)(struct varlink_call *call, void *userdata), void *userdata);

/* Ends a kept call for which there is no answer: its connection is closed. */
void varlink_give_up(struct varlink_call *call);

const struct varlink_peer *varlink_call_peer(const struct varlink_call *call);
enum varlink_access varlink_call_access(const struct varlink_call *call);

/* org.varlink.service, which every server has. */
struct varlink_service {
	const char *vendor, *product, *version, *url;
	const struct varlink_interface *const *interfaces;
	size_t n_interfaces;
};

/* The interface; SERVICE, which may list that very interface, must outlive it. */
struct varlink_interface varlink_service_interface(const struct varlink_service *service);
