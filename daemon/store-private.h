/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the store alone. */

#include "store.h"

#include <sqlite3.h>

#define STORE_APPLICATION_ID 0x73756269 /* "subi" */
#define STORE_FILE "allocations.db"
#define STORE_LOCK "lock"

enum statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_MARK,
	STATEMENT_KEEP,
	STATEMENT_UNDO,
	STATEMENT_GET,
	STATEMENT_LOOKUP,
	STATEMENT_INSERT,
	STATEMENT_UPDATE,
	STATEMENT_DELETE,
	STATEMENT_EACH_FROM,
	STATEMENT_EACH_IN,
	STATEMENT_FACTS,
	N_STATEMENTS
};

struct store {
	char *path; /* of the database */
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *statements[N_STATEMENTS];
};

/* The negative errno for a SQLite result that is neither OK, ROW, DONE nor a constraint. */
int store_errno(int sqlite_result);

/*
 * Was the database removed or replaced since it was opened? SQLite goes on writing to the old file
 * and says nothing.
 */
bool store_has_moved(const struct store *store);

/* Sets *ret_message (NULL without memory) and returns R, so that a refusal is one statement. */
int store_refuse(char **ret_message, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Opens the database behind store->path, with every setting made, checks that it is ours and sound,
 * and brings its schema up to date. IS_KNOWN: a marker says that it was a database of ours before.
 * Returns as store_open() does; the reason is in *ret_message.
 */
int store_database_open(struct store *store, bool is_known, char **ret_message);

/* Finalises the statements and closes the database. */
void store_database_close(struct store *store);

/* Prepares all statements. Returns a SQLite result. */
int store_prepare(struct store *store);

/* The version of the schema that this program makes and knows. */
int store_schema_version(void);

/*
 * Takes the schema from the version FROM (0: there is none) to that version, in one transaction, so
 * that a crash leaves the old one or the new one. Returns a SQLite result.
 */
int store_schema_upgrade(sqlite3 *db, int64_t from);

/* Is the schema, tables and triggers, what the upgrades make it? Returns a SQLite result. */
int store_schema_compare(sqlite3 *db, bool *ret_is_same);
