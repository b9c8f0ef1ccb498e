/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * passwd(5) and group(5) as they stand in the files, with line numbers. Lines that are no account
 * (broken ones, comments, the + and - of NIS) are skipped, as the C library does.
 */

#include "core/rules.h"

#include <stddef.h>

#define ACCOUNTS_FILE_MAX (16u << 20) /* bytes */

struct account_file {
	char *path;
	char *text; /* the names point into it */
	char *problem;
	struct account_list list; /* points to the above */
};

/*
 * Read the file; why it cannot be read is list.problem, but where there is no file there are no
 * accounts, and that is no problem. Return 0 or -ENOMEM.
 */
int accounts_read_users(const char *path, struct account_file *ret);
int accounts_read_groups(const char *path, struct account_file *ret);

/* Frees what it holds and leaves it empty. */
void accounts_done(struct account_file *accounts);
