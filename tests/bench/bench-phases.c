/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "bench-client.h"
#include "bench-load.h"

#include "cleanup.h"

#include <err.h>
#include <signal.h>
#include <string.h>

#define N_HELD 60000
#define N_UNITS_SURELY_HELD 32000 /* all those below the one that is handed to nobody */
#define UNIT 65536

/* Short turns: a disk's moods last longer. What is allocated beside 60,000 fits into what is free.
 */
#define N_CALL_ROUNDS 160
#define N_WARM_ROUNDS 8
#define N_CALLS 8

#define N_LOAD_ROUNDS 5
#define N_CALLS_ONE 400
#define N_CLIENTS_MANY 64
#define N_CALLS_MANY 6400
#define N_CLIENTS_LOAD 32
#define N_CALLS_LOAD 3200

#define N_SYNCS_SCALED 40
#define OVERWRITE_ROOM (4 << 20)

#define N_TIMES 5
#define N_CHURN 200

/* The first rounds warm everything up: they grow files and fill caches. */
static void forget(struct bench *bench, enum series first, enum series last)
{
	for (enum series i = first; i <= last; i++)
		samples_clear(&bench->series[i]);
}

static void measure_append(struct append *append, struct samples *took, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		samples_add(took, append_call(append));
}

static void measure_pong(struct bench *bench, enum series series, struct pong *pong)
{
	for (int i = 0; i < N_CALLS; i++)
		samples_add(&bench->series[series], pong_call(pong));
}

/* Calls METHOD for so many pods, the first of which is given, and keeps the IDs that they have. */
static void measure_pods(struct bench *bench, enum series series, struct client *client,
			 const char *method, uint64_t first_pod, uint64_t *ids)
{
	struct message message;
	const char *reply;

	for (uint64_t i = 0; i < N_CALLS; i++) {
		message_pod(&message, method, first_pod + i);
		samples_add(&bench->series[series], client_call(client, &message, &reply, NULL));
		if (ids)
			ids[i] = reply_number(reply, "\"start\":") + i;
	}
}

static void measure_lookups(struct bench *bench, enum series series, struct client *client,
			    const uint64_t *ids)
{
	struct message message;

	for (uint64_t i = 0; i < N_CALLS; i++) {
		message_lookup(&message, ids[i]);
		samples_add(&bench->series[series], client_call(client, &message, NULL, NULL));
	}
}

/* The same calls with few and with many held. */
static void measure_idle(struct bench *bench, struct client *client)
{
	uint64_t pod = bench->idle.next_pod, ids[N_CALLS];

	bench->idle.next_pod += N_CALLS;
	measure_pods(bench, ALLOCATE, client, "Allocate", pod, ids);
	measure_pods(bench, GET, client, "Get", pod, NULL);
	measure_lookups(bench, LOOKUP, client, ids);
	measure_pods(bench, RELEASE, client, "Release", pod, NULL);
}

static void measure_held(struct bench *bench, struct client *client, uint64_t round)
{
	uint64_t ids[N_CALLS];

	for (uint64_t i = 0; i < N_CALLS; i++)
		ids[i] = UNIT + (round * N_CALLS + i) * 7919 % N_UNITS_SURELY_HELD * UNIT + i;
	measure_pods(bench, ALLOCATE_HELD, client, "Allocate", bench->held.next_pod, NULL);
	bench->held.next_pod += N_CALLS;
	measure_pods(bench, GET_HELD, client, "Get", round * 1009 % (N_HELD - N_CALLS), NULL);
	measure_lookups(bench, LOOKUP_HELD, client, ids);
}

/* Ping-pongs of messages as large as those of Get and Lookup. */
static void start_pongs(struct client *client, struct pong *get, struct pong *lookup)
{
	struct message message;
	size_t size;

	message_pod(&message, "Get", 0);
	client_call(client, &message, NULL, &size);
	pong_start(get, message.size, size);
	message_lookup(&message, UNIT * (uint64_t)N_UNITS_SURELY_HELD);
	client_call(client, &message, NULL, &size);
	pong_start(lookup, message.size, size);
}

static void measure_calls(struct bench *bench)
{
	struct client idle, held;
	struct pong get, lookup;

	bench_say("calls of one client");
	client_open(&idle, bench->idle.socket);
	client_open(&held, bench->held.socket);
	start_pongs(&held, &get, &lookup);
	for (uint64_t round = 0; round < N_WARM_ROUNDS + N_CALL_ROUNDS; round++) {
		measure_append(&bench->append, &bench->series[APPEND], N_CALLS);
		measure_idle(bench, &idle);
		measure_pong(bench, PING_GET, &get);
		measure_append(&bench->overwrite, &bench->series[OVERWRITE], N_CALLS);
		measure_held(bench, &held, round);
		measure_pong(bench, PING_LOOKUP, &lookup);
		if (round + 1 == N_WARM_ROUNDS)
			forget(bench, APPEND, LOOKUP_HELD);
	}
	pong_stop(&get);
	pong_stop(&lookup);
	client_close(&idle);
	client_close(&held);
}

/* A run of so many clients; returns the microseconds of an allocation. */
static double measure_rate(struct bench *bench, uint32_t n_clients, uint64_t n_calls,
			   enum series rate, enum series syncs, enum series cpu)
{
	struct load load = { &bench->busy, n_clients, n_calls };
	double used = daemon_cpu(&bench->busy);
	uint64_t n_syncs = daemon_syncs(&bench->busy);
	double took = load_run(&load) / (double)n_calls;

	n_syncs = daemon_syncs(&bench->busy) - n_syncs;
	samples_add(&bench->series[rate], 1e6 / took);
	used = daemon_cpu(&bench->busy) - used;
	samples_add(&bench->series[cpu], used / (double)n_calls);
	samples_add(&bench->series[syncs], (double)n_syncs / (double)n_calls);
	return took;
}

/* What a sync takes now. */
static double sync_usec(struct append *append)
{
	struct samples took = { 0 };
	double median;

	measure_append(append, &took, N_SYNCS_SCALED);
	median = samples_percentile(&took, 0.5);
	samples_done(&took);
	return median;
}

/*
 * What the rate would be if append + fdatasync took 100 us, and the disk were slower or faster by
 * as much in all it does: an allocation's part of a sync, which is one of a log that keeps its
 * size, is exchanged for what it would take then.
 */
static void scale_rate(struct bench *bench, double took)
{
	double n_syncs = bench->series[SYNCS_MANY].values[bench->series[SYNCS_MANY].n - 1];
	double append = sync_usec(&bench->append), overwrite = sync_usec(&bench->overwrite);

	took -= n_syncs * overwrite * (1 - 100 / append);
	samples_add(&bench->series[RATE_MANY_SCALED], 1e6 / took);
}

static void measure_load(struct bench *bench)
{
	struct load load = { &bench->busy, N_CLIENTS_LOAD, N_CALLS_LOAD };

	load.took = &bench->series[LOAD_ALLOCATE];
	load.gets_took = &bench->series[LOAD_GET];
	load.n_pods = bench->busy.next_pod;
	load_run(&load);
}

static void measure_loads(struct bench *bench)
{
	bench_say("many clients");
	for (int round = 0; round <= N_LOAD_ROUNDS; round++) {
		double took;

		measure_rate(bench, 1, N_CALLS_ONE, RATE_ONE, SYNCS_ONE, CPU_ONE);
		took = measure_rate(bench, N_CLIENTS_MANY, N_CALLS_MANY, RATE_MANY, SYNCS_MANY,
				    CPU_MANY);
		scale_rate(bench, took);
		measure_load(bench);
		if (round == 0)
			forget(bench, RATE_ONE, LOAD_GET);
	}
	if (daemon_syncs(&bench->busy) == 0)
		bench->skipped[SYNCS_ONE] = bench->skipped[SYNCS_MANY] =
			bench->skipped[RATE_MANY_SCALED] =
				"the daemon does not load the library that counts";
}

static void measure_list(struct bench *bench, struct client *client)
{
	static const char more[] = "\"continues\":true";
	struct message message;
	const char *reply;
	double began;
	size_t size;

	message_list(&message);
	began = clock_usec();
	client_send(client, &message);
	for (int n = 0;; n++) {
		while (!(reply = client_take(client, &size)))
			client_read(client);
		if (n == 0)
			samples_add(&bench->series[LIST_FIRST], (clock_usec() - began) / 1e3);
		if (!memmem(reply, size, more, sizeof(more) - 1))
			break;
	}
	samples_add(&bench->series[LIST_ALL], (clock_usec() - began) / 1e3);
	reply_check(reply);
}

static void measure_lists(struct bench *bench)
{
	struct client client;

	bench_say("lists");
	client_open(&client, bench->held.socket);
	for (int i = 0; i <= N_TIMES; i++) {
		measure_list(bench, &client);
		if (i == 0)
			forget(bench, LIST_FIRST, LIST_ALL);
	}
	client_close(&client);
}

/* Leaves something in the log, as a node at work does: pods go and come back. */
static void churn(struct bench *bench)
{
	struct message message;
	struct client client;

	client_open(&client, bench->held.socket);
	for (uint64_t pod = 0; pod < N_CHURN; pod++) {
		message_pod(&message, "Release", pod);
		client_call(&client, &message, NULL, NULL);
		message_pod(&message, "Allocate", pod);
		client_call(&client, &message, NULL, NULL);
	}
	client_close(&client);
}

static void measure_start(struct bench *bench, enum series series, int signal)
{
	churn(bench);
	daemon_stop(&bench->held, signal);
	samples_add(&bench->series[series], daemon_start(&bench->held) / 1e6);
}

static void measure_starts(struct bench *bench)
{
	bench_say("starts");
	for (int i = 0; i < N_TIMES; i++) {
		measure_start(bench, READY_STOPPED, SIGTERM);
		measure_start(bench, READY_KILLED, SIGKILL);
	}
	samples_add(&bench->series[PEAK_HELD], daemon_peak(&bench->held));
}

/* As far as it has come. */
static void measure_peak(struct bench *bench, enum series series, const struct daemon *daemon)
{
	samples_add(&bench->series[series], daemon_peak(daemon));
}

static void start_daemons(struct bench *bench, const char *program)
{
	struct load fill = { &bench->held, N_CLIENTS_MANY, N_HELD };
	struct daemon *const daemons[] = { &bench->idle, &bench->busy, &bench->held };
	static const char *const names[] = { "idle", "busy", "held" };

	bench_say("60,000 allocations to begin with");
	for (size_t i = 0; i < ELEMENTS_OF(daemons); i++) {
		daemon_init(daemons[i], program, bench->folder, names[i]);
		daemon_start(daemons[i]);
		measure_peak(bench, PEAK_IDLE, daemons[i]);
	}
	load_run(&fill);
	daemon_settle(&bench->held);
}

void bench_run(struct bench *bench, const char *program, const char *folder)
{
	*bench = (struct bench){ .folder = folder };
	append_open(&bench->append, folder, 0);
	append_open(&bench->overwrite, folder, OVERWRITE_ROOM);
	start_daemons(bench, program);
	measure_calls(bench);
	measure_loads(bench);
	measure_lists(bench);
	measure_peak(bench, PEAK_HELD, &bench->held);
	measure_starts(bench);
}

void bench_done(struct bench *bench)
{
	for (enum series i = 0; i < N_SERIES; i++)
		samples_done(&bench->series[i]);
	daemon_done(&bench->idle);
	daemon_done(&bench->busy);
	daemon_done(&bench->held);
	append_close(&bench->append);
	append_close(&bench->overwrite);
}
