/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A pool: the range that subuid(5) and subgid(5) give to an owner, validated under a rule set and
 * cut into units. Settings come from the configuration, the rest from the node's files.
 */

#include "core/finding.h"
#include "core/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_NAME_MAX 64
/* login names are at most 32 bytes by useradd(8); subuid lines hold longer ones */
#define POOL_OWNER_MAX 256
#define UNIT_QUANTUM 65536u /* a unit is a multiple of this */

/* Never handed out: below FIRST_FREE_ID, systemd's foreign range, the last block. */
#define FIRST_FREE_ID 65536u
#define RESERVED_START 2147352576u
#define RESERVED_COUNT 65536u
#define PAST_END_ID 4294901760u

enum rule_set { RULES_KUBELET, RULES_BASIC, N_RULE_SETS };

enum pool_source { SOURCE_AUTO, SOURCE_FILES, SOURCE_GETSUBIDS, N_SOURCES };

struct pool_settings {
	char name[POOL_NAME_MAX + 1];
	char owner[POOL_OWNER_MAX + 1];
	enum rule_set rules;
	enum pool_source source;
	uint32_t unit;		    /* IDs; 0: not set, take the KubeletConfiguration's or 65536 */
	uint32_t max_pods;	    /* 0: not set, take the KubeletConfiguration's or 110 */
	bool allow_account_overlap; /* overlaps-account is only a warning */
	char *kubelet_config;	    /* path as configured; NULL: not set */
	char *kubelet_pods;	    /* path as configured; NULL: not set */
};

/* A pool as the rest of the daemon sees it. While it is invalid, RANGE is all zero. */
struct pool {
	char name[POOL_NAME_MAX + 1];
	char owner[POOL_OWNER_MAX + 1];
	enum rule_set rules;
	bool valid;
	struct id_range range; /* whole units only: a remainder behind the last one is cut off */
	uint32_t unit;	       /* IDs */
	uint32_t max_pods;
	char *kubelet_pods; /* full path of the kubelet's folder of pods; NULL: not looked at */
	struct findings findings;
};

struct pools {
	struct pool *items;
	size_t n_items;
};

/* Number of whole units, reserved ones included; 0 while the pool is invalid. */
static inline uint32_t pool_n_units(const struct pool *pool)
{
	return pool->unit ? pool->range.count / pool->unit : 0;
}

/* Number of units that can be handed out: those that touch the reserved range are left out. */
uint32_t pool_capacity(const struct pool *pool);

/* The pool of that name, NULL if there is none. */
const struct pool *pools_find(const struct pools *pools, const char *name);

/* Frees what the set holds, findings included, and leaves it empty. */
void pools_done(struct pools *pools);
