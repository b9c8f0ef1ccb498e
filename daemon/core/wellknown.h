/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * ID ranges that other software uses unless it is told otherwise: a pool may cross them, but the
 * operator should know.
 */

#include <stddef.h>
#include <stdint.h>

struct wellknown_range {
	uint32_t first;
	uint32_t last; /* the last one is in the range */
	const char *user;
	const char *source; /* where that default is written down */
};

extern const struct wellknown_range wellknown_ranges[];
extern const size_t n_wellknown_ranges;
