/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What happens to allocations without a client: their processes end, the kubelet's files come and
 * go, what was released drains, history grows old.
 */

#include "allocator.h"
#include "main-upkeep.h"
#include "node/node.h"

#include <systemd/sd-event.h>

struct life;

/*
 * All must outlive it. CHANGED is called when the allocator has changes to commit. MOST_PROCESSES
 * is the number of descriptors that it may use for the processes of allocations.
 */
int life_new(sd_event *event, struct allocator *allocator, size_t most_processes,
	     void (*changed)(void *userdata), void *userdata, struct life **ret);

void life_free(struct life *life);

/*
 * Puts a configuration in force, the allocator's pools being those that follow from it. Returns 0
 * or a negative errno.
 */
int life_configure(struct life *life, const struct config *config);

/*
 * Finds out all that has happened while the daemon was down, so that the first client is answered
 * by it; then goes on from the event loop. Returns 0 or a negative errno if the allocator failed.
 */
int life_begin(struct life *life);

/* To be called after each commit. */
void life_committed(struct life *life, bool has_failed);

struct upkeep_facts life_get_scan(const struct life *life);

/* What is wrong with the kubelet's pods folder of a pool; NULL if nothing is. */
const struct findings *life_findings(const struct life *life, const char *pool);
