/* SPDX-License-Identifier: MIT */

/*
 * What does a pass over the processes cost, and how often does it miss somebody who forks and exits
 * all the time? To be run as root: bench-processes [CHAIN-PASSES].
 */

#include "namespaces.h"
#include "testing.h"

#include "node/processes.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define N_COST_PASSES 20
#define N_CHAIN_PASSES 3000

struct result {
	uint32_t n_processes;
	uint64_t cost; /* us */
	bool is_seen;
};

static double cpu_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct result look(struct id_range range)
{
	struct processes *pass;
	struct claims claims;
	struct result result;

	if (processes_open(PROCESSES_FOLDER, &pass) < 0)
		exit(1);
	while (processes_step(pass) > 0)
		;
	if (processes_finish(pass, &claims) < 0)
		exit(1);
	result.n_processes = processes_count(pass);
	result.cost = processes_cost(pass);
	result.is_seen = claims_find(&claims, range);
	claims_done(&claims);
	processes_free(pass);
	return result;
}

/* With N more processes than there are, in as many namespaces as one in ten of them. */
static void measure_cost(uint32_t n)
{
	struct id_range range = namespaces_range();
	pid_t *children = calloc(n + 1, sizeof(*children));
	uint64_t cost = 0, best = UINT64_MAX;
	uint32_t n_processes = 0;
	double cpu;

	for (uint32_t i = 0; i < n; i++) {
		char map[64];

		snprintf(map, sizeof(map), "0 %u 1000\n", range.start + i * 1000);
		children[i] = i % 10 ? namespaces_fork(NULL, NULL, NULL, NULL)
				     : namespaces_fork(map, map, NULL, NULL);
	}
	cpu = cpu_msec();
	for (int i = 0; i < N_COST_PASSES; i++) {
		struct result result = look(range);

		n_processes = result.n_processes;
		cost += result.cost;
		best = result.cost < best ? result.cost : best;
	}
	cpu = (cpu_msec() - cpu) / N_COST_PASSES;
	printf("%6u processes: %6.2f ms a pass (best %.2f, CPU %.2f), %.2f ms per 1,000\n",
	       n_processes, (double)cost / 1e3 / N_COST_PASSES, (double)best / 1e3, cpu,
	       (double)cost / N_COST_PASSES / n_processes);
	for (uint32_t i = 0; i < n; i++)
		namespaces_kill(children[i]);
	free(children);
}

static void measure_misses(uint32_t n_passes)
{
	struct id_range range = { namespaces_range().start, 65536 };
	struct chain chain = chain_start(range);
	uint32_t n_missed = 0, n_missed_twice = 0, in_row = 0;

	for (uint32_t i = 0; i < n_passes; i++) {
		in_row = look(range).is_seen ? 0 : in_row + 1;
		n_missed += in_row > 0;
		n_missed_twice += in_row > 1;
	}
	printf("a chain of %llu processes: missed by %u of %u passes, by two in a row %u times\n",
	       (unsigned long long)*chain.n, n_missed, n_passes, n_missed_twice);
	chain_stop(&chain);
}

int main(int argc, char **argv)
{
	uint32_t n_passes = argc > 1 ? (uint32_t)atoi(argv[1]) : N_CHAIN_PASSES;

	setvbuf(stdout, NULL, _IOLBF, 0);
	measure_cost(0);
	measure_cost(1000);
	measure_cost(3000);
	measure_misses(n_passes);
	return 0;
}
