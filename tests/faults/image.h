/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The disk as a power cut would leave it. Of what was not synced, a cut keeps any part: each sector
 * of 512 bytes in any of its states since the last sync, whatever became of the others; any size
 * that the file had, and zeros, noise or other files' old content where it grew; and of the names
 * that came and went, any.
 */

#include "disk.h"

/* Begins at the start of what the disk has noted. Free it with image_done(). */
void image_begin(void);
void image_done(void);

/*
 * Makes FOLDER what a cut during that operation leaves (all are over if it is disk_n_ops()), by
 * chance. Operations must not go backwards.
 */
void image_cut(size_t op, uint64_t *random, const char *folder);
