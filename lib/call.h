/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Calls that are under way, and their answers.
 *
 * A client's calls stand in a queue, in the order in which they are sent and answered. One that is
 * given up, because it is freed or its time is over, leaves the queue. If its message has been
 * begun its answer comes all the same and is dropped: the call behind it counts such answers. Where
 * nothing but those is awaited the connection is closed.
 *
 * The blocking form has one call in the queue and waits for it (call_run(), stream.h); the other
 * form sees to all of them without waiting (process.c).
 */

#include "client.h"
#include "fields.h"

/* A method, and what becomes of its answers. */
struct call_kind {
	const char *method;
	/*
	 * Of a method with one reply: its fields, and what makes a result of it, which may take the
	 * reply's root over. Returns as the functions of decode.h.
	 */
	const struct field *fields;
	size_t n_fields;
	int (*decode)(const struct subidd_call *call, struct envelope_reply *reply, void **ret,
		      const char **ret_wrong);
	/* Of one with many: the items of each. */
	bool is_stream;
	bool is_live;	   /* do items come when something happens, and not as fast as they can? */
	const char *array; /* field that has them; NULL: each reply is an item */
	int (*decode_item)(struct json_object *object, void *item, const char **ret_wrong);
	/* Calls the callback of a started call; RESULT is a result, an item or NULL. */
	void (*tell)(const struct subidd_call *call, int r, void *result);
};

union call_callback {
	subidd_result_callback result;
	subidd_reconciliation_callback reconciliation;
	subidd_status_callback status;
	subidd_allocation_callback allocation;
	subidd_event_callback event;
};

struct subidd_call {
	struct subidd_client *client;
	struct call_list *list; /* that it stands in, or NULL */
	struct subidd_call *previous, *next;
	const struct call_kind *kind;
	struct outgoing message; /* empty once its sending has begun */
	size_t n_skip;		 /* answers to drop before its own */
	bool is_answered;	 /* has the last reply come? */
	uint64_t timeout;
	uint64_t deadline; /* of the next reply */
	/* what the answer must be about */
	char *pod;
	uint32_t id;
	/* of a started call */
	bool is_started;
	bool is_told;	    /* is its callback at work? */
	bool is_freed;	    /* was it freed there? */
	bool has_begun;	    /* has a reply of the stream come? */
	int error;	    /* once it has failed */
	bool is_connecting; /* did it fail for want of a connection? */
	union call_callback callback;
	void *userdata;
};

/* Makes a call; PARAMETERS may be NULL. Returns 0 or a recorded errno. */
int call_new(struct subidd_client *client, const struct call_kind *kind,
	     struct json_object *parameters, struct subidd_call **ret);

/* Gives a call up and frees it, NULL as well; while its callback is at work, that is left to it. */
void call_free(struct subidd_call *call);
static inline void call_freep(struct subidd_call **call)
{
	call_free(*call);
}

/* Frees a call that stands in no list, and no more. */
void call_dispose(struct subidd_call *call);

/* Puts a call behind all that are under way, or takes it out of the list that it stands in. */
void call_enter(struct subidd_call *call, struct call_list *list);
void call_leave(struct subidd_call *call);

/* Its next reply must have come USEC microseconds from now. */
void call_set_timeout(struct subidd_call *call, uint64_t usec);

/* Makes the result of a reply. Returns 0 or a recorded errno. */
int call_decode(const struct subidd_call *call, struct envelope_reply *reply, void **ret);

/* Puts a call into the queue and sends as much of it as there is room for: the blocking form. */
int call_send(struct subidd_call *call);

/* Sends a call, which it takes over, and waits for its result, which is handed over. */
int call_run(struct subidd_call *call, void **ret);

/*
 * Starts a call, which it takes over: nothing is sent before subidd_client_process(). RET may be
 * NULL. Returns 0 or a recorded errno.
 */
int call_start(struct subidd_call *call, union call_callback callback, void *userdata,
	       struct subidd_call **ret);
