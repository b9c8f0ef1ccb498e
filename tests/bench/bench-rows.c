/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "cleanup.h"

#include <math.h>
#include <stdio.h>

enum must {
	MUST_NOTHING, /* a figure to look at */
	MUST_BE_AT_MOST,
	MUST_BE_AT_LEAST,
};

/* A percentile of a series; or, with a FIXED that is not 0, that number. */
struct measure {
	const char *name;
	enum series series;
	double part;
	double fixed;
};

/* The value divided by the limit must be at most, or at least, so much. */
struct row {
	const char *name;
	const char *unit;
	int n_digits;
	enum series series;
	double part;
	enum must must;
	double ratio;
	struct measure limit;
};

#define SYNC(percent)                                                                              \
	{                                                                                          \
		"append 4 KiB + fdatasync, p" #percent, APPEND, percent / 100., 0                  \
	}
#define PING(series)                                                                               \
	{                                                                                          \
		"ping-pong, p50", series, 0.5, 0                                                   \
	}
#define FIXED(number)                                                                              \
	{                                                                                          \
		"fixed", 0, 0, number                                                              \
	}

static const struct row rows[] = {
	{ "append 4 KiB + fdatasync, p50", "us", 1, APPEND, 0.5 },
	{ "append 4 KiB + fdatasync, p99", "us", 1, APPEND, 0.99 },
	{ "overwrite 4 KiB + fdatasync, p50", "us", 1, OVERWRITE, 0.5 },
	{ "ping-pong with the sizes of get, p50", "us", 1, PING_GET, 0.5 },
	{ "ping-pong with the sizes of lookup, p50", "us", 1, PING_LOOKUP, 0.5 },

	{ "allocate, 1 client, p50", "us", 1, ALLOCATE, 0.5, MUST_BE_AT_MOST, 1.5, SYNC(50) },
	{ "allocate, 1 client, p99", "us", 1, ALLOCATE, 0.99, MUST_NOTHING, 0, SYNC(99) },
	{ "release, 1 client, p50", "us", 1, RELEASE, 0.5, MUST_BE_AT_MOST, 1.5, SYNC(50) },
	{ "allocate, 1 client, p50, to an overwrite",
	  "us",
	  1,
	  ALLOCATE,
	  0.5,
	  MUST_NOTHING,
	  0,
	  { "overwrite 4 KiB + fdatasync, p50", OVERWRITE, 0.5, 0 } },
	{ "fdatasync per allocation, 1 client", "", 3, SYNCS_ONE, 0.5, MUST_BE_AT_MOST, 1,
	  FIXED(1.05) },
	{ "fdatasync per allocation, 64 clients", "", 3, SYNCS_MANY, 0.5, MUST_BE_AT_MOST, 1,
	  FIXED(0.1) },

	{ "allocations a second, 1 client", "1/s", 0, RATE_ONE, 0.5 },
	{ "allocations a second, 64 clients",
	  "1/s",
	  0,
	  RATE_MANY,
	  0.5,
	  MUST_BE_AT_LEAST,
	  4,
	  { "1 client", RATE_ONE, 0.5, 0 } },
	{ "the same at 100 us an fdatasync", "1/s", 0, RATE_MANY_SCALED, 0.5, MUST_BE_AT_LEAST, 1,
	  FIXED(25000) },

	{ "CPU of the daemon per allocation, 1 client", "us", 1, CPU_ONE, 0.5 },
	{ "CPU of the daemon per allocation, 64 clients", "us", 1, CPU_MANY, 0.5 },

	{ "get, 1 client, p50", "us", 1, GET, 0.5, MUST_BE_AT_MOST, 2, PING(PING_GET) },
	{ "get, 60,000 held, p50", "us", 1, GET_HELD, 0.5, MUST_BE_AT_MOST, 2, PING(PING_GET) },
	{ "lookup, 1 client, p50", "us", 1, LOOKUP, 0.5, MUST_BE_AT_MOST, 2, PING(PING_LOOKUP) },
	{ "lookup, 60,000 held, p50", "us", 1, LOOKUP_HELD, 0.5, MUST_BE_AT_MOST, 2,
	  PING(PING_LOOKUP) },
	{ "get beside 32 allocating clients, p99",
	  "us",
	  1,
	  LOAD_GET,
	  0.99,
	  MUST_BE_AT_MOST,
	  2,
	  { "their allocate, p99", LOAD_ALLOCATE, 0.99, 0 } },
	{ "allocate, 60,000 held, p50",
	  "us",
	  1,
	  ALLOCATE_HELD,
	  0.5,
	  MUST_BE_AT_MOST,
	  1.2,
	  { "0 held", ALLOCATE, 0.5, 0 } },

	{ "ready, 60,000 held, after a clean stop", "s", 3, READY_STOPPED, 0.5, MUST_BE_AT_MOST, 1,
	  FIXED(0.15) },
	{ "ready, 60,000 held, after kill -9", "s", 3, READY_KILLED, 0.5, MUST_BE_AT_MOST, 1,
	  FIXED(1) },
	{ "peak memory, idle", "MiB", 1, PEAK_IDLE, 1, MUST_BE_AT_MOST, 1, FIXED(8) },
	{ "peak memory, 60,000 held", "MiB", 1, PEAK_HELD, 1, MUST_BE_AT_MOST, 1, FIXED(24) },
	{ "list of 60,000, first reply", "ms", 2, LIST_FIRST, 0.5, MUST_BE_AT_MOST, 1, FIXED(5) },
	{ "list of 60,000, all", "ms", 1, LIST_ALL, 0.5, MUST_BE_AT_MOST, 1, FIXED(300) },
};

/* A row with its numbers; NAN where there is none. */
struct result {
	const struct row *row;
	double value, limit, ratio;
	const char *skipped;
	bool is_reached; /* also where nothing must be */
};

static struct result row_result(struct bench *bench, const struct row *row)
{
	const struct measure *limit = &row->limit;
	struct result result = { .row = row, .skipped = bench->skipped[row->series] };

	result.value = samples_percentile(&bench->series[row->series], row->part);
	result.limit = limit->fixed != 0 ? limit->fixed : NAN;
	if (limit->name && limit->fixed == 0)
		result.limit = samples_percentile(&bench->series[limit->series], limit->part);
	result.ratio = result.value / result.limit;
	result.is_reached = row->must == MUST_NOTHING ||
			    (row->must == MUST_BE_AT_MOST ? result.ratio <= row->ratio
							  : result.ratio >= row->ratio);
	return result;
}

static const char *must_name(enum must must)
{
	return must == MUST_BE_AT_LEAST ? "at_least" : "at_most";
}

static const char *reached_name(const struct result *result)
{
	if (result->skipped)
		return "skipped";
	if (result->row->must == MUST_NOTHING)
		return "";
	return result->is_reached ? "yes" : "NO";
}

static void print_line(const struct result *result)
{
	const struct row *row = result->row;
	char must[16] = "", ratio[16] = "", limit[64] = "";

	if (!isnan(result->limit)) {
		snprintf(ratio, sizeof(ratio), "%.2f", result->ratio);
		snprintf(limit, sizeof(limit), "%.*f  %s",
			 row->limit.fixed != 0 ? (result->limit < 2 ? 2 : 0) : row->n_digits,
			 result->limit, row->limit.fixed != 0 ? "" : row->limit.name);
	}
	if (row->must != MUST_NOTHING)
		snprintf(must, sizeof(must), "%s %g",
			 row->must == MUST_BE_AT_MOST ? "<=" : ">=", row->ratio);
	if (result->skipped)
		printf("%-44s %9s %-4s %14s %s\n", row->name, "-", row->unit, "",
		       reached_name(result));
	else
		printf("%-44s %9.*f %-4s %7s %-6s %-4s%s\n", row->name, row->n_digits,
		       result->value, row->unit, ratio, must, reached_name(result), limit);
}

static void print_number(const char *name, double value)
{
	if (isnan(value))
		printf(", \"%s\": null", name);
	else
		printf(", \"%s\": %.6g", name, value);
}

static void print_object(const struct result *result, bool is_last)
{
	const struct row *row = result->row;

	printf("  {\"name\": \"%s\"", row->name);
	print_number("value", result->skipped ? NAN : result->value);
	printf(", \"unit\": \"%s\"", row->unit);
	print_number("limit", result->limit);
	print_number("ratio", result->skipped ? NAN : result->ratio);
	if (row->must != MUST_NOTHING) {
		print_number(must_name(row->must), row->ratio);
		printf(", \"reached\": %s",
		       result->skipped ? "null" : (result->is_reached ? "true" : "false"));
	}
	if (result->skipped)
		printf(", \"skipped\": \"%s\"", result->skipped);
	printf("}%s\n", is_last ? "" : ",");
}

static void print_result(const struct result *result, bool as_json, bool is_last)
{
	if (as_json)
		print_object(result, is_last);
	else
		print_line(result);
	if (result->skipped)
		fprintf(stderr, "skipped: %s: %s\n", result->row->name, result->skipped);
	else if (!result->is_reached)
		fprintf(stderr, "not reached: %s: the ratio is %.2f, to be %s %g\n",
			result->row->name, result->ratio,
			result->row->must == MUST_BE_AT_LEAST ? "at least" : "at most",
			result->row->ratio);
}

bool rows_print(struct bench *bench, bool as_json)
{
	bool are_reached = true;

	if (as_json)
		printf("[\n");
	else
		printf("%-44s %9s %-4s %7s %-6s %-4s%s\n", "", "value", "unit", "ratio", "must",
		       "ok", "limit");
	for (size_t i = 0; i < ELEMENTS_OF(rows); i++) {
		struct result result = row_result(bench, &rows[i]);

		print_result(&result, as_json, i + 1 == ELEMENTS_OF(rows));
		are_reached = are_reached && (result.is_reached || result.skipped);
	}
	if (as_json)
		printf("]\n");
	fflush(stdout);
	return are_reached;
}
