/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which pod a container belongs to, by its annotations:
 *
 *   1. that of containerd's or CRI-O's sandbox, which those set themselves: the pod's UID, or else
 *      the sandbox's ID. A pod's author, who can set annotations, cannot say that it is another:
 *      where two that are there differ, one of them is not the runtime's, and that is refused.
 *   2. io.subidd.pod, which people and the stage precreate set.
 *   3. podman's pod.
 *   4. the container alone, by its ID.
 *
 * Pure: no I/O.
 */

#include "core/allocation.h"
#include "hook-failure.h"

#define SUBJECT_ANNOTATION "io.subidd.pod"

struct json_object;

struct hook_subject {
	char pod[POD_KEY_MAX + 1];
	char namespace[LABEL_MAX + 1]; /* empty: not known */
	char name[LABEL_MAX + 1];      /* empty: not known */
};

/*
 * Finds the pod of the container ID; ANNOTATIONS may be NULL. Returns 0; -EINVAL with its reason if
 * subidd takes no such pod, or the annotations contradict each other.
 */
int subject_find(const char *id, const struct json_object *annotations, struct hook_subject *ret,
		 struct hook_failure *failure);

/*
 * The same before podman has created the container, where being of a pod is to be given its range:
 * podman's pod, or the container alone. podman hands on the annotations of an image, whose author
 * must not choose whom a container lives with, so nothing counts that could be guessed: no name,
 * and of podman's pods only the ID that podman drew for it.
 */
int subject_find_podman(const char *id, const struct json_object *annotations,
			struct hook_subject *ret, struct hook_failure *failure);
