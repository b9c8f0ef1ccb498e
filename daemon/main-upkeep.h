/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What has to be done again and again: passes over the node's processes, the end of draining for
 * what they found nothing alive in, and the removal of old history. All in slices, so that no
 * client waits for it.
 *
 * A pass is made once an interval, and every second while ranges drain; never more often than lets
 * the passes take a twentieth of the time.
 */

#include "allocator.h"

#include <systemd/sd-event.h>

struct upkeep;

struct upkeep_facts {
	const char *blindness; /* why not all processes can be seen; NULL if they can */
	uint64_t last_at;      /* us since the epoch: the end of the last whole pass; 0: none */
	uint64_t cost;	       /* us that it took */
	uint32_t n_processes;  /* that it saw */
};

/*
 * CHANGED is called from the event loop after changes that have to be committed. All must outlive
 * the upkeep. Nothing is done before upkeep_begin().
 */
int upkeep_new(sd_event *event, struct allocator *allocator, void (*changed)(void *userdata),
	       void *userdata, struct upkeep **ret);

/* Has ROUND called after each pass and what follows from it. */
void upkeep_on_round(struct upkeep *upkeep, void (*round)(void *userdata), void *userdata);

void upkeep_free(struct upkeep *upkeep);

/* Makes a whole pass at once, so that nothing is handed out before; then goes on by itself. */
void upkeep_begin(struct upkeep *upkeep);

/* The time from one pass to the next while there is nothing to wait for, in us. */
void upkeep_set_interval(struct upkeep *upkeep, uint64_t interval);

/* There may be ranges now that drain: to be called after each commit. */
void upkeep_wake(struct upkeep *upkeep);

struct upkeep_facts upkeep_get_facts(const struct upkeep *upkeep);
