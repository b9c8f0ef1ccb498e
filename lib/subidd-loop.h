/* SPDX-License-Identifier: MIT */
#ifndef SUBIDD_LOOP_H
#define SUBIDD_LOOP_H

/*
 * Calls that wait for nothing, for programs with an event loop of their own. Include subidd.h,
 * whose comment holds for this.
 *
 * subidd_start_...() does what the function without "start" does, but returns before anything is
 * sent, and the answer comes in a callback:
 *
 *     fd = subidd_client_get_poll_fd(client);        once: it stays the same
 *     subidd_start_get(client, "pod", callback, userdata, NULL);
 *     whenever fd can be read: subidd_client_process(client);
 *
 * Neither the start nor subidd_client_process() ever waits, be it for a connection, for room to
 * send or for an answer, and callbacks are called by subidd_client_process() alone. Any number of
 * calls may be under way; they are sent one behind the other without waiting for answers, and
 * answered in that order. Each has the time limit that was set when it was started, from that
 * moment on, of each reply where there are several; the time that it takes to connect counts as
 * well.
 *
 * A start returns 0, and then there will be a callback; or a negative errno for what is wrong with
 * the request, and then there will be none. What fails later, connecting as well, is told the
 * callback: it gets what the blocking function would have returned, and
 * subidd_client_error_message() and its kin speak of that call until the callback makes or starts
 * another one. Where it gets 0 the result is handed over; else there is none.
 *
 * RET, which may be NULL, gets the call: valid until its last callback returns, or until it or its
 * client is freed, after which it has no callback any more. As with a time limit that has passed,
 * the call may have been carried out nevertheless, unless nothing of it was sent yet. Its answer is
 * read and dropped while others are awaited; where none is, the connection is closed.
 *
 * If the connection ends, because the daemon was restarted for example, all calls that are under
 * way fail with -ECONNRESET, also those of which nothing was sent. Each may have been carried out,
 * none is sent again; the next one that is started connects anew. What is no answer of a sound
 * daemon fails the call that it was for with -EPROTO, and the others with -ECONNRESET.
 *
 * While a call is under way the blocking functions of the same client fail with -EBUSY, and so does
 * a start while an iterator is open. In a callback, calls may be started and freed, and the client
 * may be freed. That calls nobody back: what userdata points to is the program's own to free.
 */

#include "subidd.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*subidd_result_callback)(struct subidd_client *client, int error,
				       struct subidd_result *result, void *userdata);
typedef void (*subidd_reconciliation_callback)(struct subidd_client *client, int error,
					       struct subidd_reconciliation *reconciliation,
					       void *userdata);
typedef void (*subidd_status_callback)(struct subidd_client *client, int error,
				       struct subidd_status *status, void *userdata);

/*
 * For methods that answer with many items, called as often as an iterator would be stepped: R is 1
 * with an item, which is valid until the callback returns; 0 at the end; or a negative errno, which
 * is the end as well.
 */
typedef void (*subidd_allocation_callback)(struct subidd_client *client, int r,
					   const struct subidd_allocation *allocation,
					   void *userdata);
typedef void (*subidd_event_callback)(struct subidd_client *client, int r,
				      const struct subidd_event *event, void *userdata);

/*
 * A descriptor for poll(2), epoll(7) or any event loop, the client's own and the same until that is
 * freed: while it can be read (POLLIN), subidd_client_process() has something to do, be it for the
 * connection or because time is over. It exists from the first call of this function on. Nothing is
 * to be read from it. Negative errno: it could not be made.
 */
int subidd_client_get_poll_fd(struct subidd_client *client);

/*
 * Connects, sends, receives and calls back, as far as is possible without waiting. It may be called
 * at any time, also in vain. Returns 0; -EBUSY in a callback or while an iterator is open.
 */
int subidd_client_process(struct subidd_client *client);

/* Gives a call up that has not come to its end, and returns NULL; for NULL it does nothing. */
struct subidd_call *subidd_call_free(struct subidd_call *call);

/* As subidd_allocate(). */
int subidd_start_allocate(struct subidd_client *client, const struct subidd_request *request,
			  size_t size, subidd_result_callback callback, void *userdata,
			  struct subidd_call **ret);

/* As subidd_release(). */
int subidd_start_release(struct subidd_client *client, const char *pod,
			 subidd_result_callback callback, void *userdata, struct subidd_call **ret);

/* As subidd_get(). */
int subidd_start_get(struct subidd_client *client, const char *pod, subidd_result_callback callback,
		     void *userdata, struct subidd_call **ret);

/* As subidd_lookup_at(). */
int subidd_start_lookup(struct subidd_client *client, uint32_t id, uint64_t at,
			subidd_result_callback callback, void *userdata, struct subidd_call **ret);

/* As subidd_bind(). */
int subidd_start_bind(struct subidd_client *client, const char *pod, uint64_t pid,
		      subidd_result_callback callback, void *userdata, struct subidd_call **ret);

/* As subidd_reconcile(). */
int subidd_start_reconcile(struct subidd_client *client,
			   const struct subidd_reconcile_request *request, size_t size,
			   subidd_reconciliation_callback callback, void *userdata,
			   struct subidd_call **ret);

/* As subidd_list(). Other calls may be started behind it. */
int subidd_start_list(struct subidd_client *client, const char *pool, enum subidd_state state,
		      subidd_allocation_callback callback, void *userdata,
		      struct subidd_call **ret);

/* As subidd_history(). Other calls may be started behind it. */
int subidd_start_history(struct subidd_client *client, const struct subidd_history_query *query,
			 size_t size, subidd_event_callback callback, void *userdata,
			 struct subidd_call **ret);

/*
 * As subidd_monitor(). The callback is first called with -EAGAIN, which is no end: all that happens
 * from then on comes. The time limit is that of this first callback alone. Behind it no other call
 * can be started: -EBUSY.
 */
int subidd_start_monitor(struct subidd_client *client, subidd_event_callback callback,
			 void *userdata, struct subidd_call **ret);

/* As subidd_get_status(). */
int subidd_start_get_status(struct subidd_client *client, subidd_status_callback callback,
			    void *userdata, struct subidd_call **ret);

/* As subidd_reload(). */
int subidd_start_reload(struct subidd_client *client, subidd_status_callback callback,
			void *userdata, struct subidd_call **ret);

#ifdef __cplusplus
}
#endif

#endif
