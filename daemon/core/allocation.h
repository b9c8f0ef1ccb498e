/* SPDX-License-Identifier: MIT */
#pragma once

/* One pod's range, as it is kept in the store and shown to clients. A plain value, freely copied.
 */

#include "core/pool.h"
#include "core/process.h"
#include "core/range.h"

#include <stdbool.h>
#include <stdint.h>

#define POD_KEY_MAX 128
/* a pod's name is a DNS subdomain: at most 253 bytes (Kubernetes, "Object Names and IDs") */
#define LABEL_MAX 253

enum allocation_state {
	ALLOCATION_ACTIVE,
	ALLOCATION_DRAINING,
	ALLOCATION_RELEASED,
	N_ALLOCATION_STATES
};

enum allocation_origin { ORIGIN_REQUEST, ORIGIN_KUBELET, N_ALLOCATION_ORIGINS };

struct allocation {
	char pod[POD_KEY_MAX + 1]; /* empty: released units to which no pod can come back */
	char pool[POOL_NAME_MAX + 1];
	struct id_range range;
	enum allocation_state state;
	enum allocation_origin origin;
	bool in_pool;		       /* not stored: depends on the pool as it is now */
	char namespace[LABEL_MAX + 1]; /* empty: not given */
	char name[LABEL_MAX + 1];      /* empty: not given */
	uint32_t client_uid;
	uint64_t created_at;	/* us since the epoch */
	uint64_t released_at;	/* us since the epoch; 0 while it is active */
	uint64_t release_order; /* grows with each release, whatever the clock does; 0 while active
				 */
	/* us of the allocator's clock since when it drains, or since when it has drained; 0 while
	 * it is active */
	uint64_t clock;
	struct process process; /* whose end releases it; none unless it is active */
};

extern const char *const allocation_state_names[N_ALLOCATION_STATES];
extern const char *const allocation_origin_names[N_ALLOCATION_ORIGINS];

/* Is TEXT a pod key: [A-Za-z0-9][A-Za-z0-9._-]{0,127}? */
bool pod_key_valid(const char *text);

/* Can TEXT be a namespace or a pod's name: 1 to 253 bytes without control characters? */
bool label_valid(const char *text);
