/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of started calls share. The test itself is the daemon at the other end, in the
 * same thread: where the library waited for anything, nothing would ever come.
 */

#include "fixture.h"

#include "cleanup.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

struct loop {
	struct subidd_client *client;
	int peer; /* the other end, -1 for none */
	int fd;	  /* that the client is waited for with */
};

/* A client whose other end is the test. */
void loop_begin(struct loop *loop);

/* A client of a socket at PATH. */
void loop_begin_at(struct loop *loop, const char *path);

/* Frees what is left. */
void loop_end(struct loop *loop);

/* Is there nothing to do now? */
bool loop_is_quiet(struct loop *loop);

/* Waits until there is something to do, and does it once. */
void loop_turn(struct loop *loop);

/* Does all that can be done now. */
void loop_settle(struct loop *loop);

/* Reads a call of the client as the peer, which must be TEXT. */
void loop_expect(struct loop *loop, const char *text);

/* Has the client said nothing more? */
bool loop_is_silent(struct loop *loop);

/* Answers as the peer; the length counts the NUL byte. */
void loop_say(struct loop *loop, const char *text, size_t length);
#define SAY(loop, text) loop_say(loop, text, sizeof(text))

/* Listens at PATH. Returns the socket. */
int loop_listen(const char *path, int backlog);

/* Takes the client's connection, and becomes its other end. */
void loop_accept(struct loop *loop, int listener);

/* What the callbacks were told, in order: "NAME RESULT" each, with a blank between. */
extern char heard[1024];

/* Compares that with TEXT and forgets it. */
void expect_heard(const char *text);

/* Callbacks that write it down; the userdata is the name. They free what they are given. */
void hear_result(struct subidd_client *client, int error, struct subidd_result *result,
		 void *userdata);
void hear_reconciliation(struct subidd_client *client, int error,
			 struct subidd_reconciliation *reconciliation, void *userdata);
void hear_status(struct subidd_client *client, int error, struct subidd_status *status,
		 void *userdata);
void hear_allocation(struct subidd_client *client, int r,
		     const struct subidd_allocation *allocation, void *userdata);
void hear_event(struct subidd_client *client, int r, const struct subidd_event *event,
		void *userdata);

/* Starts a Get of pod-1, whose callback is called NAME. */
struct subidd_call *start_get(struct loop *loop, const char *name);

/* Starts a Reconcile that is larger than what a socket holds. */
struct subidd_call *start_large(struct loop *loop, const char *name);

/* Reads N calls of any size as the peer, while the client has its turns. */
void loop_take(struct loop *loop, int n);

#define GET_CALL "{\"parameters\":{\"pod\":\"pod-1\"},\"method\":\"io.subidd.Allocator.Get\"}"
#define NO_SUCH_POD                                                                                \
	"{\"error\":\"io.subidd.Allocator.NoSuchAllocation\",\"parameters\":{\"pod\":\"pod-1\"}}"
