/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The dumbest model of the allocator: it knows of each ID which row lies over it. The IDs are few
 * and the units small, so that everything meets everything.
 */

#include "allocator-rig.h"

#include "core/units.h"

#define N_IDS 300
#define N_PODS 40
#define N_POOLS 3
#define N_PROCESSES 24
#define NOBODY -1
#define NO_ROW -1

/* An ID: the row over it. */
struct cell {
	int state; /* of that row, an enum allocation_state; NO_ROW */
	int pod;   /* NOBODY: nobody can come back to it */
	int pool;
	uint32_t start, count;
	uint64_t order, clock; /* of its release */
};

/* What a pod has. */
struct owned {
	bool is_known;
	enum allocation_state state;
	enum allocation_origin origin;
	int pool;
	uint32_t start, count, uid;
	uint64_t created_at, released_at;
	struct process process;
};

/* What the database holds. */
struct model {
	struct cell cells[N_IDS];
	struct owned pods[N_PODS];
	struct pool_geometry seen[N_POOLS]; /* as in its last event; unit 0: never */
	uint64_t n_orders;
	uint64_t sequence; /* of the last event */
	uint64_t hash;	   /* of all events */
};

/* A process of the node; a dead one's PID is used again. */
struct living {
	bool is_alive;
	bool is_of_pod; /* it got its map through an allocation: until it ends, nobody else may */
	struct id_range map; /* count 0: none of its own */
	struct process process;
};

struct sighting {
	bool is_made, is_blind;
	uint64_t began, ended; /* by the allocator's clock */
	bool maps[N_IDS];
};

/* All that the database does not hold. */
struct world {
	struct pool_geometry pools[N_POOLS];
	struct allocator_settings settings;
	struct living processes[N_PROCESSES];
	struct sighting earlier, last; /* passes */
	bool kubelet_claims[N_IDS];
	uint64_t clock;	      /* the allocator's */
	uint64_t blind_since; /* by it; UINT64_MAX: it sees */
};

extern struct model model, committed;
extern struct world world;

void model_begin(uint64_t seed);
uint32_t below(uint32_t n);
const char *pod_name(int pod);
extern const char *const pool_names[N_POOLS];

/* Lets time go by, and returns what is now. */
struct moment pass_time(void);

/* Has the pod a range now? */
bool is_held(int pod);

/* A process that lives, or NULL. */
const struct living *some_living(void);

/* Is the pool configured? */
bool is_there(int pool);

/* Does somebody use the ID, as far as was seen? */
bool is_claimed(uint32_t id);

/* A unit, and its latest release if it is released. */
struct unit_seen {
	enum unit_state state;
	uint64_t order, clock;
};
struct unit_seen look_at_unit(const struct pool_geometry *pool, uint32_t start);

/* The order of the latest release in a run of units; UINT64_MAX if it is not free. */
uint64_t latest_in(const struct pool_geometry *pool, uint32_t start, uint32_t count);

/* Leaves an event that the allocator must leave as well. POD and OTHER may be NOBODY. */
void expect_event(enum event_kind kind, enum event_cause cause, int pod, int pool, uint32_t start,
		  uint32_t count, uint32_t pid, int other);

/* The events since the last call were those that were expected, in their order. */
void check_events(void);

/* Rows that come, change and go, each with its events. */
void model_give(int pod, int pool, struct id_range range, uint32_t uid,
		enum allocation_origin origin);
void model_revive(int pod, uint32_t uid, enum allocation_origin origin);
void model_release(int pod, enum event_kind kind, enum event_cause cause);
void model_bind(int pod, const struct process *process);
void model_drain(void);

/* Something that any client or the node does. Each compares what comes out. */
void step_allocate(void);
void step_record(void);
void step_release(void);
void step_bind(void);
void step_reconcile(void);
void step_process_start(void);
void step_process_end(void);
void step_notice_ends(void);
void step_pass(void);
void step_lose_sight(void);
void step_adopt(void);
void step_vanish(void);
void step_kubelet_claims(void);
void step_pools(void);
void step_settings(void);
void step_restart(void);
void step_commit(void);

/* Makes other pools, and puts them in place: what changed leaves its events. */
void edit_pools(void);
void put_pools(void);

/* Commits if there is something to commit. */
void settle(void);

/* For lookups in the past: keeps who has what now. All must be committed. */
void take_snapshot(void);
void forget_snapshots(void);
void compare_snapshots(void);

/* Everything that the allocator says against the model. */
void compare_all(void);

/* What a watcher got is what was committed. */
void compare_watcher(void);
