/* SPDX-License-Identifier: MIT */
#pragma once

/* The methods of io.subidd.Allocator: parameters to requests, results to replies. No sockets. */

#include "allocator.h"
#include "varlink.h"

#include <stdint.h>

struct methods_clients {
	uint64_t connections, max_connections, refused, calls;
};

/* The search for processes that live in released or foreign ranges. */
struct methods_scan {
	bool is_blind;
	const char *message; /* why it is blind; NULL if it is not; the hook's */
	uint64_t last_at;    /* us since the epoch when the last pass ended; 0: there was none */
	uint32_t processes;  /* that it saw */
	uint64_t cost;	     /* us of the daemon */
};

struct watcher;
struct backup;

/* What the methods need; it must outlive their calls. */
struct methods {
	struct allocator *allocator;
	const char *version;
	uint64_t started_at; /* us since the epoch */
	void (*count_clients)(struct methods_clients *ret, void *userdata);
	void (*describe_scan)(struct methods_scan *ret, void *userdata);
	/*
	 * What was found wrong with a pool since it was validated, by its name: in the kubelet's
	 * pods folder. NULL if there is nothing; the hook's.
	 */
	const struct findings *(*find_runtime)(const char *pool, void *userdata);
	/*
	 * Reads configuration and files again and answers the call with methods_reply_reload() or
	 * methods_refuse_reload(), now or later.
	 */
	int (*reload)(struct varlink_call *call, void *userdata);
	void *userdata;
	struct watcher *watchers; /* of Monitor; each belongs to its call */
	struct backup *backup;	  /* the one that is being made; its call's; NULL: none */
};

struct varlink_interface methods_interface(struct methods *userdata);

/* To be called after each commit: those who watch are told what has happened. */
void methods_committed(struct methods *methods);

/* The answers to Reload. FILE may be NULL, LINE 0. Return 0 or a negative errno. */
int methods_reply_reload(struct methods *methods, struct varlink_call *call);
int methods_refuse_reload(struct varlink_call *call, const char *message, const char *file,
			  uint32_t line);

/* Refuses a call because the store failed. Returns 0 or a negative errno. */
int methods_refuse_store(struct methods *methods, struct varlink_call *call);

/* The error of a failed commit, in the shape of the server's hook. */
const char *methods_store_failed(struct methods *methods, struct json_object **ret_parameters);

/* Pools in the shape of Reload's reply as JSON text, to be freed. NULL without memory. */
char *methods_describe_pools(const struct pools *pools);
