/* SPDX-License-Identifier: MIT */
#pragma once

/* What happens to allocations besides requests, in few words. */

#include "allocator-rig.h"

#define HOUR (3600 * SECOND)
#define YEAR (UINT64_C(365) * 24 * HOUR)

/* As allocator_setup(), with one pool of eight units from U on, and no event yet to be told. */
int life_setup(void **state);

/*
 * Ranges are texts as rows() makes them: "1:1 3:2" are units of 65536, and where the first number
 * is no less than that, both are IDs.
 */
struct id_range range_of(const char *text);
struct claims claims_of(const char *ranges);

/* A pass from BEGAN on until now, or all of it now, that finds maps of these ranges. */
void see_since(uint64_t began, const char *ranges);
void see(const char *ranges);
void see_blindly(const char *ranges);

/* What drains until all that can end has ended. Returns whether anything has. */
bool has_drained(void);

/* Some of the ranges are in files of the kubelet that are no allocations. */
void see_kubelet(const char *ranges);

/* Releases, and does not drain. Fails the test if there is nothing to release. */
void let_go(const char *pod);

/* Of the pool "kubelet". CONFLICT: *pod_in_way says with whom. */
int adopt(const char *pod, const char *range);
extern char pod_in_way[POD_KEY_MAX + 1];
void vanish(const char *pod);

/* A process of this boot: the same PID and start are the same process. */
struct process process_of(uint32_t pid, uint64_t start);
int tie(const char *pod, uint32_t pid, uint64_t start);
int ask_tied(const char *pod, uint32_t pid, uint64_t start);
/* Returns *ret_released. */
bool ended(const char *pod, uint32_t pid, uint64_t start);

/* Another boot, whose clock says so much; and the daemon starts with one pool of units. */
void start_boot(const char *id, uint64_t boot);
void start_with(uint32_t n_units);

void set_delay(uint64_t reuse_delay, uint64_t blind_drain);

/*
 * The events since the last call as text, also those that are not committed: "released a 1:1
 * request; reused b 2:1 by a; bound a 1:1 pid 7; poolChanged kubelet 1:4".
 * In a buffer that the next call overwrites.
 */
const char *events(void);

/* As allocator_usage() has them: "active draining released waiting foreign free". */
const char *units(void);
