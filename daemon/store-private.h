/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the store alone. */

#include "store.h"

#include <sqlite3.h>

#define STORE_APPLICATION_ID 0x73756269 /* "subi" */
#define STORE_FILE "allocations.db"
#define STORE_LOCK "lock"
#define EVENT_BLOCK_BITS 10 /* as in the index event_time */

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
	STATEMENT_EACH_DRAINING,
	STATEMENT_EACH_BOUND,
	STATEMENT_EACH_KUBELET,
	STATEMENT_LAST_CLOCK,
	STATEMENT_INSERT_EVENT,
	STATEMENT_EVENT_ENDS,
	STATEMENT_EVENTS_OF_POD,
	STATEMENT_EVENTS_OF_ID,
	STATEMENT_EVENTS_OF_BLOCK,
	STATEMENT_HAS_TIME,
	STATEMENT_EVENTS_BETWEEN,
	STATEMENT_OLDEST_EVENTS,
	STATEMENT_DELETE_EVENTS,
	STATEMENT_GET_CLOCK,
	STATEMENT_SET_CLOCK,
	STATEMENT_GET_POOL,
	STATEMENT_PUT_POOL,
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

/*
 * What a statement is given: nothing more once *r is no longer SQLITE_OK. An empty text is NULL; a
 * number that SQLite has no place for is the largest one.
 */
void store_bind_text(sqlite3_stmt *s, int column, const char *text, int *r);
void store_bind_number(sqlite3_stmt *s, int column, uint64_t number, int *r);

/* Reads a text, NULL as an empty one. False: it is too long for its field, so the row is damaged.
 */
bool store_read_text(sqlite3_stmt *s, int column, char *ret, size_t size);

/*
 * Runs a statement that changes something and was bound with the result BOUND. Returns 0 even if
 * there was nothing to change; STORE_E_CONFLICT; or a negative errno.
 */
int store_change(sqlite3_stmt *s, int bound);

/* The one number that a query finds. Returns 0 or a negative errno. */
int store_get_number(sqlite3_stmt *s, int bound, uint64_t *ret);

/* Ends the use of a statement, so that it holds neither a lock nor somebody's text. Hands R on. */
int store_end_use(sqlite3_stmt *s, int r);

/* The version of the schema that this program makes and knows. */
int store_schema_version(void);

/*
 * Takes the schema from the version FROM (0: there is none) to that version, in one transaction, so
 * that a crash leaves the old one or the new one. Returns a SQLite result.
 */
int store_schema_upgrade(sqlite3 *db, int64_t from);

/* Is the schema, tables and triggers, what the upgrades to VERSION make it? Returns a SQLite
 * result. */
int store_schema_compare(sqlite3 *db, int64_t version, bool *ret_is_same);
