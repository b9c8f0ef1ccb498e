/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Watches files for change: written, renamed, replaced, deleted, made. What is missing is waited
 * for in the nearest folder above it that exists; what a link points to is watched as well.
 */

#include <stddef.h>
#include <systemd/sd-event.h>

struct watch;

/* CHANGED is called from the event loop a moment after a change, once for changes in a row. */
int watch_new(sd_event *event, void (*changed)(void *userdata), void *userdata, struct watch **ret);

void watch_free(struct watch *watch);

/*
 * Watches these paths and no others, beginning before it returns. Returns 0, or the first negative
 * errno if not all of them can be watched (inotify(7) has limits); the others are then watched.
 */
int watch_set(struct watch *watch, char *const *paths, size_t n_paths);
