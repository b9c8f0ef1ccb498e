/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rules about a range on its own, private to the core. Numbers are as written in the file: up
 * to 64 bits, so that each mistake is seen as the one that it is.
 */

#include "core/rules.h"

#include <stdbool.h>
#include <stdint.h>

/* The range that an entry claims for a pool. */
struct claim {
	bool present; /* is there such an entry, and is it readable? */
	uint64_t start;
	uint64_t count;
	const char *file;
	uint32_t line;
	const char *noun; /* "range" if UIDs and GIDs agree, else "UID range" or "GID range" */
};

/* First ID behind the claim, or UINT64_MAX where that does not fit. */
static inline uint64_t claim_end(const struct claim *claim)
{
	return claim->count > UINT64_MAX - claim->start ? UINT64_MAX : claim->start + claim->count;
}

static inline bool claim_overlaps(const struct claim *claim, uint64_t start, uint64_t end)
{
	return claim->count > 0 && start < end && claim->start < end && start < claim_end(claim);
}

/* Judges the claim by itself and adds to the pool's findings. Returns 0 or -ENOMEM. */
int rules_check_range(const struct pool_settings *settings, const struct claim *claim,
		      struct findings *findings);
