/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Running a short program for its answer: clean environment, no input, bounded output and time.
 * When the call returns, the program and whatever it left in its process group are gone.
 */

#include <stdbool.h>
#include <stddef.h>

#define CHILD_OUTPUT_MAX (64u << 10) /* bytes kept of each stream */

struct child_stream {
	int fd;
	char *text; /* terminated by a NUL byte that the size does not count */
	size_t size;
	bool cut; /* there was more */
};

struct child_result {
	bool timed_out;
	int status; /* as of waitpid(2), where it did not time out */
	struct child_stream output;
	struct child_stream errors;
};

/*
 * Runs ARGV[0], which is a path, for up to TIMEOUT_MS milliseconds.
 * Returns 0, or what kept it from being run.
 */
int child_run(const char *const *argv, unsigned int timeout_ms, struct child_result *ret);

/* Frees what it holds and leaves it empty. */
void child_result_done(struct child_result *result);
