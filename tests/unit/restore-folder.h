/* SPDX-License-Identifier: MIT */
#pragma once

/* A folder of a store with a backup in it, and what becomes of both. */

#include "store-folder.h"

#include <stdbool.h>

#define BACKUP "backup"
#define NOW (UINT64_C(1800000000) * 1000000) /* 2027-01-15T08:00:00Z */
#define KEPT DATABASE ".before-restore-20270115T080000Z"

/* Adds a pod with its event, and commits. */
void restore_add(struct store *store, const char *pod, uint32_t unit);

/* Copies a file of the folder. */
void restore_copy(const char *from, const char *to);

/* A daemon's folder with the pods a and b, and a backup that knows a alone. */
void make_both(void);

/* Restores the folder from one of its files, now. */
int restore_from(const char *name, char **ret_kept, char **ret_message);
void expect_restored(const char *name);

/* NAME must be refused, for a reason with PART in it, and nothing changes. */
void expect_unfit(const char *name, int expected, const char *part);

/* The rows of the folder's database, which must be one that can be opened: "a:1:draining:1 ". */
const char *rows(void);

bool has_file(const char *name);
