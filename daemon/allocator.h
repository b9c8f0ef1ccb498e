/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who gets which range: the pools as they are now, over the allocations in the store.
 *
 * The store is the truth. What is kept in memory (the state of each unit, a few counts) is derived
 * from it, and from what was last seen in use on the node, and made anew whenever something failed.
 * Changes and the events that they leave are collected in one transaction until
 * allocator_commit(); nothing may be told to anybody before that. Knows no JSON, no sockets and no
 * processes but by their names; the time comes from the caller. An allocator belongs to one thread.
 *
 * Functions return 0; a positive enum allocator_error with the details in a struct refusal, after
 * which nothing has changed; or a negative errno if the store failed, after which the request has
 * changed nothing either.
 */

#include "core/allocation.h"
#include "core/claims.h"
#include "core/event.h"
#include "core/idmap.h"
#include "core/moment.h"
#include "core/pool.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

enum allocator_error {
	ALLOCATOR_E_NOT_FOUND = 1,  /* no allocation for that pod or ID */
	ALLOCATOR_E_NO_SUCH_POOL,   /* pool */
	ALLOCATOR_E_POOL_NEEDED,    /* there are several and none was named */
	ALLOCATOR_E_POOL_MISMATCH,  /* the pod has a range in another pool than the one named */
	ALLOCATOR_E_INVALID_POOL,   /* pool, finding */
	ALLOCATOR_E_BAD_COUNT,	    /* no multiple of the pool's unit */
	ALLOCATOR_E_COUNT_MISMATCH, /* have, want */
	ALLOCATOR_E_EXHAUSTED,	    /* pool, usage */
	ALLOCATOR_E_QUOTA,	    /* limit */
	ALLOCATOR_E_NOT_OWNER,	    /* another client's allocation */
	ALLOCATOR_E_KUBELET,	    /* the kubelet's allocation: only its file decides */
	ALLOCATOR_E_CONFLICT,	    /* another allocation is in the way of the kubelet's */
	ALLOCATOR_E_BAD_START,	    /* no whole units of the pool, or reserved ones */
	ALLOCATOR_E_RANGE_MISMATCH, /* range: that the pod has */
	ALLOCATOR_E_RANGE_TAKEN,    /* range: that is in the way; pod and pid of it, if known */
};

/* Units of a pool. */
struct pool_usage {
	uint32_t capacity; /* all that can be handed out: reserved ones are left out */
	uint32_t active, draining, released, foreign;
	uint32_t waiting;   /* released, but not for long enough */
	uint32_t free;	    /* never used, or released and not waiting */
	uint32_t n_outside; /* allocations of the pool that do not lie in it */
};

/* Why a request was refused; only what enum allocator_error names is set. */
struct refusal {
	char pool[POOL_NAME_MAX + 1];
	const struct finding *finding; /* valid until the pools change */
	uint32_t have, want;	       /* IDs */
	uint32_t limit;
	struct pool_usage usage;
	struct id_range range;
	char pod[POD_KEY_MAX + 1]; /* empty: none */
	uint32_t pid;		   /* 0: none */
};

/* Who asks. */
struct requester {
	uint32_t uid, pid;
	bool is_privileged; /* may change what others allocated, has no quota */
};

struct allocate_request {
	const char *pod;	       /* a valid key */
	const char *pool;	       /* NULL: the pod's, or the only one */
	const char *namespace;	       /* valid label; NULL: not given */
	const char *name;	       /* the same */
	uint32_t count;		       /* IDs; 0: what the pod has, or one unit */
	const struct process *process; /* to tie it to; NULL: none */
	/*
	 * The range begins there, and is not chosen: one unit where no count is given; 0: it is
	 * chosen. That a process maps it is explained by MAPS, the uid_map and the gid_map of one
	 * that belongs to the pod; NULL: of none.
	 */
	uint32_t start;
	const struct idmap *maps;
	struct requester by;
	struct moment now;
};

enum allocate_outcome { OUTCOME_CREATED, OUTCOME_EXISTING, OUTCOME_REVIVED, N_ALLOCATE_OUTCOMES };

extern const char *const allocate_outcome_names[N_ALLOCATE_OUTCOMES];

/* All zero: no limits and no wait. */
struct allocator_settings {
	uint32_t quota;		 /* most active allocations of one that is not privileged; 0: any */
	uint64_t reuse_delay;	 /* us before another pod can have a released unit */
	uint64_t blind_drain;	 /* us before a released range is free that nobody can look for */
	uint64_t history_age;	 /* us that events are kept; 0: for ever */
	uint64_t history_events; /* most events that are kept; 0: any */
};

struct allocator;

/*
 * Takes the store over if it succeeds. It has no pools yet. BOOT_ID and NOW say how long ago the
 * releases in the store were. Returns 0 or a negative errno.
 */
int allocator_new(struct store *store, const char *boot_id, struct moment now,
		  struct allocator **ret);

/* Also closes the store, without committing; NULL is fine. */
void allocator_free(struct allocator *allocator);

/*
 * Has the clock by which released units wait go on from NOW, should the machine be started anew; it
 * goes on from the last release otherwise. To be called at a clean end. Returns 0 or a negative
 * errno.
 */
int allocator_keep_clock(struct allocator *allocator, struct moment now);

/*
 * Exchanges the pools for those in POOLS, which then holds the ones before; on failure they stay in
 * force. Allocations are never touched by it. Returns 0 or a negative errno.
 */
int allocator_set_pools(struct allocator *allocator, struct pools *pools, struct moment now);

void allocator_set_settings(struct allocator *allocator, const struct allocator_settings *settings);

const struct pools *allocator_pools(const struct allocator *allocator);

/* The use of the pool with that index. */
struct pool_usage allocator_usage(const struct allocator *allocator, size_t pool,
				  struct moment now);

/* Gives a pod its range. All errors but NOT_FOUND and CONFLICT; NOT_OWNER and KUBELET only where a
 * range that the pod has is to be tied to a process, the last three only with a start. */
int allocator_allocate(struct allocator *allocator, const struct allocate_request *request,
		       struct allocation *ret, enum allocate_outcome *ret_outcome,
		       struct refusal *ret_refusal);

/*
 * Releases a pod's range: it drains from now on. NOT_FOUND, NOT_OWNER, KUBELET. *ret_released is
 * false if it was released before.
 */
int allocator_release(struct allocator *allocator, const char *pod, struct requester by,
		      struct moment now, struct allocation *ret, bool *ret_released);

struct reconcile_request {
	const char *const *pods; /* that live, in the order of strcmp() */
	size_t n_pods;
	const char *pool;	 /* NULL: all of them */
	uint64_t created_before; /* us since the epoch; later allocations stay */
	bool is_dry_run;
	struct requester by;
	struct moment now;
};

/*
 * Releases all active allocations that the requester may release and whose pod is not in the list,
 * the kubelet's excepted, and calls RELEASED for each; a dry run calls it alone. All or nothing.
 * NO_SUCH_POOL.
 */
int allocator_reconcile(struct allocator *allocator, const struct reconcile_request *request,
			store_row_fn released, void *userdata);

/*
 * Ties an active allocation to a process, in place of one that it was tied to. NOT_FOUND (also if
 * it is not active), NOT_OWNER, KUBELET.
 */
int allocator_bind(struct allocator *allocator, const char *pod, const struct process *process,
		   struct requester by, struct moment now, struct allocation *ret);

/* Releases the pod's range if it is still tied to that very process; *ret_released says so. */
int allocator_process_ended(struct allocator *allocator, const char *pod,
			    const struct process *process, struct moment now, bool *ret_released);

/* Calls ROW for each allocation that is tied to a process, in the manner of allocator_each(). */
int allocator_each_bound(struct allocator *allocator, store_row_fn row, void *userdata);

/*
 * The kubelet serves the pod with that range; another one that it served the pod with before drains
 * from now on. Returns 0, also where that is known; CONFLICT with what is in the way in *ret_other,
 * whose pod is empty if nobody can come back to it.
 */
int allocator_adopt(struct allocator *allocator, const char *pool, const char *pod,
		    struct id_range range, struct moment now, struct allocation *ret_other);

/* Leaves the event of a conflict that allocator_adopt() found. Returns 0 or a negative errno. */
int allocator_report_conflict(struct allocator *allocator, const char *pool, const char *pod,
			      struct id_range range, const char *other_pod, struct moment now);

/* The kubelet does not serve the pod any more: its range drains, if the kubelet's it was. */
int allocator_vanish(struct allocator *allocator, const char *pod, struct moment now);

/* Calls ROW for each active allocation of the kubelet, in the manner of allocator_each(). */
int allocator_each_kubelet(struct allocator *allocator, store_row_fn row, void *userdata);

/* What a look at all processes of the node has found. */
struct pass {
	struct claims claims;  /* their maps */
	uint64_t began, ended; /* us of the boot's clock */
	bool is_blind;	       /* there may be processes that it did not see */
};

/* Passes so far apart, or more, can tell that nothing lives in a range (us). */
#define PASS_GAP_USEC UINT64_C(1000000)

/*
 * Takes a pass over and leaves *PASS empty. The units that it found in use and that no allocation
 * explains are foreign from now on, until two passes in a row have not found them. Returns 0 or a
 * negative errno.
 */
int allocator_take_pass(struct allocator *allocator, struct pass *pass);

/* A pass could not be made: what the last one found is all that is known, and it is not enough. */
void allocator_lose_sight(struct allocator *allocator, struct moment now);

/* The same as for a pass, for ranges in the kubelet's files that cannot be allocations. */
int allocator_take_kubelet_claims(struct allocator *allocator, struct claims *claims);

/*
 * Ends the draining of ranges in which two passes that began after their release found nothing
 * alive; where the last pass was blind, of those that drain, unseen, for as long as the settings
 * say. The same holds for units that no allocation of a restored database speaks of: then what is
 * in use there is known, and the others are free. A piece of the work for each pass: returns 1 if
 * there is more of it, 0 or a negative errno.
 */
int allocator_drain(struct allocator *allocator, struct moment now);

/*
 * Allocations that drain, and one more while all units do that no allocation speaks of, because the
 * database was restored.
 */
uint32_t allocator_n_draining(const struct allocator *allocator);

/*
 * Calls CLAIM for each claim that touches a foreign unit of the pool with that index, in the order
 * of their start; what it returns ends the iteration and is handed on if it is not 0.
 */
int allocator_each_foreign(const struct allocator *allocator, size_t pool,
			   int (*claim)(const struct claim *claim, void *userdata), void *userdata);

/* The allocation of a pod, or the one an ID lies in. NOT_FOUND. */
int allocator_get(struct allocator *allocator, const char *pod, struct allocation *ret);
int allocator_lookup(struct allocator *allocator, uint32_t id, struct allocation *ret);

/* The allocation that an ID lay in at a moment (us since the epoch), as it was then. NOT_FOUND. */
int allocator_lookup_at(struct allocator *allocator, uint32_t id, uint64_t at,
			struct allocation *ret);

/*
 * Calls ROW for each allocation that begins at or behind FIRST, in the order of their start; what
 * it returns ends the iteration and is handed on if it is not 0. It must not change anything.
 */
int allocator_each(struct allocator *allocator, uint32_t first, store_row_fn row, void *userdata);

/* Calls EVENT for the events that were asked for, newest first, in the same manner. */
int allocator_each_event(struct allocator *allocator, const struct event_query *query,
			 store_event_fn event, void *userdata);

/* The sequence of the newest event that is durable, 0 if there is none. */
uint64_t allocator_last_event(const struct allocator *allocator);

/* Calls EVENT for the durable events behind that sequence, oldest first, in the same manner. */
int allocator_events_after(struct allocator *allocator, uint64_t sequence, store_event_fn event,
			   void *userdata);

/* Removes up to MOST events that are too old or too many. Returns their number or an errno. */
int allocator_prune(struct allocator *allocator, struct moment now, uint32_t most);

/*
 * Puts up to MOST events into the history's indexes, once there are many that are not in them.
 * Returns 1 if there may be more of it, 0 or a negative errno.
 */
int allocator_index_events(struct allocator *allocator, uint32_t most);

/* Is there something for it to do? */
bool allocator_must_index(const struct allocator *allocator);

/* Are there changes that were not committed yet? */
bool allocator_is_pending(const struct allocator *allocator);

/*
 * Makes all changes durable. After a negative errno none of them may be relied on: they are then
 * most likely gone, and what is in force is what the store says after having been opened again.
 */
int allocator_commit(struct allocator *allocator);

/*
 * A copy of the database as it is at the beginning, when nothing may be pending; otherwise as
 * store_backup_begin() and what follows it.
 */
int allocator_backup_begin(struct allocator *allocator, uint64_t *ret_size);
int allocator_backup_read(struct allocator *allocator, uint64_t offset, void *data, size_t size);
void allocator_backup_end(struct allocator *allocator);

/* What the store met when a function returned a negative errno. */
const char *allocator_message(const struct allocator *allocator);

int allocator_store_facts(struct allocator *allocator, struct store_facts *ret);
