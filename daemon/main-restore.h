/* SPDX-License-Identifier: MIT */
#pragma once

#include "main-options.h"

/* subidd --restore: puts a backup in the place of the database. Returns the exit status. */
enum exit_status restore_run(const struct options *options);

/* The exit status for what store_open() or store_restore() returned. */
enum exit_status restore_status(int r);
