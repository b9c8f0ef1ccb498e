/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that runs out. This replaces malloc() and its kin for the whole program, the libraries
 * that it is linked with included.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Which allocations fail: all, or only those that the program itself asks for. json-c 0.16 cannot
 * stand it: its parser dereferences NULL, and its printer leaves pieces out.
 */
enum oom_scope { OOM_ALL, OOM_OWN };

/*
 * Calls ATTEMPT, which returns whether it succeeded, with one allocation failing and then with all
 * from there on, every STRIDEth one, until none fails any more: then it must succeed. After each
 * try CHECK, which may be NULL, is called without a failure. What the two allocate they must free.
 */
void oom_loop(enum oom_scope scope, bool (*attempt)(void), void (*check)(void), size_t stride);
