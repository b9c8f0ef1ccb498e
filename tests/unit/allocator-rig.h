/* SPDX-License-Identifier: MIT */
#pragma once

/* An allocator over a store in a folder of its own, asked in few words. */

#include "testing.h"

#include "allocator.h"

#include <stdbool.h>

#define U 65536u
#define SECOND UINT64_C(1000000)

extern struct folder folder;
extern struct allocator *allocator;

/* The last answer of ask() and give_back(). */
extern struct allocation answer;
extern struct refusal refusal;
extern enum allocate_outcome outcome;

/* The moment that is now, and the boot in which it is; both may be set. */
extern struct moment the_time;
extern const char *boot_id;

/* Lets time go by and returns what is now. */
struct moment later(uint64_t usec);

/* A whole pass over processes with these maps, which it takes over. */
void look(struct claims *claims);

/* Two passes that find nothing, and what follows from them. */
void drain(void);

/* For each test: without pools; removes all, and finds descriptors that were left open. */
int allocator_setup(void **state);
int allocator_teardown(void **state);

/* Opens the store again, as a daemon that starts: without pools. */
void restart(void);

struct pool_geometry {
	const char *name; /* NULL: no pool */
	uint32_t start, count, unit;
	bool is_invalid;
};

/* Puts up to N pools in place. */
void set_pools(const struct pool_geometry *geometries, size_t n);
void set_pool(uint32_t start, uint32_t count, uint32_t unit); /* one pool, "kubelet" */

void set_quota(uint32_t quota);

/* Allocate and release as a privileged client; each call is a later moment. */
int ask(const char *pod);
int ask_count(const char *pod, uint32_t count);
int ask_pool(const char *pod, const char *pool);
/* Fails the test if that pod has none; returns *ret_released. The range has drained after it. */
int give_back(const char *pod);

/* As a client with that UID. */
int ask_as(uint32_t uid, const char *pod);
int give_back_as(uint32_t uid, const char *pod);

/* The pod must get that range with that outcome. */
void expect_range(const char *pod, enum allocate_outcome expected, uint32_t start, uint32_t count);

void commit(void);

/* All rows, those without a pod too, as text: "pod:start:count:state ", starts and counts in units
 * of 65536 where they are whole ones. In a buffer that the next call overwrites. */
const char *rows(void);

/* The use of the only pool as text: "capacity active released free outside". The same. */
const char *usage(void);
