/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs about pools share. */

#include "cleanup.h"
#include "verb.h"

DEFINE_CLEANUP(struct subidd_status *, subidd_status_free)

/* Prints the table of the pools. */
void print_pools(const struct subidd_status *status);

/* Prints a line that points to the findings, if there are any. */
void point_to_findings(const struct subidd_status *status);
