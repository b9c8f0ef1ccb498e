/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A varlink server on the event loop: sockets, connections and their limits, and the moment at
 * which what one turn of the loop has changed is made durable.
 *
 * Replies that come while changes are pending are held until the end of the turn, when all changes
 * are committed at once; so calls that arrive together share one commit, and no client hears of
 * anything that a power cut could undo.
 */

#include "varlink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* The limits of the contract. */
#define SERVER_CONNECTIONS_MAX 1024
#define SERVER_CONNECTIONS_PER_UID_MAX 128 /* root has no limit of its own: see peer.h */
#define SERVER_READER_MESSAGE_MAX ((size_t)64 * 1024)
#define SERVER_WRITER_MESSAGE_MAX ((size_t)4 * 1024 * 1024)
#define SERVER_TIMEOUT_USEC (30 * UINT64_C(1000000))

struct server_limits {
	size_t connections;
	size_t connections_per_uid;
	size_t reader_message; /* bytes, without the NUL */
	size_t writer_message;
	uint64_t timeout_usec; /* for a started message, and for a reply that is not taken */
};

extern const struct server_limits server_default_limits;

/* What the server needs of those who have the methods. All but CLASSIFY may be NULL. */
struct server_hooks {
	enum varlink_access (*classify)(const struct varlink_peer *peer, void *userdata);
	bool (*is_pending)(void *userdata); /* are there changes to commit? */
	/*
	 * Commits them. Returns NULL, or the full name of the error that all calls of the turn get,
	 * with its parameters in *ret_parameters (handed over; NULL for none).
	 */
	const char *(*commit)(struct json_object **ret_parameters, void *userdata);
	/*
	 * Comes after each commit and before any reply that waited for it: the place to
	 * varlink_continue() streams that tell of what is committed. Also after one that failed,
	 * as some of it may be on disk all the same: they must look for themselves.
	 */
	void (*committed)(void *userdata);
	void (*idle)(void *userdata); /* the last connection has gone */
	/* Something that an operator should know; REASON is a negative errno or 0. */
	void (*log)(int level, int reason, const char *text, void *userdata);
	void *userdata;
};

struct server_counts {
	size_t connections, max_connections;
	uint64_t refused, calls; /* since the start */
};

struct server;

/* INTERFACES must outlive the server, which adds org.varlink.service to nothing by itself. */
int server_new(sd_event *event, const struct varlink_interface *const *interfaces,
	       size_t n_interfaces, const struct server_limits *limits,
	       const struct server_hooks *hooks, struct server **ret);

/* Commits what is pending, lets held replies go as far as sockets take them, closes everything. */
void server_free(struct server *server);

/* Take a listening or a connected socket over if they succeed. Return 0 or a negative errno. */
int server_listen(struct server *server, int fd);
int server_add_connection(struct server *server, int fd);

/*
 * There may be changes that no call has made: they are committed at the end of this turn of the
 * loop, as those of calls are.
 */
void server_commit_soon(struct server *server);

struct server_counts server_get_counts(const struct server *server);
