/* SPDX-License-Identifier: MIT */
#pragma once

/* Which source nsswitch.conf(5) names for subordinate IDs, read as libsubid reads it. */

#include <stdbool.h>

/*
 * Do subordinate IDs come from the files? So they do without a `subid:` line, and where its first
 * word is `files`. `subidd` counts as files too: that module asks this daemon, so asking it would
 * be a circle. Returns 0 or -ENOMEM; a file that cannot be read is like one without the line.
 */
int nsswitch_subid_is_files(const char *path, bool *ret);
