/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The map of a user namespace, as /proc/PID/uid_map and gid_map show it: lines of the first ID
 * inside, the first ID outside and their number (user_namespaces(7)). Only the IDs outside count
 * here; those are host IDs if the reader is in the initial user namespace, however deep the map's
 * own one is nested.
 */

#include "core/range.h"

#include <stdbool.h>
#include <stddef.h>

#define IDMAP_EXTENTS_MAX 340 /* lines of a map, by the kernel */
/* bytes: three numbers of 10 digits a line */
#define IDMAP_TEXT_MAX ((size_t)IDMAP_EXTENTS_MAX * 33)

/*
 * An extent that ends behind the last ID there can be, 4294967294, is cut there, and left out if
 * nothing remains: a kernel shows 4294967295 where the reader's own namespace lacks an ID.
 */
struct idmap {
	struct id_range hosts[IDMAP_EXTENTS_MAX]; /* each valid, in the order of the text */
	size_t n_hosts;
	bool is_empty; /* the namespace has no map yet */
	bool is_full;  /* all extents together have every ID there can be: it limits to nothing */
};

/* Returns 0, or -EINVAL if the text is no map. */
int idmap_parse(const char *text, size_t size, struct idmap *ret);

/* Is the ID, or any of the range, in the map? */
bool idmap_contains(const struct idmap *map, uint32_t id);
bool idmap_overlaps(const struct idmap *map, struct id_range range);
