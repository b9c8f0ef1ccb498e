/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the disk alone. */

#include "disk.h"

/* Knows the files of that folder (empty: of none), unless it is noting what happens in another. */
void disk_watch(const char *folder);

/* Must this operation fail? It counts as one of them. */
bool disk_must_fail(enum disk_fault kind);

/*
 * The error of a write, 0 if there is none; then *size says how much is written. One that was short
 * is followed by one that finds no room.
 */
int disk_write_error(size_t *size);
