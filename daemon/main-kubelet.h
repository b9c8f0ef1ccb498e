/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The ranges that the kubelet gives out by itself: every POD_UID/userns in its pods folder is an
 * allocation for as long as it stands. The folders are watched, and read as a whole from time to
 * time, as watches can run out and events be lost; in slices, so that no client waits for it.
 *
 * A folder that is missing or cannot be read says nothing: what was taken over stays, and so it is
 * with a file that cannot be read or understood. Only a file that is empty or gone ends its
 * allocation.
 */

#include "allocator.h"

#include <stdint.h>
#include <systemd/sd-event.h>

/* A look at everything may take this part of the time at most. */
#define KUBELET_SHARE 20

struct kubelet;

/* The pods folder of a pool. */
struct kubelet_folder {
	const char *pool, *path;
};

/*
 * All must outlive it. CHANGED is called, from the event loop and out of kubelet_scan(), when the
 * allocator has changes to commit.
 */
int kubelet_new(sd_event *event, struct allocator *allocator, void (*changed)(void *userdata),
		void *userdata, struct kubelet **ret);

void kubelet_free(struct kubelet *kubelet);

/* How often to look at everything, in us. */
int kubelet_set_interval(struct kubelet *kubelet, uint64_t usec);

/*
 * Looks after these folders and no others: allocations of the kubelet in other pools vanish. Takes
 * effect in the event loop, or with kubelet_scan(). Returns whether they are other folders than
 * before, or -ENOMEM.
 */
int kubelet_set_folders(struct kubelet *kubelet, const struct kubelet_folder *folders,
			size_t n_folders);

/* Looks at everything now, to the end. Returns 0, or a negative errno if the allocator failed. */
int kubelet_scan(struct kubelet *kubelet);

/* What was in the way of an allocation may be gone: to be called when ranges have drained. */
void kubelet_retry(struct kubelet *kubelet);

/*
 * To be called after a commit that failed: what was taken over may be lost, and the next look at
 * everything, after the interval, takes it over again.
 */
void kubelet_distrust(struct kubelet *kubelet);

/* What is wrong with a pool's folder and the files in it; NULL if it has none. */
const struct findings *kubelet_findings(const struct kubelet *kubelet, const char *pool);
