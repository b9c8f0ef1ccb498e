/* SPDX-License-Identifier: MIT */
#pragma once

/* The folder of a store, and what may and may not happen to the files in it. */

#include "testing.h"

#include "store.h"

#include <sqlite3.h>

#define DATABASE "allocations.db"

extern struct folder folder;

/* For each test: makes the folder; removes it, and finds descriptors that were left open. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* Opening must give that result, with a message that has PART in it and names the folder. */
void expect_refusal(int expected, const char *part);

/* Opens the store, which must work. */
struct store *open_store(void);

/* Makes the daemon's database with one row, and closes it: file and marker are there. */
void make_ours(void);
void expect_ours(void);

/* What the folder's files are, the lock left out: its PID changes. */
struct snapshot {
	char *names[16], *data[16];
	size_t sizes[16], n;
};

struct snapshot take_snapshot(void);

/* Compares, and frees the snapshot. */
void expect_untouched(struct snapshot *shot);

/* Opens the database as another program would, but one that knows its checksums. */
sqlite3 *open_database(void);

/* Runs SQL on it. */
void run_sql(const char *sql);

/* The same, by a process that dies at once: its log or its journal is still there. */
void crash_with(const char *sql);
