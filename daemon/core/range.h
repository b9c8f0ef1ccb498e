/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A range of host IDs, UIDs and GIDs alike.
 *
 * A range is valid only if its end still fits into 32 bits (the kernel refuses a map extent that
 * contains 4294967295), so no code behind the validation has to think about wrapping.
 */

#include <stdbool.h>
#include <stdint.h>

struct id_range {
	uint32_t start; /* first ID */
	uint32_t count; /* number of IDs */
};

static inline bool id_range_valid(struct id_range range)
{
	return range.count > 0 && range.count <= UINT32_MAX - range.start;
}

/* First ID behind the range; the range must be valid. */
static inline uint32_t id_range_end(struct id_range range)
{
	return range.start + range.count;
}

static inline bool id_range_contains(struct id_range range, uint32_t id)
{
	return id >= range.start && id - range.start < range.count;
}

static inline bool id_range_overlaps(struct id_range a, struct id_range b)
{
	return a.start < id_range_end(b) && b.start < id_range_end(a);
}

/* Does INNER lie wholly in OUTER? */
static inline bool id_range_within(struct id_range inner, struct id_range outer)
{
	return inner.start >= outer.start && id_range_end(inner) <= id_range_end(outer);
}

static inline bool id_range_equal(struct id_range a, struct id_range b)
{
	return a.start == b.start && a.count == b.count;
}
