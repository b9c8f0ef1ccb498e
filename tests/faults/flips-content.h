/* SPDX-License-Identifier: MIT */
#pragma once

/* All that a store and the allocator over it have to tell, as one number. */

#include "flips-image.h"

struct content {
	uint64_t hash;
	bool is_refused;   /* it could not be opened */
	bool is_told;	   /* it was opened, and a later call failed */
	char message[256]; /* what was said */
};

/*
 * Opens the image in a folder of its own and reads everything in every way. WORKS: allocates then,
 * and opens and reads it once more. False: that could not be done, whatever the image is.
 */
bool content_read(const struct image *image, bool works, struct content *ret);
