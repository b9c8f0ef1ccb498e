/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Moments as people write them:
 *
 *   now                           the moment NOW
 *   -90s, -15min, -2h, -3d, -1w   so long before it
 *   @1700000000, @1700000000.25   seconds since the epoch
 *   2026-11-21T21:01:27+01:00     RFC 3339, with an offset, Z, or none for local time; a space may
 *                                 stand for the T, and seconds, their fraction (to microseconds) or
 *                                 all of the time of day may be left out
 *
 * What leaves out fractions, seconds or the time of day means the whole second, minute or day.
 */

#include <stdint.h>

/* Times in microseconds since the epoch, never 0; both included, often the same. */
struct when {
	uint64_t first, last;
};

/* The present. */
uint64_t when_now(void);

/*
 * Reads TEXT. What has begun by NOW does not last beyond it. Returns 0; -EINVAL if it is no such
 * text or lies before the epoch.
 */
int when_parse(const char *text, uint64_t now, struct when *ret);
