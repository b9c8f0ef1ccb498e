/* SPDX-License-Identifier: MIT */
#pragma once

/* Which source nsswitch.conf(5) names for subordinate IDs, read as libsubid reads it. */

enum subid_source {
	SUBID_FILES,  /* also without a `subid:` line */
	SUBID_SUBIDD, /* the module that asks this daemon, which must not ask it in turn */
	SUBID_OTHER,
};

/*
 * Where subordinate IDs come from by the first word of the `subid:` line. Returns 0 or -ENOMEM; a
 * file that cannot be read is like one without the line.
 */
int nsswitch_subid_source(const char *path, enum subid_source *ret);
