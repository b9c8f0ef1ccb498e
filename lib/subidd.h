/* SPDX-License-Identifier: MIT */
#ifndef SUBIDD_H
#define SUBIDD_H

/*
 * libsubidd: asks subidd, which hands out the subordinate IDs of a node, over its varlink interface
 * io.subidd.Allocator.
 *
 * Calls block until the daemon has answered, at most as long as the client's time limit. The
 * library reads no environment, logs nothing, raises no signal and keeps no global state. A client
 * and its iterators may be used in any thread, but in one at a time; clients do not know of each
 * other. A result belongs to the caller, needs its client no longer, and follows the same rule.
 *
 * Units: IDs are host UIDs and GIDs alike, ranges are a first ID and a number of IDs, times are
 * microseconds since the epoch (UTC). Strings are UTF-8 and end with a NUL byte.
 *
 * Results are made by the library alone: later versions may add members at the end, so do not copy
 * them by value and do not make arrays of them. struct subidd_mapping alone never changes. Each
 * JSON is the object as the daemon sent it, members that this version does not know included,
 * without line breaks.
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
 *   -EBUSY       an iterator of this client has not come to its end; nothing was sent
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SUBIDD_SOCKET_PATH "/run/subidd/io.subidd.Allocator"

/* Time limits in microseconds. */
#define SUBIDD_TIMEOUT_DEFAULT UINT64_C(45000000)
#define SUBIDD_TIMEOUT_INFINITE UINT64_MAX

struct subidd_client;
struct subidd_iterator;

enum subidd_state {
	SUBIDD_STATE_ANY = -1, /* for subidd_list() only */
	SUBIDD_STATE_ACTIVE,   /* the pod has the range */
	SUBIDD_STATE_DRAINING, /* released, but something alive still maps it */
	SUBIDD_STATE_RELEASED, /* free, and kept for the same pod until another one takes it */
};

enum subidd_origin {
	SUBIDD_ORIGIN_REQUEST, /* asked for over the interface */
	SUBIDD_ORIGIN_KUBELET, /* found in the kubelet's pods folder */
};

enum subidd_outcome {
	SUBIDD_OUTCOME_NONE = -1, /* the call was no subidd_allocate() */
	SUBIDD_OUTCOME_CREATED,	  /* the range is new */
	SUBIDD_OUTCOME_EXISTING,  /* the pod has had it */
	SUBIDD_OUTCOME_REVIVED,	  /* the pod got its old range back */
};

enum subidd_level {
	SUBIDD_LEVEL_ERROR,   /* nothing is allocated from the pool until it is mended */
	SUBIDD_LEVEL_WARNING, /* worth a look */
};

/* A map of container IDs to host IDs. */
struct subidd_mapping {
	uint32_t container_id; /* first ID inside the container */
	uint32_t host_id;      /* first ID on the host */
	uint32_t size;	       /* number of IDs */
};

/* One pod's range; start + count always fits into 32 bits. */
struct subidd_allocation {
	const char *json;
	const char *pod;  /* key of the allocation */
	const char *pool; /* name of the pool that the range came from */
	uint32_t start;	  /* first host ID */
	uint32_t count;	  /* number of IDs, never 0 */
	enum subidd_state state;
	enum subidd_origin origin;
	bool in_pool;		   /* does it lie in its pool as that is now? */
	const char *pod_namespace; /* Kubernetes namespace as the client gave it; may be NULL */
	const char *pod_name;	   /* name of the pod as the client gave it; may be NULL */
	uint32_t client_uid;	   /* of the client that asked for the range */
	uint64_t created_at;	   /* when the pod got the range, or got it back */
	uint64_t released_at;	   /* 0 while it is active */
};

/* What is known of a pod or of an ID: the answer of subidd_allocate(), _release(), _get(),
 * _lookup(). */
struct subidd_result {
	const char *json;
	/* NULL only after subidd_release() of an unknown pod */
	const struct subidd_allocation *allocation;
	/* of subidd_allocate() */
	enum subidd_outcome outcome;
	/* of subidd_allocate() and subidd_get(), else NULL: together, one behind the other from the
	 * container ID 0 on, they cover the allocation from its start to its end */
	const struct subidd_mapping *uid_mappings;
	size_t n_uid_mappings;
	const struct subidd_mapping *gid_mappings;
	size_t n_gid_mappings;
	/* of subidd_release(): did this call release it? */
	bool released;
	/* of subidd_lookup(): the same ID as seen inside the container */
	uint32_t container_id;
};

/* What the validation of a pool found. */
struct subidd_finding {
	const char *rule; /* name of the rule, for example "start-unaligned" */
	enum subidd_level level;
	const char *message; /* for people */
	const char *file;    /* that it was found in; may be NULL */
	uint32_t line;	     /* in that file, counted from 1; 0 if unknown */
};

/* The range of an owner in subuid(5), cut into units. Counts from capacity to free are units. */
struct subidd_pool {
	const char *json;
	const char *name;
	const char *owner;
	bool valid;	   /* is there no finding of the level error? */
	uint32_t start;	   /* first ID; 0 while the pool is invalid */
	uint32_t count;	   /* number of IDs; 0 while the pool is invalid */
	uint32_t unit;	   /* IDs of one unit */
	uint32_t max_pods; /* number of pods that it must have room for */
	uint32_t capacity; /* can be handed out, those in use included */
	uint32_t active;   /* pods have them */
	uint32_t draining; /* released, but something alive still maps them */
	uint32_t released; /* wait for their pod or another one */
	uint32_t foreign;  /* in use by something that did not ask for them */
	uint32_t free;	   /* can be handed out now */
	uint32_t outside;  /* allocations of this pool that do not lie in it as it is now */
	const struct subidd_finding *const *findings; /* errors first */
	size_t n_findings;
};

/* The daemon and its pools; after subidd_reload() all but json and the pools is NULL and 0. */
struct subidd_status {
	const char *json;
	const struct subidd_pool *const *pools;
	size_t n_pools;
	const char *version; /* of the daemon */
	uint64_t started_at;
	const char *database;	  /* path */
	uint64_t database_size;	  /* bytes, without the write-ahead log */
	uint64_t schema;	  /* version of the database's schema */
	uint64_t allocations;	  /* in the database, released ones included */
	uint64_t connections;	  /* open now, the asking one included */
	uint64_t max_connections; /* most at a time */
	uint64_t refused;	  /* connections refused since the start */
	uint64_t calls;		  /* taken since the start */
};

/* What subidd_allocate() asks for; a member that is NULL or 0 is left out. */
struct subidd_request {
	const char *pod;	   /* 1 to 128 of A-Z a-z 0-9 . _ -, a letter or digit first */
	const char *pool;	   /* may be left out where there is only one */
	uint64_t count;		   /* number of IDs, a multiple of the pool's unit */
	const char *pod_namespace; /* kept for people, at most 253 bytes */
	const char *pod_name;	   /* kept for people, at most 253 bytes */
};

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

/* The descriptor of the connection, still the client's own; -ENOTCONN if there is none now. */
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
 * Gives a pod its range, the same each time it is asked for. SIZE is sizeof(*request), so that
 * programs keep working where later versions add members. Returns 0 and hands the result over;
 * fails with -E2BIG if REQUEST has a member set that this version does not know.
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

/* Frees a result, NULL as well, and returns NULL. */
struct subidd_result *subidd_result_free(struct subidd_result *result);

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

#endif
