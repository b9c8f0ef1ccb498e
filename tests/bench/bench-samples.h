/* SPDX-License-Identifier: MIT */
#pragma once

/* Measured values of one kind, and the clock that they are taken with. No memory ends the program.
 */

#include <stddef.h>

struct samples {
	double *values;
	size_t n, n_allocated;
};

void samples_add(struct samples *samples, double value);

/* The value that PART (0 to 1) of them do not exceed; NAN where there are none. */
double samples_percentile(const struct samples *samples, double part);

void samples_clear(struct samples *samples);
void samples_done(struct samples *samples);

/* Microseconds of a clock that only goes forward. */
double clock_usec(void);
