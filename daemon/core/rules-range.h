/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rules about a range on its own, private to the core. Numbers are as written in the file: up
 * to 64 bits, so that each mistake is seen as the one that it is.
 */

#include "core/rules.h"

#include <stdbool.h>
#include <stdint.h>

/* The range that an entry names for a pool. */
struct entry_range {
	bool present; /* is there such an entry, and is it readable? */
	uint64_t start;
	uint64_t count;
	const char *file;
	uint32_t line;
	const char *noun; /* "range" if UIDs and GIDs agree, else "UID range" or "GID range" */
};

/* First ID behind the range, or UINT64_MAX where that does not fit. */
static inline uint64_t entry_range_end(const struct entry_range *range)
{
	return range->count > UINT64_MAX - range->start ? UINT64_MAX : range->start + range->count;
}

static inline bool entry_range_overlaps(const struct entry_range *range, uint64_t start,
					uint64_t end)
{
	return range->count > 0 && start < end && range->start < end &&
	       start < entry_range_end(range);
}

/* Judges the range by itself and adds to the pool's findings. Returns 0 or -ENOMEM. */
int rules_check_range(const struct pool_settings *settings, const struct entry_range *range,
		      struct findings *findings);
