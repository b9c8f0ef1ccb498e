/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Many clients in one thread: each sends its next call when the reply to its last one is there.
 * What goes wrong ends the program.
 */

#include "bench-daemon.h"
#include "bench-samples.h"

#include <stdbool.h>

struct load {
	struct daemon *daemon;
	uint32_t n_clients;   /* that allocate, for new pods */
	uint64_t n_calls;     /* allocations of all of them */
	struct samples *took; /* microseconds of each, or NULL */
	struct samples
		*gets_took; /* of one more client that gets pods meanwhile, or NULL: without */
	uint64_t first_pod, n_pods; /* those that it gets */
};

/* Returns the microseconds from the first call to the last reply to an allocation. */
double load_run(const struct load *load);
