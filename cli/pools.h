/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs about pools share. */

#include "cleanup.h"
#include "verb.h"

DEFINE_CLEANUP(struct subidd_status *, subidd_status_free)

/*
 * Prints what the daemon answered to a call that returned R: as JSON, or the table of the pools,
 * with the daemon's own facts behind it if FACTS is given, and a line that points to findings.
 */
enum exit_status print_answer(struct context *context, int r, const struct subidd_status *status,
			      void (*facts)(const struct subidd_status *status));
