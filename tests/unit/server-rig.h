/* SPDX-License-Identifier: MIT */
#pragma once

/* A server with methods of its own and clients of it, all in one thread: nothing runs but in
 * pump().
 */

#include "testing.h"

#include "server.h"

#include <stdbool.h>

#define TIMEOUT_USEC (60 * 1000) /* the server's, where a test waits for it */
#define NAMED "org.example.Test."

struct rig {
	sd_event *event;
	struct server *server;
	struct server_limits limits;
	enum varlink_access access; /* of every client */
	int listen_fd;		    /* owned by the server */
	int n_fds;		    /* before it was made */

	bool is_pending; /* a change waits for its commit */
	bool is_committing;
	unsigned int n_changes, n_commits; /* commits that failed count as well */
	unsigned int n_committed;	   /* times that the server said so */
	unsigned int largest_batch;	   /* changes of one commit */
	bool must_fail;			   /* the next commit */

	struct varlink_call *kept;
	unsigned int n_kept, n_cancelled;
	unsigned int n_idle, n_logged;
	unsigned int n_echoes;
	unsigned int n_streams;	 /* states of streams that were not freed yet */
	unsigned int n_streamed; /* replies of streams */
	struct watcher *watchers;
	unsigned int n_looks; /* of watchers, for something to tell */
	bool must_wait;	      /* as soon as they have told it */
	bool must_end;	      /* with what they tell next */
};

/* ACCESS is what the clients may; limits are those of the contract with a short timeout. */
void rig_make(struct rig *rig);

/* Frees the server; fails the test if a descriptor or the state of a stream is left. */
void rig_drop(struct rig *rig);

/* Runs the loop until nothing is left to do. A loop that finds no end fails the test. */
void pump(struct rig *rig);

/* Makes a change as a call would; nobody has asked for it. */
void rig_change(struct rig *rig);

/* Continues every stream of Watch. */
void rig_continue(struct rig *rig);

/* Waits for one event, but not longer than a few seconds: then the test fails. */
void wait_event(struct rig *rig);

/* Listens on an abstract address that the kernel chooses, and connects to it. */
void rig_listen(struct rig *rig, int type_flags);
int rig_connect(struct rig *rig);

/* What a client has got so far. */
struct client {
	int fd;
	char *data;
	size_t size;
};

/* A client over a socketpair that the server has been given. */
struct client client_make(struct rig *rig);
struct client client_of(int fd);
void client_drop(struct client *client);

/* Sends messages as they are; each NUL of them is written as a "|". */
void client_send(struct client *client, const char *messages);
void client_send_bytes(struct client *client, const char *data, size_t size);

/* The next message must be that one; or there must be none; or the connection must be over. */
void expect(struct rig *rig, struct client *client, const char *message);
void expect_nothing(struct rig *rig, struct client *client);
void expect_closed(struct rig *rig, struct client *client);

/* Takes what can be read without waiting. Returns false at the end of the connection. */
bool client_take(struct client *client);

/* Takes a whole message out; NULL if there is none. To be freed. */
char *client_next(struct client *client);
