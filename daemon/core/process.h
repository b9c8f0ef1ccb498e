/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BOOT_ID_LENGTH 36 /* of /proc/sys/kernel/random/boot_id */

/*
 * Which process, for good: a PID is used again, but not with the same start in the same boot. All
 * zero is no process.
 */
struct process {
	uint32_t pid;
	uint64_t start; /* clock ticks after the boot (proc_pid_stat(5)), outside of time namespaces
			 */
	char boot[BOOT_ID_LENGTH + 1];
};

static inline bool process_equal(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start == b->start && strcmp(a->boot, b->boot) == 0;
}
