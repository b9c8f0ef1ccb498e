/* SPDX-License-Identifier: MIT */

/*
 * power-cuts [--cuts N] [--seed S] [--weaken normal|delete]
 *
 * Cuts the power N times and prints one line of figures. Ends with 0 if nothing was lost, with 1 if
 * something was: then what is left of the disk stays in the folder that is named; 2: bad usage.
 */

#include "cuts.h"

#include "testing.h"

#include <getopt.h>
#include <inttypes.h>
#include <time.h>

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A line each half minute, for whoever waits. */
static void show(const struct cuts_result *result)
{
	static double last;
	double now = seconds();

	if (last > 0 && now - last < 30)
		return;
	if (last > 0)
		fprintf(stderr, "%zu cuts\n", result->n_cuts);
	last = now;
}

static int usage(void)
{
	fprintf(stderr, "usage: power-cuts [--cuts N] [--seed S] [--weaken normal|delete]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cuts", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "weaken", required_argument, NULL, 'w' },
		{},
	};
	enum weakness weakness = WEAKNESS_NONE;
	struct cuts_result result;
	size_t n = 10000;
	uint64_t seed = 0;
	double began = seconds();
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'c')
			n = strtoull(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'w' && strcmp(optarg, "normal") == 0)
			weakness = WEAKNESS_NORMAL;
		else if (option == 'w' && strcmp(optarg, "delete") == 0)
			weakness = WEAKNESS_DELETE;
		else
			return usage();
	}
	if (optind < argc)
		return usage();
	if (seed == 0)
		seed = (uint64_t)time(NULL);
	result = cuts_run(n, seed | 1, weakness, weakness == WEAKNESS_NONE, show);
	printf("power cuts: %zu cuts, %zu lost, %zu duplicate, %zu corrupt (seed %" PRIu64
	       ", %.0f cuts/s; during first start %zu, upgrade %zu, recovery %zu, commits %zu, "
	       "stop %zu)\n",
	       result.n_cuts, result.n_lost, result.n_duplicate, result.n_corrupt, seed | 1,
	       (double)result.n_cuts / (seconds() - began), result.n_first, result.n_upgrade,
	       result.n_open, result.n_commit, result.n_stop);
	return result.n_lost + result.n_duplicate + result.n_corrupt > 0;
}
