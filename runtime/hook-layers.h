/* SPDX-License-Identifier: MIT */
#pragma once

/* What an overlay is mounted from, taken from the options that mountinfo shows of it. */

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct overlay_layers {
	char **lowers; /* paths, the uppermost first */
	size_t n_lowers;
	char *upper; /* path; NULL: the overlay cannot be written to */
	char *work;  /* path; goes with the upper one */
	char *rest;  /* options to be kept, separated by commas; may be empty */
};

/*
 * Reads the options of an overlay's file system. Those that bind it to one mount only (uuid) or
 * promise nothing after a crash (volatile) are left out of the rest. Returns 0; -EBADMSG if no
 * layer is named; -ENOTSUP for layers of data alone; -ENOMEM.
 */
int overlay_layers_parse(const char *super_options, struct overlay_layers *ret);

void overlay_layers_done(struct overlay_layers *layers);
