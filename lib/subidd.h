/* SPDX-License-Identifier: MIT */
#ifndef SUBIDD_H
#define SUBIDD_H

/*
 * libsubidd: asks subidd, which hands out the subordinate IDs of a node, over its varlink interface
 * io.subidd.Allocator.
 *
 * Calls block until the daemon has answered, at most as long as the client's time limit; those of
 * subidd_start_...(), for programs with an event loop of their own, never do. The library reads no
 * environment, logs nothing, raises no signal, makes no thread and keeps no global state. A client,
 * its calls and its iterators may be used in any thread, but in one at a time; clients do not know
 * of each other. A child of fork(2) may free its copy of a client, with its iterators before it,
 * and do nothing else with them. A result belongs to the caller, needs its client no longer, and
 * follows the same rule.
 *
 * Units: IDs are host UIDs and GIDs alike, ranges are a first ID and a number of IDs, times are
 * microseconds since the epoch (UTC). Strings are UTF-8 and end with a NUL byte.
 *
 * Results are made by the library alone: later versions may add members at the end, so do not copy
 * them by value and do not make arrays of them. struct subidd_mapping alone never changes. Each
 * JSON is the object as the daemon sent it, members that this version does not know included,
 * without line breaks. What an older daemon does not say is 0, false or NULL. What a program hands
 * over comes with its size, so that it keeps working where later versions add members; -E2BIG says
 * that one is set that this version does not know.
 *
 * Errors: what can fail returns 0 (or what its comment says), or a negative errno and leaves its
 * results untouched. subidd_client_error_message() then has a line for people. If the daemon
 * refused, subidd_client_error_name() is the full name of its error, and
 * subidd_client_error_string() and _int() give that error's parameters:
 *
 *   -ENOENT      NoSuchAllocation (pod, id)
 *   -ENXIO       NoSuchPool (pool)
 *   -ENOSPC      PoolExhausted (pool, capacity, active, draining, waiting, foreign)
 *   -EUCLEAN     InvalidPool (pool, rule, message)
 *   -EEXIST      CountMismatch (pod, have, want)
 *   -EADDRINUSE  RangeTaken (pod, start, count, pid)
 *   -EADDRNOTAVAIL
 *                RangeMismatch (pod, start, count)
 *   -ESRCH       NoSuchProcess (pid)
 *   -EPERM       OwnedByKubelet (pod)
 *   -EDQUOT      QuotaExceeded (limit)
 *   -EIO         StoreFailed (message)
 *   -EBADMSG     InvalidConfiguration (message, file, line)
 *   -EINVAL      InvalidParameter (parameter)
 *   -EACCES      PermissionDenied
 *   -EOPNOTSUPP  InterfaceNotFound (interface), MethodNotFound (method), MethodNotImplemented
 *                (method): the daemon is older than what was asked of it
 *   -EREMOTEIO   any other error
 *
 * Otherwise that name is NULL and the error is one of this side:
 *
 *   -EINVAL      a parameter is missing or is not valid UTF-8; nothing was sent
 *   -EBUSY       an iterator or a started call of this client has not come to its end; nothing
 *                was sent
 *   -EAGAIN      no event yet: subidd_event_iterator_set_wait()
 *   -ENOMEM      no memory
 *   -ETIMEDOUT   no answer within the time limit
 *   -ECONNRESET  the daemon closed the connection before it answered
 *   -EPROTO      the daemon answered what it must not; the message names the field
 *   -ENOTCONN    the connection of subidd_client_new_from_fd() is closed
 *   others       connect(2) failed, for example -ENOENT, -ECONNREFUSED or -EACCES
 *
 * After -ETIMEDOUT, -ECONNRESET, -EPROTO and where memory ran out while an answer was read, the
 * connection is closed and the call may or may not have been carried out. No call is ever sent
 * twice: call again if you want that. The next call connects anew, and so does one that finds
 * that the daemon was restarted since the last.
 */

#include "subidd-types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SUBIDD_SOCKET_PATH "/run/subidd/io.subidd.Allocator"

/* Time limits in microseconds. */
#define SUBIDD_TIMEOUT_DEFAULT UINT64_C(45000000)
#define SUBIDD_TIMEOUT_INFINITE UINT64_MAX

struct subidd_client;
struct subidd_call;
struct subidd_iterator;
struct subidd_foreign_iterator;
struct subidd_event_iterator;
struct subidd_backup_iterator;

/*
 * Makes a client of the daemon at the socket PATH, NULL for SUBIDD_SOCKET_PATH. Connects with the
 * first call. Returns 0; -ENAMETOOLONG if no socket can have such a path; -ENOMEM.
 */
int subidd_client_new(struct subidd_client **ret, const char *path);

/*
 * Makes a client of a connected stream socket and takes that over. It cannot connect anew: once the
 * connection is closed, all calls fail with -ENOTCONN. Returns 0; -ENOMEM, -EBADF, and FD is still
 * the caller's.
 */
int subidd_client_new_from_fd(struct subidd_client **ret, int fd);

/* Closes the connection and frees the client; its iterators must be freed before. Returns NULL. */
struct subidd_client *subidd_client_free(struct subidd_client *client);

/*
 * Sets the time limit of a whole call, of each reply where there are several; 45 seconds unless
 * set. A daemon that takes no connection counts as well.
 */
void subidd_client_set_timeout(struct subidd_client *client, uint64_t usec);

/*
 * The descriptor of the connection, still the client's own; -ENOTCONN if there is none now. Started
 * calls are waited for with subidd_client_get_poll_fd() instead.
 */
int subidd_client_get_fd(const struct subidd_client *client);

/* Full name of the error that the last call was answered with; NULL if it was none. */
const char *subidd_client_error_name(const struct subidd_client *client);

/* What went wrong with the last call, in one line; NULL if nothing did. Until the next call. */
const char *subidd_client_error_message(const struct subidd_client *client);

/* A parameter of the error that the last call was answered with; NULL if it has no such string. */
const char *subidd_client_error_string(const struct subidd_client *client, const char *parameter);

/* The same for a number: returns 0 and sets *ret, or -ENODATA. */
int subidd_client_error_int(const struct subidd_client *client, const char *parameter,
			    int64_t *ret);

/*
 * Gives a pod its range, the same each time it is asked for. SIZE is sizeof(*request). Hands the
 * result over.
 */
int subidd_allocate(struct subidd_client *client, const struct subidd_request *request, size_t size,
		    struct subidd_result **ret);

/*
 * Gives a pod's range back. An unknown pod or one that was released before is no error. RET may be
 * NULL.
 */
int subidd_release(struct subidd_client *client, const char *pod, struct subidd_result **ret);

/* The allocation of a pod; a released one as well, until its units have gone to another pod. */
int subidd_get(struct subidd_client *client, const char *pod, struct subidd_result **ret);

/* The allocation that a host UID or GID lies in; a released one as well. */
int subidd_lookup(struct subidd_client *client, uint32_t id, struct subidd_result **ret);

/* The one that it lay in at a moment of the past, as far back as the history goes; 0 for now. */
int subidd_lookup_at(struct subidd_client *client, uint32_t id, uint64_t at,
		     struct subidd_result **ret);

/*
 * Ties the active allocation of a pod to a process, PID as the daemon sees it, in place of the one
 * that it was tied to: it is released when that process ends. RET may be NULL.
 */
int subidd_bind(struct subidd_client *client, const char *pod, uint64_t pid,
		struct subidd_result **ret);

/* Frees a result, NULL as well, and returns NULL. */
struct subidd_result *subidd_result_free(struct subidd_result *result);

/*
 * Releases the allocations of all pods that are not in the list, those of the kubelet left out. An
 * empty list releases everything. SIZE is sizeof(*request). RET may be NULL.
 */
int subidd_reconcile(struct subidd_client *client, const struct subidd_reconcile_request *request,
		     size_t size, struct subidd_reconciliation **ret);

/* Frees a reconciliation, NULL as well, and returns NULL. */
struct subidd_reconciliation *subidd_reconciliation_free(
	struct subidd_reconciliation *reconciliation);

/*
 * Asks for all allocations in the order of their start: those of POOL, NULL for all pools, in
 * STATE. Until the iterator has come to its end or is freed, other calls of the client fail with
 * -EBUSY. Hands the iterator over.
 */
int subidd_list(struct subidd_client *client, const char *pool, enum subidd_state state,
		struct subidd_iterator **ret);

/*
 * Steps on. Returns 1 and sets *ret, which is the iterator's own and valid until the next step; 0
 * at the end; or a negative errno, and then there is nothing more to come.
 */
int subidd_iterator_next(struct subidd_iterator *iterator, const struct subidd_allocation **ret);

/* Frees an iterator, NULL as well, and returns NULL. Before its end it closes the connection. */
struct subidd_iterator *subidd_iterator_free(struct subidd_iterator *iterator);

/*
 * Asks for the ranges in use that no allocation explains: those that touch POOL, NULL for all
 * pools. The iterator is like that of subidd_list().
 */
int subidd_list_foreign(struct subidd_client *client, const char *pool,
			struct subidd_foreign_iterator **ret);

/* As subidd_iterator_next(). */
int subidd_foreign_iterator_next(struct subidd_foreign_iterator *iterator,
				 const struct subidd_foreign **ret);

/* As subidd_iterator_free(). */
struct subidd_foreign_iterator *subidd_foreign_iterator_free(
	struct subidd_foreign_iterator *iterator);

/*
 * Asks for what has happened, newest first. QUERY says which events, NULL for all; SIZE is
 * sizeof(*query). The iterator is like that of subidd_list().
 */
int subidd_history(struct subidd_client *client, const struct subidd_history_query *query,
		   size_t size, struct subidd_event_iterator **ret);

/*
 * Asks for what happens from now on: all events that are later than the return of this function
 * come, in their order, and no other call can be made on this client until the iterator is freed.
 * The time limit is that of this function alone; a step waits for its event as long as
 * subidd_event_iterator_set_wait() says. The iterator ends where the daemon does: with -ECONNRESET,
 * also where the program was too slow to take the events, or with 0.
 */
int subidd_monitor(struct subidd_client *client, struct subidd_event_iterator **ret);

/*
 * Sets how long a step of subidd_monitor()'s iterator waits; without an end unless set. If no event
 * came in that time it returns -EAGAIN, and nothing is lost: the next step goes on.
 *
 * A program that waits for other things as well sets 0. It then steps until -EAGAIN, waits with
 * poll(2) until subidd_client_get_fd() can be read, and steps again: not the other way round,
 * because events that were read already do not make the descriptor readable.
 */
void subidd_event_iterator_set_wait(struct subidd_event_iterator *iterator, uint64_t usec);

/* As subidd_iterator_next(); -EAGAIN alone is no end. */
int subidd_event_iterator_next(struct subidd_event_iterator *iterator,
			       const struct subidd_event **ret);

/* As subidd_iterator_free(). */
struct subidd_event_iterator *subidd_event_iterator_free(struct subidd_event_iterator *iterator);

/*
 * Asks for a copy of the daemon's database, with everything that was answered before: for root. The
 * iterator is like that of subidd_list().
 */
int subidd_backup(struct subidd_client *client, struct subidd_backup_iterator **ret);

/* As subidd_iterator_next(); where it returns 0, the copy is whole. */
int subidd_backup_iterator_next(struct subidd_backup_iterator *iterator,
				const struct subidd_piece **ret);

/* As subidd_iterator_free(). */
struct subidd_backup_iterator *subidd_backup_iterator_free(struct subidd_backup_iterator *iterator);

/* The daemon and its pools, with all that is wrong with them. */
int subidd_get_status(struct subidd_client *client, struct subidd_status **ret);

/* Lets the daemon read its configuration and the node's files again. RET may be NULL. */
int subidd_reload(struct subidd_client *client, struct subidd_status **ret);

/* Frees a status, NULL as well, and returns NULL. */
struct subidd_status *subidd_status_free(struct subidd_status *status);

/* The interface's name of a state, "active" for example; NULL if it has none. */
const char *subidd_state_name(enum subidd_state state);

/* The interface's name of an origin, "request" for example; NULL if it has none. */
const char *subidd_origin_name(enum subidd_origin origin);

/* The interface's name of an outcome, "created" for example; NULL if it has none. */
const char *subidd_outcome_name(enum subidd_outcome outcome);

/* The interface's name of a level, "error" for example; NULL if it has none. */
const char *subidd_level_name(enum subidd_level level);

#ifdef __cplusplus
}
#endif

#include "subidd-loop.h"

#endif
