/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A server with the real methods, allocator and store, in one thread: nothing runs but in
 * world_run(). Each world begins with an empty database. Its clock and its processes are its own,
 * so that the same input does the same each time: the linker puts this file's clock_now(),
 * process_identify() and process_read_maps() in place of the node's.
 */

#include "server.h"

#include <stdint.h>

#define WORLD_UNIT 65536u
#define WORLD_UNITS 8 /* of the pool "kubelet", which begins at its first unit */
#define WORLD_MESSAGE_MAX 1024

struct world;

struct world *world_new(void);
void world_free(struct world *world);

/* What every client may from now on. */
void world_set_access(struct world *world, enum varlink_access access);

/* A client's end of a new connection. */
int world_connect(struct world *world);

/* Runs the loop until nothing is left to do. */
void world_run(struct world *world);

/* What the daemon does besides, with units of the pool counted from 0. */
void world_pass(struct world *world, int unit); /* finds a process in it; -1: in none */
void world_lose_sight(struct world *world);
void world_adopt(struct world *world, int pod, uint32_t unit);
void world_vanish(struct world *world, int pod);
void world_end_process(struct world *world, uint32_t pid);

/* Checks all that must be true of the rows and the counts. */
void world_check(struct world *world);

/* Closes all connections and the store, opens it again: there must be the same rows. */
void world_restart(struct world *world);
