/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Long work in the event loop: in slices, with a pause after each, in which clients and commits
 * have their turns.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define PACER_SLICE_USEC 1000
#define PACER_PAUSE_USEC 2000

struct pacer;

/*
 * STEP does a piece of the work, a small part of a slice. It returns 1 if there is more of it, N >
 * 1 if that has time for so many pauses, 0 if that was all, or a negative errno to give up. DONE is
 * then called with the last of these; it may start the pacer again. PRIORITY is that of
 * sd_event_source_set_priority(3).
 */
int pacer_new(sd_event *event, int64_t priority, int (*step)(void *userdata),
	      void (*done)(int r, void *userdata), void *userdata, struct pacer **ret);

void pacer_free(struct pacer *pacer);

/* Begins with the work, from the event loop; nothing if it is at work. 0 or a negative errno. */
int pacer_start(struct pacer *pacer);

/* Leaves the work as it is; DONE is not called. */
void pacer_stop(struct pacer *pacer);

bool pacer_is_at_work(const struct pacer *pacer);

/* The us that the steps since the start have taken. */
uint64_t pacer_cost(const struct pacer *pacer);
