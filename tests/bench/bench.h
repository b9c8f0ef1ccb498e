/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is measured (bench-phases.c) and what it is held against (bench-rows.c). A new row is a line
 * in the table of rows; if no series has its values yet, a series and a function that fills it too.
 */

#include "bench-daemon.h"
#include "bench-limits.h"
#include "bench-samples.h"

#include <stdbool.h>

enum series {
	APPEND,
	OVERWRITE,
	PING_GET,
	PING_LOOKUP,
	ALLOCATE,
	GET,
	LOOKUP,
	RELEASE,
	ALLOCATE_HELD, /* with 60,000 held */
	GET_HELD,
	LOOKUP_HELD,
	RATE_ONE,
	RATE_MANY,
	RATE_MANY_SCALED,
	CPU_ONE, /* of an allocation */
	CPU_MANY,
	SYNCS_ONE,
	SYNCS_MANY,
	LOAD_ALLOCATE,
	LOAD_GET,
	READY_STOPPED,
	READY_KILLED,
	PEAK_IDLE,
	PEAK_HELD,
	LIST_FIRST,
	LIST_ALL,
	N_SERIES
};

struct bench {
	const char *folder;
	struct daemon idle; /* holds nothing or little */
	struct daemon busy; /* fills up */
	struct daemon held; /* holds 60,000 */
	struct append append, overwrite;
	struct samples series[N_SERIES];
	const char *skipped[N_SERIES]; /* why it could not be measured, or NULL */
};

/* Measures everything, with the daemon PROGRAM, in FOLDER, which exists. */
void bench_run(struct bench *bench, const char *program, const char *folder);
void bench_done(struct bench *bench);

/* Says what is going on. */
void bench_say(const char *text);

/*
 * Prints all rows, as a table or as JSON. Returns whether all of them reach what they must; says on
 * standard error which do not, and which were skipped.
 */
bool rows_print(struct bench *bench, bool as_json);
