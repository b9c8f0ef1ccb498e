/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line. */

#include "verb.h"
#include "when.h"

/*
 * Reads options, which may stand anywhere, verb and arguments into *ret, whose client stays NULL.
 * Returns true; false after a complaint about bad usage. Changes the order of ARGV.
 */
bool options_parse(int argc, char **argv, const struct verb *const *verbs, struct context *ret);

/* Complains about bad usage of the verb and says where help is. */
enum exit_status options_refuse(const struct verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Reads TEXT as a number from MIN to 4294967295. Returns true; false after a complaint that calls
 * it WHAT.
 */
bool options_number(const struct verb *verb, const char *what, const char *text, uint32_t min,
		    uint32_t *ret);

/* The same for a time; NOW is the present. */
bool options_time(const struct verb *verb, const char *what, const char *text, uint64_t now,
		  struct when *ret);

/* For the help of the verbs that take a TIME. */
#define TIME_HELP                                                                                  \
	"TIME is 2026-11-21T21:01:27+01:00 (without an offset: local time), 2026-11-21T21:01,\n"   \
	"2026-11-21, @SECONDS since 1970, now, or so long ago: -90s, -15min, -2h, -3d, -1w.\n"
