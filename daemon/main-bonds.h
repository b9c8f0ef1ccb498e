/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The processes that allocations are tied to: when one ends, its allocation is released. Each is
 * watched through a pidfd; those for which there is no descriptor are looked after now and then.
 */

#include "allocator.h"

#include <systemd/sd-event.h>

struct bonds;

/*
 * At most MOST descriptors are kept. CHANGED is called from the event loop after changes that have
 * to be committed. All must outlive the bonds.
 */
int bonds_new(sd_event *event, struct allocator *allocator, size_t most,
	      void (*changed)(void *userdata), void *userdata, struct bonds **ret);

void bonds_free(struct bonds *bonds);

/*
 * Reads the allocator's allocations, and releases those whose process ended while nobody watched.
 * Returns 0 or a negative errno.
 */
int bonds_begin(struct bonds *bonds);

/* There may be new bonds, and others may be gone: to be called after each commit. */
void bonds_wake(struct bonds *bonds);

/* A commit has failed, and may have taken releases with it: the next poll looks at everything. */
void bonds_distrust(struct bonds *bonds);

/* Looks after those that have no descriptor, in slices: to be called now and then. */
void bonds_poll(struct bonds *bonds);
