/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What /etc/subuid or /etc/subgid give to owners, by the daemon's own reader of them. Where shadow
 * could read a line of an owner in another way, or a range that no IDs can have, the owner gets
 * nothing until the line is mended.
 */

#include "core/entry.h"
#include "core/range.h"
#include "core/rules.h"

#include <stdbool.h>
#include <stddef.h>

#define LINES_OF_OWNER_MAX 4096

struct lines {
	char *text; /* the entries point into it */
	struct subid_list list;
};

/* Reads the file under ROOT; one that is not there has no lines. Returns 0 or a negative errno. */
int lines_read(const char *root, enum id_kind kind, struct lines *ret);

/* Frees what it holds and leaves it empty. */
void lines_done(struct lines *lines);

/*
 * The owner's ranges in the order of the file, to be freed; NULL if there are none. Returns 0;
 * -EBADMSG if one of its lines is refused; -EFBIG if it has more than LINES_OF_OWNER_MAX; -ENOMEM.
 */
int lines_find(const struct lines *lines, const struct entry_owner *owner, struct id_range **ret,
	       size_t *ret_n);

/* Does a good line give the ID to its owner? */
bool lines_entry_has(const struct subid_entry *entry, uint32_t id);

/* Is there a line whose owner is a number? */
bool lines_have_numbers(const struct lines *lines);

/* Do the ranges, one or several of them together, hold all of WANTED? */
bool lines_cover(const struct id_range *ranges, size_t n, struct id_range wanted);
