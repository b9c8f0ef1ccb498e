/* SPDX-License-Identifier: MIT */
#pragma once

/* --check: the findings of every pool, for people or programs, without the database. */

#include "main-options.h"

/* Prints them on standard output. Returns the status to exit with. */
int check_run(const struct options *options);
