/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Telling one process from another that has its PID later. Nothing here needs a privilege. A
 * process has ended once all its threads have, even if nobody has waited for it.
 */

#include "core/idmap.h"
#include "core/process.h"

#include <stdbool.h>

/*
 * Which process has the PID? Returns 0; -ESRCH if none that lives (the ID of a thread that is not
 * the first of its process is none); -EPERM if it lives but is hidden; or another negative errno.
 */
int process_identify(uint32_t pid, struct process *ret);

/*
 * Opens that very process. Returns 0 and a pidfd, readable once the process has ended; -ESRCH if it
 * has ended; or another negative errno, such as -EMFILE.
 */
int process_open(const struct process *process, int *ret_fd);

/*
 * Reads the maps of that very process's user namespace: uid_map, then gid_map. Returns 0; -ESRCH if
 * it has ended; or another negative errno.
 */
int process_read_maps(const struct process *process, struct idmap ret[2]);

/* Does that very process live? Returns 1, 0, or a negative errno if that cannot be told now. */
int process_is_alive(const struct process *process);
