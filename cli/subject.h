/* SPDX-License-Identifier: MIT */
#pragma once

/* Whose IDs are asked for: what the system says about a process or a file. */

#include <stdint.h>

/* The IDs of a process or a file, and what to call it. */
struct subject {
	char name[64];
	uint32_t uid, gid;
};

/*
 * The effective UID and GID of a process, and the name of its command. Returns 0; -ESRCH if there
 * is none; another negative errno.
 */
int subject_of_process(uint32_t pid, struct subject *ret);

/*
 * Puts the first host IDs of the maps of a process's user namespace in place of its own. Returns 0;
 * -ENOENT if they map all IDs to themselves, as the host's do, or none; another negative errno.
 */
int subject_use_maps(uint32_t pid, struct subject *subject);

/* The owner and the group of a file, of a link itself where it is one. 0 or a negative errno. */
int subject_of_file(const char *path, struct subject *ret);
