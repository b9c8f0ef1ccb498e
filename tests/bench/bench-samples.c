/* SPDX-License-Identifier: MIT */
#include "bench-samples.h"

#include "cleanup.h"

#include <err.h>
#include <math.h>
#include <string.h>
#include <time.h>

void samples_add(struct samples *samples, double value)
{
	if (samples->n == samples->n_allocated) {
		samples->n_allocated = 2 * samples->n_allocated + 64;
		samples->values = reallocarray(samples->values, samples->n_allocated,
					       sizeof(*samples->values));
		if (!samples->values)
			err(2, "no memory");
	}
	samples->values[samples->n++] = value;
}

static int compare_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_percentile(const struct samples *samples, double part)
{
	size_t place = (size_t)((double)samples->n * part);

	if (samples->n == 0)
		return NAN;
	qsort(samples->values, samples->n, sizeof(*samples->values), compare_values);
	return samples->values[place < samples->n ? place : samples->n - 1];
}

void samples_clear(struct samples *samples)
{
	samples->n = 0;
}

void samples_done(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){ 0 };
}

double clock_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}
