/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who gets which range: the pools as they are now, over the allocations in the store.
 *
 * The store is the truth. What is kept in memory (the state of each unit, a few counts) is derived
 * from it and made anew whenever something failed. Changes are collected in one transaction until
 * allocator_commit(); nothing may be told to anybody before that. Knows no JSON and no sockets; the
 * time comes from the caller. An allocator belongs to one thread.
 *
 * Functions return 0; a positive enum allocator_error with the details in a struct refusal, after
 * which nothing has changed; or a negative errno if the store failed, after which the request has
 * changed nothing either.
 */

#include "core/allocation.h"
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
};

/* Who asks. */
struct requester {
	uint32_t uid;
	bool is_privileged; /* may change what others allocated, has no quota */
};

struct allocate_request {
	const char *pod;       /* a valid key */
	const char *pool;      /* NULL: the pod's, or the only one */
	const char *namespace; /* valid label; NULL: not given */
	const char *name;      /* the same */
	uint32_t count;	       /* IDs; 0: what the pod has, or one unit */
	struct requester by;
	uint64_t now; /* us since the epoch */
};

enum allocate_outcome { OUTCOME_CREATED, OUTCOME_EXISTING, OUTCOME_REVIVED, N_ALLOCATE_OUTCOMES };

extern const char *const allocate_outcome_names[N_ALLOCATE_OUTCOMES];

struct allocator;

/* Takes the store over if it succeeds. It has no pools yet. Returns 0 or a negative errno. */
int allocator_new(struct store *store, struct allocator **ret);

/* Also closes the store, without committing; NULL is fine. */
void allocator_free(struct allocator *allocator);

/*
 * Exchanges the pools for those in POOLS, which then holds the ones before; on failure they stay in
 * force. Allocations are never touched by it. Returns 0 or a negative errno.
 */
int allocator_set_pools(struct allocator *allocator, struct pools *pools);

/* Most active allocations of a client that is not privileged; 0 for no limit. */
void allocator_set_quota(struct allocator *allocator, uint32_t limit);

const struct pools *allocator_pools(const struct allocator *allocator);

/* The use of the pool with that index. */
struct pool_usage allocator_usage(const struct allocator *allocator, size_t pool);

/* Gives a pod its range. All errors but NOT_FOUND and NOT_OWNER. */
int allocator_allocate(struct allocator *allocator, const struct allocate_request *request,
		       struct allocation *ret, enum allocate_outcome *ret_outcome,
		       struct refusal *ret_refusal);

/*
 * Releases a pod's range at the time NOW. NOT_FOUND, NOT_OWNER. *ret_released is false if it was
 * released before.
 */
int allocator_release(struct allocator *allocator, const char *pod, struct requester by,
		      uint64_t now, struct allocation *ret, bool *ret_released);

/* The allocation of a pod, or the one an ID lies in. NOT_FOUND. */
int allocator_get(struct allocator *allocator, const char *pod, struct allocation *ret);
int allocator_lookup(struct allocator *allocator, uint32_t id, struct allocation *ret);

/*
 * Calls ROW for each allocation that begins at or behind FIRST, in the order of their start; what
 * it returns ends the iteration and is handed on if it is not 0. It must not change anything.
 */
int allocator_each(struct allocator *allocator, uint32_t first, store_row_fn row, void *userdata);

/* Are there changes that were not committed yet? */
bool allocator_is_pending(const struct allocator *allocator);

/*
 * Makes all changes durable. After a negative errno none of them may be relied on: they are then
 * most likely gone, and what is in force is what the store says after having been opened again.
 */
int allocator_commit(struct allocator *allocator);

/* What the store met when a function returned a negative errno. */
const char *allocator_message(const struct allocator *allocator);

int allocator_store_facts(struct allocator *allocator, struct store_facts *ret);
