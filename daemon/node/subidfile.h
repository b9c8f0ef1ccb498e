/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * subuid(5) and subgid(5), read strictly: lines `NAME:START:COUNT`. Empty lines and lines that
 * begin with # are skipped; every other line becomes an entry, a broken one with its fault.
 */

#include "core/entry.h"

#include <stddef.h>

#define SUBID_FILE_MAX (16u << 20) /* bytes */
#define SUBID_ENTRIES_MAX 1000000u /* lines that become entries */

struct subid_file {
	char *path;
	char *text; /* the entries point into it */
	char *problem;
	struct subid_list list; /* points to the above */
};

/*
 * Reads the file. What is wrong with it is list.problem or an entry's fault.
 * Returns 0 or -ENOMEM.
 */
int subidfile_read(const char *path, struct subid_file *ret);

/*
 * Splits TEXT, which must live as long as the entries do. Fills entries, n_entries and
 * unfinished_line of *ret. Returns 0, -EFBIG if there are too many lines, or -ENOMEM.
 */
int subidfile_parse(const char *text, size_t size, struct subid_list *ret);

/* Frees what it holds and leaves it empty. */
void subidfile_done(struct subid_file *file);
