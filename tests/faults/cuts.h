/* SPDX-License-Identifier: MIT */
#pragma once

/* Power cuts at any operation of a daemon's life, and what is there afterwards. */

#include "weakness.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cuts_result {
	size_t n_cuts;
	size_t n_lost;	    /* an acknowledged change was missing */
	size_t n_duplicate; /* two allocations overlapped */
	size_t n_corrupt;   /* all else: it does not open, or holds what was never committed */
	/* what was cut: so many of the cuts fell there */
	size_t n_first, n_upgrade, n_open, n_commit, n_stop;
};

/*
 * Cuts N times, and ends at the first finding if IS_STRICT: then it is told, and what is left of
 * the disk is kept in a folder. PROGRESS (NULL: none) is called now and then.
 */
struct cuts_result cuts_run(size_t n, uint64_t seed, enum weakness weakness, bool is_strict,
			    void (*progress)(const struct cuts_result *result));
