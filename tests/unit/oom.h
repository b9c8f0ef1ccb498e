/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that runs out. This replaces malloc() and its kin for the whole program, the libraries
 * that it is linked with included.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Which allocations fail: all, only those that the program itself asks for, or all but json-c's.
 * json-c 0.16 cannot stand it: its own parser dereferences NULL, and its printer leaves pieces out.
 */
enum oom_scope { OOM_ALL, OOM_OWN, OOM_ALL_BUT_JSON };

/*
 * Calls ATTEMPT, which returns whether it succeeded, with one allocation failing and then with all
 * from there on, every STRIDEth one, until none fails any more: then it must succeed. After each
 * try CHECK, which may be NULL, is called without a failure. What the two allocate they must free.
 */
void oom_loop(enum oom_scope scope, bool (*attempt)(void), void (*check)(void), size_t stride);

/* Within an attempt: has nothing fail, and nothing counted, for a while. */
void oom_spare(bool is_spared);

/*
 * Within CHECK: all that is allocated now may stay, as an allocator's memory changes with what it
 * has seen. Only a sanitizer finds what leaks then.
 */
void oom_keep_blocks(void);
