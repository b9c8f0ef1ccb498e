/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One client: what comes in is cut into messages, one call at a time is at work, what goes out
 * waits for the client. Nothing more is read or answered while output waits, so what a client can
 * make the daemon keep is one message, one reply and the buffers for them.
 */

#include "call.h"
#include "varlink.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct connection;

/* What the connections of a server have in common; their owner outlives them. */
struct connection_host {
	sd_event *event;      /* for time limits */
	int readers_epoll_fd; /* each is in one of them, as data.ptr: connection_on_event() */
	int writers_epoll_fd;
	const struct varlink_interface *const *interfaces;
	size_t n_interfaces;
	enum varlink_access (*classify)(const struct varlink_peer *peer, void *userdata);
	/* Must replies be held back until connection_release()? Asked after each call. */
	bool (*must_hold)(void *userdata);
	/* A connection is held; once for each time. */
	void (*held)(struct connection *connection, void *userdata);
	/* A connection can go on without waiting for its socket: connection_take_turn() is due. */
	void (*due)(struct connection *connection, void *userdata);
	/* The connection is over: it must be freed, but not from within. */
	void (*over)(struct connection *connection, int reason, void *userdata);
	/* A call was taken; and, more often, a connection had the loop's attention. */
	void (*called)(void *userdata);
	void (*worked)(void *userdata);
	void *userdata;
	size_t reader_message_max; /* bytes, without the NUL */
	size_t writer_message_max;
	uint64_t timeout_usec; /* for a started message, and for output that the client does not
				  take */
};

/* Serves FD, which it takes over if it succeeds. Returns 0 or a negative errno. */
int connection_new(struct connection_host *host, int fd, struct connection **ret);

/* Closes it and cancels its call; NULL is fine. */
void connection_free(struct connection *connection);

const struct varlink_peer *connection_peer(const struct connection *connection);

/* Could its client change anything when it connected? */
bool connection_is_writer(const struct connection *connection);

/* To be called with what epoll_wait(2) told of it; and once for each time that a turn is due. */
void connection_on_event(struct connection *connection, uint32_t events);
void connection_take_turn(struct connection *connection);

/*
 * Lets go what was held back. With ERROR the held replies are replaced by this error with
 * PARAMETERS (not taken over, may be NULL): what they promised did not come true.
 */
void connection_release(struct connection *connection, const char *error,
			struct json_object *parameters);

/* For the owner's lists: AT points to what points to this one, so no list need be known to leave.
 */
struct connection_links {
	struct connection **at, *next;
};

struct connection_links *connection_in_all(struct connection *connection);
struct connection_links *connection_in_held(struct connection *connection);
struct connection_links *connection_in_due(struct connection *connection);
