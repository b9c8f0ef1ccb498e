/* SPDX-License-Identifier: MIT */
#ifndef SUBIDD_TYPES_H
#define SUBIDD_TYPES_H

/* What the functions of subidd.h take and give. Include that one, whose comment holds for this. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum subidd_state {
	SUBIDD_STATE_ANY = -1, /* for subidd_list() only */
	SUBIDD_STATE_ACTIVE,   /* the pod has the range */
	SUBIDD_STATE_DRAINING, /* released, until nothing alive maps it */
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

enum subidd_event_kind {
	SUBIDD_EVENT_UNKNOWN = -1, /* the daemon is newer than this library: see kind_name */
	SUBIDD_EVENT_ALLOCATED,	   /* a pod got a new range */
	SUBIDD_EVENT_REVIVED,	   /* a pod got its old range back */
	SUBIDD_EVENT_RELEASED,	   /* it was given back, and drains */
	SUBIDD_EVENT_DRAINED,	   /* nothing alive maps it any more */
	SUBIDD_EVENT_REUSED,	   /* its units went to another pod */
	SUBIDD_EVENT_BOUND,	   /* it was tied to a process */
	SUBIDD_EVENT_ADOPTED,	   /* it was found in the kubelet's pods folder */
	SUBIDD_EVENT_VANISHED,	   /* it is gone from there, and drains */
	SUBIDD_EVENT_CONFLICT,	   /* the kubelet gave a pod a range that another pod has */
	SUBIDD_EVENT_POOL_CHANGED, /* the range of the pool is another one */
	SUBIDD_EVENT_RESTORED,	   /* all that was before it came from a backup */
};

/* Why an allocation was released. */
enum subidd_cause {
	SUBIDD_CAUSE_UNKNOWN = -2,  /* the daemon is newer than this library: see cause_name */
	SUBIDD_CAUSE_NONE = -1,	    /* none is given */
	SUBIDD_CAUSE_REQUEST,	    /* subidd_release() */
	SUBIDD_CAUSE_RECONCILE,	    /* subidd_reconcile() */
	SUBIDD_CAUSE_PROCESS_ENDED, /* the process that it was tied to is gone */
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
	uint32_t pid; /* process whose end releases it, as the daemon sees it; 0: none */
};

/* What is known of a pod or of an ID: the answer of subidd_allocate(), _release(), _get(),
 * _lookup(), _lookup_at(), _bind(). */
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
	/* of subidd_lookup() and _lookup_at(): the same ID as seen inside the container */
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
	uint32_t draining; /* released, until nothing alive maps them */
	uint32_t released; /* wait for their pod or another one */
	uint32_t foreign;  /* in use by something that did not ask for them */
	uint32_t free;	   /* can be handed out now: never used, or released and not waiting */
	uint32_t outside;  /* allocations of this pool that do not lie in it as it is now */
	const struct subidd_finding *const *findings; /* errors first */
	size_t n_findings;
	uint32_t waiting; /* of those released: not for as long as ReuseDelaySec= demands */
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
	uint64_t events;	  /* in the history */
	/* the search for processes that live in released or foreign ranges */
	bool scan_is_blind;	  /* does the daemon not see all processes? */
	const char *scan_message; /* why it is blind; may be NULL */
	uint64_t scanned_at;	  /* end of the last whole pass; 0 if there was none */
	uint64_t scan_processes;  /* that it saw */
	uint64_t scan_cost;	  /* time that it took of the daemon, in microseconds */
};

/* A range in use on the node that nobody asked the daemon for. */
struct subidd_foreign {
	const char *json;
	const char *pool;    /* name of the pool whose units it touches */
	uint32_t start;	     /* first host ID, as mapped */
	uint32_t count;	     /* number of IDs, never 0 */
	uint32_t pid;	     /* a process that maps it; 0 if it stands in a file of the kubelet */
	const char *command; /* of that process; may be NULL */
};

/* One change; what does not belong to its kind is NULL or 0. */
struct subidd_event {
	const char *json;
	uint64_t sequence; /* grows from event to event, whatever the clock does */
	uint64_t time;	   /* when it happened, by the clock of the node */
	enum subidd_event_kind kind;
	const char *kind_name; /* of the kind in the interface, never NULL */
	const char *pod;       /* that it is about */
	const char *pool;      /* name of its pool */
	uint32_t start;	       /* of its range */
	uint32_t count;	       /* of its range; 0: there is no range */
	const char *pod_namespace;
	const char *pod_name;
	bool has_client;       /* did a client ask for it, and not the daemon do it by itself? */
	uint32_t client_uid;   /* of that client */
	uint32_t client_pid;   /* of that client; 0 if unknown */
	uint32_t pid;	       /* process that the allocation was tied to */
	const char *other_pod; /* reused: that got the units; conflict: that has the range */
	enum subidd_cause cause;
	const char *cause_name; /* of the cause in the interface; NULL if none is given */
};

/* A piece of a copy of the database; each one begins where the one before it ends. */
struct subidd_piece {
	uint64_t offset;  /* in the copy */
	uint64_t total;	  /* size of the whole copy, in bytes */
	const char *data; /* the bytes; no text */
	size_t size;	  /* of the piece, never 0 */
};

/* What subidd_allocate() asks for; a member that is NULL or 0 is left out. */
struct subidd_request {
	const char *pod;	   /* 1 to 128 of A-Z a-z 0-9 . _ -, a letter or digit first */
	const char *pool;	   /* may be left out where there is only one, or with a start */
	uint64_t count;		   /* number of IDs, a multiple of the pool's unit */
	const char *pod_namespace; /* kept for people, at most 253 bytes */
	const char *pod_name;	   /* kept for people, at most 253 bytes */
	uint64_t pid;		   /* process to tie it to, as subidd_bind() does */
	/* first ID of the range that the pod was started with and is to have, instead of one that
	 * is chosen: for root. Where that is in use, only by what belongs to the process PID, for
	 * which the caller vouches */
	uint64_t start;
};

/* What subidd_reconcile() is to do. */
struct subidd_reconcile_request {
	const char *const *pods; /* that live */
	size_t n_pods;
	const char *pool; /* only allocations of this pool; NULL for all */
	bool dry_run;	  /* only say what would be done */
	/* only allocations made before this moment, which is when the list of pods was taken; 0:
	 * also those made since then */
	uint64_t created_before;
};

/* What subidd_reconcile() did. */
struct subidd_reconciliation {
	const char *json;
	const char *const *released; /* pods whose allocation was, or would be, released */
	size_t n_released;
	const char *const *missing; /* pods of the list that have no active allocation */
	size_t n_missing;
};

/* Which events subidd_history() is asked for; a member that is NULL, false or 0 is left out. */
struct subidd_history_query {
	const char *pod; /* only what is about this pod */
	bool has_id;
	uint32_t id;	/* only what is about this host UID or GID, if has_id is set */
	uint64_t since; /* only events at this time or later */
	uint64_t until; /* only events at this time or earlier */
	uint64_t limit; /* at most so many events */
};

#endif
