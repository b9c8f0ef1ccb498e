/* SPDX-License-Identifier: MIT */
#pragma once

/* The daemon: its parts put together, run, and taken apart. */

#include "main-options.h"

/* Runs until a signal ends it. Returns the status to exit with. */
int daemon_run(const struct options *options);
