/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Why the hook gives up, in one line for the people who start containers: what is wrong, where, and
 * what to do. The first reason stays.
 */

#define HOOK_FAILURE_MAX 1024

struct hook_failure {
	char text[HOOK_FAILURE_MAX]; /* cut where it is longer; empty: nothing has failed */
};

/* Records the reason, without a dot at its end, and returns ERROR, a negative errno. */
int hook_fail(struct hook_failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
