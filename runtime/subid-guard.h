/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * newuidmap checks all ranges first and maps them afterwards, and who started it can stop it in
 * between: until the pod whose range was checked is gone and another one has that range.
 */

#include <stdint.h>

/* Shorter than the second that a range is draining for at least. */
#define GUARD_USEC UINT64_C(900000)

/*
 * Lets the kernel kill this process at DEADLINE, a time of the monotonic clock in microseconds, if
 * it is a set-user-ID program. Returns 0 or a negative errno.
 */
int guard_until(uint64_t deadline);
