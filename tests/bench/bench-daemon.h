/* SPDX-License-Identifier: MIT */
#pragma once

/* The real daemon on a root of its own. What goes wrong ends the program, and the daemon with it.
 */

#include <stdint.h>
#include <sys/types.h>

struct daemon {
	char *root;
	char *socket;
	const char *program;
	int notify;	   /* the socket for sd_notify(3) */
	uint64_t *n_syncs; /* counted by bench-count-syncs.c */
	uint64_t next_pod; /* that it does not know yet */
	pid_t process;
};

/* Makes the root NAME in FOLDER. */
void daemon_init(struct daemon *daemon, const char *program, const char *folder, const char *name);

/* Starts it; the microseconds from the fork to its READY=1. */
double daemon_start(struct daemon *daemon);

/* Ends it by a signal. */
void daemon_stop(struct daemon *daemon, int signal);

/* Calls of fdatasync(2) and fsync(2) so far; 0 where they cannot be counted. */
uint64_t daemon_syncs(const struct daemon *daemon);

/* The microseconds that it has been at work; other processes hardly move them. */
double daemon_cpu(const struct daemon *daemon);

/* Waits until what a load has left to do, the history's indexes above all, is done. */
void daemon_settle(const struct daemon *daemon);

/* The most memory that it has had, in MiB. */
double daemon_peak(const struct daemon *daemon);

/* Ends it if it runs; the root stays. */
void daemon_done(struct daemon *daemon);
