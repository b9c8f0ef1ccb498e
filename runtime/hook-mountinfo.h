/* SPDX-License-Identifier: MIT */
#pragma once

/* What is mounted where, as proc_pid_mountinfo(5) tells it. */

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_entry {
	char *type;	     /* of the file system */
	char *flags;	     /* options of this mount, separated by commas */
	char *super_options; /* of the file system; octal escapes are as they were */
};

/* Takes a line apart if it is that of the mount ID. Returns 1; 0 if it is not; -EBADMSG; -ENOMEM.
 */
int mountinfo_parse(const char *line, uint64_t id, struct mount_entry *ret);

/*
 * Looks up the mount that FD lies in, as statx(2) names it, and says whether FD is its top. Returns
 * 0 or a negative errno: -ENOENT if it is no mount of this process's namespace.
 */
int mountinfo_find(int fd, struct mount_entry *ret, bool *ret_is_top);

/* Undoes the octal escapes of a text in place. */
void mountinfo_decode(char *text);

void mount_entry_done(struct mount_entry *entry);
