/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The methods over an allocator that is made of what a test has put into it, called without any
 * socket.
 */

#include "testing.h"

#include "call.h"
#include "methods.h"

#define NAMED "io.subidd.Allocator."

struct methods_rig {
	struct methods methods;
	struct varlink_interface interface;
	const struct varlink_interface *interfaces[1];
	struct varlink_peer peer;
	enum varlink_access access;

	/* what there is */
	struct pools pools;
	struct allocation *allocations;
	size_t n_allocations;
	struct event *events; /* oldest first */
	size_t n_events, n_committed;
	struct claim *claims; /* of each pool */
	size_t n_claims;
	struct findings runtime; /* of the first pool */
	int result;		 /* of whatever asks for a change, or for a pod */
	struct refusal refusal;
	int read_result;     /* of what reads many rows or events */
	uint32_t living_pid; /* the only process */
	uint32_t hidden_pid;
	uint32_t unmapped_pid; /* it ends before its maps are read */
	bool is_pending;
	bool is_backup_open;
	uint64_t backup_size;

	/* what was asked for last */
	unsigned int n_asked; /* times that a change was asked for */
	struct allocate_request allocate;
	struct process process;
	struct id_range map; /* the first of the process's uid_map */
	struct requester by;
	struct reconcile_request reconcile;
	struct event_query query;
	uint64_t at;
};

extern struct methods_rig methods_rig;

void methods_rig_make(void);
void methods_rig_drop(void);

/* Adds N events that are not committed. */
void methods_rig_happen(size_t n);

/* A call and what it has answered so far, oldest first. */
struct caller {
	struct varlink_call call;
	struct call_owner owner;
	struct json_object *replies; /* an array */
	size_t n_read;
	unsigned int n_woken;
	int r;
};

/* Begins the call of a method; PARAMETERS without braces, FLAG such as "more" or NULL. */
void caller_start(struct caller *caller, const char *method, const char *parameters,
		  const char *flag);

/* Goes on until the call is over or waits. */
void caller_run(struct caller *caller);

/* The next reply; the test fails if there is none. */
struct json_object *caller_next(struct caller *caller);

/* Runs the call; the test fails unless its next reply, and the only one, is TEXT. */
void caller_expect(struct caller *caller, const char *text);

void caller_drop(struct caller *caller);

/* A whole call with one reply. */
void expect_answer(const char *method, const char *parameters, const char *flag, const char *text);
