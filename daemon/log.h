/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The log: lines on standard error, with the priority in front (sd-daemon(3)) where the journal
 * reads it. Only main, server and connection log; everything below returns.
 */

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	N_LOG_LEVELS
};

/* Sets the most detailed level that is written, "error" to "debug". Returns whether there is one.
 */
bool log_set_level(const char *name);

/* Writes one line; control characters in it are replaced. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
