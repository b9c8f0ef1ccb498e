/* SPDX-License-Identifier: MIT */
#pragma once

/* The node's clocks. */

#include "core/moment.h"
#include "core/process.h"

#include <stdint.h>

/*
 * By how many ns the time namespace moves CLOCK_BOOTTIME against that of the node; 0 where the
 * kernel has no time namespaces. Returns 0 or a negative errno.
 */
int clock_boot_offset(int64_t *ret);

/*
 * Reads the offset for clock_now() once and for all: a process cannot change its time namespace
 * without an exec. To be called before there are threads. Returns 0 or a negative errno.
 */
int clock_init(void);

/* Now. The only thing that it depends on besides the clocks is clock_init(). */
void clock_now(struct moment *ret);

/* What tells this boot of the node from any other. Returns 0 or a negative errno. */
int clock_boot_id(char ret[BOOT_ID_LENGTH + 1]);
