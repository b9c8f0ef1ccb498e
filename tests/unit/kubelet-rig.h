/* SPDX-License-Identifier: MIT */
#pragma once

/* A kubelet's pods folder, the watcher over it, and an allocator that only keeps account. */

#include "main-kubelet.h"
#include "testing.h"

#include <stdbool.h>

#define POOL "kubelet"	     /* 65536:4294836224, of 65536 */
#define OTHER_POOL "another" /* 131072:65536, of 131072 */
#define UNIT 65536u

struct allocator; /* all of its state is in here */

struct kubelet_rig {
	struct folder folder;
	char pods[80]; /* path of the pods folder, in FOLDER */
	struct kubelet_folder watched;
	sd_event *event;
	struct kubelet *kubelet;
	struct allocator *allocator;
	int n_fds; /* before it was made */
};

/* Makes folder and allocator, but the watcher only with rig_start(). */
void rig_make(struct kubelet_rig *rig);
void rig_drop(struct kubelet_rig *rig);

/* Begins to watch the pods folder, and looks at everything. */
void rig_start(struct kubelet_rig *rig);
/* Forgets the watcher, and keeps the allocator. */
void rig_stop(struct kubelet_rig *rig);

/* In the pods folder; names are those of pods. */
void pod_make(const struct kubelet_rig *rig, const char *name);
void pod_remove(const struct kubelet_rig *rig, const char *name);
/* As the kubelet does it: under another name, and renamed. */
void pod_give(const struct kubelet_rig *rig, const char *name, uint32_t unit);
void pod_write(const struct kubelet_rig *rig, const char *name, const char *text);
const char *pod_path(const struct kubelet_rig *rig, const char *name, const char *file);
/* Text of a file that gives the range, in a buffer that the next call overwrites. */
const char *file_text(uint32_t start, uint32_t count);

/* What the allocator has: 0 if the pod has no active range, else its first ID. */
uint32_t start_of(const struct kubelet_rig *rig, const char *name);
size_t n_active(const struct kubelet_rig *rig);
/* Gives a pod a range that the kubelet knows nothing of; gives it up. */
void rig_allocate(struct kubelet_rig *rig, const char *name, uint32_t unit);
void rig_release(struct kubelet_rig *rig, const char *name);
/* As if an earlier daemon had taken it over. */
void rig_adopt(struct kubelet_rig *rig, const char *pool, const char *name, uint32_t unit);

struct rig_counts {
	size_t n_adopted, n_vanished, n_conflicts, n_changed, n_claims, n_calls;
	char last_conflict[2][POD_KEY_MAX + 1];
};
struct rig_counts rig_count(const struct kubelet_rig *rig);
bool rig_claims(const struct kubelet_rig *rig, uint32_t start, uint32_t count);
/* The next call of the allocator that could change it fails, and what was not committed is lost. */
void rig_break(struct kubelet_rig *rig);

/* What the watcher holds: pods' folders, and inotify(7) watches. */
struct rig_held {
	size_t n_pods, n_watches;
};
struct rig_held rig_held(const struct kubelet_rig *rig);

/* Runs the event loop until that is so, a few seconds at most. */
void until_start(struct kubelet_rig *rig, const char *name, uint32_t unit);
void until_findings(struct kubelet_rig *rig, size_t n);
void until(struct kubelet_rig *rig, bool (*condition)(void *userdata), void *userdata);
/* Runs it until nothing has happened for a while that is long for a computer. */
void settle(struct kubelet_rig *rig);

/* The only finding: its rule's name, and a part of its message. */
void assert_finding(const struct kubelet_rig *rig, const char *rule, const char *message);
