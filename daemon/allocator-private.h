/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the allocator alone. */

#include "allocator.h"
#include "core/units.h"

/* Active allocations of one client's UID. */
struct user_count {
	uint32_t uid;
	uint32_t n_active;
};

/* What is derived from the store, the pools and the claims. */
struct derived {
	struct unit_map *maps; /* one a pool, empty for an invalid one */
	uint32_t *n_outside;   /* one a pool */
	size_t n_pools;
	struct user_count *users;
	size_t n_users;
	uint32_t n_draining; /* allocations */
	uint64_t last_order; /* of all releases */
	struct store_restored restored;
};

struct allocator {
	struct store *store;
	struct pools pools;
	struct derived derived;
	struct allocator_settings settings;
	struct pass passes[2];	      /* the one before the last, and the last */
	struct claims kubelet_claims; /* of files that are no allocations */
	int64_t clock_offset;	      /* us from the boot's clock to the allocator's own */
	uint32_t n_events;	      /* of the batch */
	uint64_t event_time;	      /* of the last one of them */
	uint64_t last_event;	      /* sequence of the newest one that is durable */
	uint64_t blind_since;	      /* on its clock; UINT64_MAX: all processes can be seen */
	uint64_t drain_next;	      /* the release that allocator_drain() goes on with */
	bool is_stale;		      /* the derived part must be made anew before it is used */
	bool must_reopen;	      /* the store failed to commit or to undo */
	bool in_batch;		      /* there are changes to commit */
	char message[256];	      /* of the last failure */
};

/* The allocator's clock: it goes on over restarts of the daemon and of the machine (us). */
uint64_t allocator_clock(const struct allocator *allocator, uint64_t boot);

/* How long released units wait, and that clock. */
struct unit_wait allocator_wait(const struct allocator *allocator, struct moment now);

/*
 * Was the row restored, and drains still? What lives in it may be another pod that got it after the
 * backup was made.
 */
bool derived_is_in_doubt(const struct derived *derived, const struct allocation *row);

void derived_done(struct derived *derived);

/* Makes all of it, under these pools. Returns 0 or a negative errno. */
int derived_build(const struct allocator *allocator, const struct pools *pools,
		  struct derived *ret);

/* Counts a row that became another one (NULL: there was none, there is none). */
int derived_count(struct allocator *allocator, const struct allocation *before,
		  const struct allocation *after);

/*
 * Looks each unit that the range touches up, once its rows and claims are what they will be: rows
 * need not be cut as the units are now. ROW is the one that the range has now, NULL if it has none.
 */
int derived_refresh(struct allocator *allocator, struct id_range range,
		    const struct allocation *row);

/* Looks up what a set of claims, OLD, that became NEW can have changed. */
int derived_refresh_claims(struct allocator *allocator, const struct claims *old,
			   const struct claims *new);

/* Active allocations of a client. */
uint32_t derived_n_active(const struct derived *derived, uint32_t uid);

/* Does the allocation lie in its pool as it is now? */
bool derived_in_pool(const struct pools *pools, const struct allocation *allocation);

/* The units of the pool that a range touches. Returns whether there are any. */
bool touched_units(const struct pool *pool, struct id_range range, uint32_t *ret_first,
		   uint32_t *ret_n);

/* One of store_each_from() and its kin. */
typedef int (*store_find_fn)(struct store *store, uint32_t first, store_row_fn row, void *userdata);

/* As allocator_each(), but only the rows that FIND finds. */
int allocator_each_found(struct allocator *allocator, store_find_fn find, uint32_t first,
			 store_row_fn row, void *userdata);

/* Keeps what the store says before something else is asked of it, and returns R. */
int allocator_failed(struct allocator *allocator, int r);

/* Comes before every use: opens the store again and derives anew where something has failed. */
int allocator_ready(struct allocator *allocator);

/*
 * Bracket the rows and events of one request. What is between has changed nothing if it fails:
 * end_change() takes its result R and returns 0 or a negative errno.
 */
int allocator_begin_change(struct allocator *allocator);
int allocator_end_change(struct allocator *allocator, int r);

/* One row becomes another one (NULL: there was none, there is none); its units follow. */
int allocator_change_row(struct allocator *allocator, const struct allocation *before,
			 const struct allocation *after);

/* Leaves an event in the history, as a part of the change. */
int allocator_add_event(struct allocator *allocator, const struct event *event);

/* An event about a row. BY is NULL if the daemon did it by itself. */
struct event allocator_event(enum event_kind kind, const struct allocation *row,
			     const struct requester *by, struct moment now);

/* Takes a released row's pod away: nobody can come back to it, its units stay as they are. */
int allocator_disown(struct allocator *allocator, const struct allocation *row);

/* Takes released rows away from a range that goes to POD; units outside of it stay released. */
int allocator_clear_range(struct allocator *allocator, struct id_range range, const char *pod,
			  const struct requester *by, struct moment now);

/* Makes an active row a draining one, with an event of that kind. */
int allocator_begin_drain(struct allocator *allocator, struct allocation *row, enum event_kind kind,
			  enum event_cause cause, const struct requester *by, struct moment now);

/* Ties a row, *ROW, to a process, with an event. */
int allocator_tie(struct allocator *allocator, struct allocation *row,
		  const struct process *process, struct requester by, struct moment now);

/* What an Allocate is about. */
struct subject {
	struct allocation own; /* the pod's row */
	bool has_own;
	const struct pool *pool; /* that the pod is to have a range of, or has */
	size_t pool_index;
	uint32_t count; /* IDs */
};

static inline bool subject_is_active(const struct subject *subject)
{
	return subject->has_own && subject->own.state == ALLOCATION_ACTIVE;
}

/* The range is the requester's choice: an Allocate with a start. */
int allocator_record(struct allocator *allocator, const struct allocate_request *request,
		     struct subject *subject, struct allocation *ret,
		     enum allocate_outcome *ret_outcome, struct refusal *ret_refusal);

/* Gives the pod its own row back, or that range, which nothing may be in the way of. */
int allocator_revive(struct allocator *allocator, const struct allocate_request *request,
		     const struct subject *subject, struct allocation *ret);
int allocator_create(struct allocator *allocator, const struct allocate_request *request,
		     const struct subject *subject, struct id_range range, struct allocation *ret);

/* May the requester change the allocation? Returns 0, NOT_OWNER or KUBELET. */
int allocator_check_owner(const struct allocation *row, struct requester by);
