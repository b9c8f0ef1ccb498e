/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the files of the store alone. */

#include "core/podindex.h"
#include "store-vfs.h"
#include "store.h"

#include <sqlite3.h>
#include <sys/types.h>

#define STORE_APPLICATION_ID 0x73756269 /* "subi" */
#define STORE_FILE "allocations.db"
#define STORE_LOCK "lock"
#define STORE_LOG_SIZE 4194304 /* bytes */
#define EVENT_BLOCK_BITS 10    /* as in the index event_time */

enum statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_MARK,
	STATEMENT_KEEP,
	STATEMENT_UNDO,
	STATEMENT_GET_AT,
	STATEMENT_POD_AT,
	STATEMENT_PODS,
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
	STATEMENT_EVENTS_OF_RUN,
	STATEMENT_HAS_TIME,
	STATEMENT_EVENTS_BETWEEN,
	STATEMENT_OLDEST_EVENTS,
	STATEMENT_DELETE_EVENTS,
	STATEMENT_INDEX_EVENTS,
	STATEMENT_LAST_INDEXED,
	STATEMENT_GET_CLOCK,
	STATEMENT_SET_CLOCK,
	STATEMENT_GET_RESTORED,
	STATEMENT_SET_PROVEN,
	STATEMENT_GET_POOL,
	STATEMENT_PUT_POOL,
	STATEMENT_FACTS,
	STATEMENT_PAGES,
	STATEMENT_FREE_PAGES,
	N_STATEMENTS
};

/* What is kept in memory beside the database, and made anew when a change was undone. */
struct store_derived {
	struct pod_index pods;
	uint64_t last_event;   /* sequence; 0: none */
	uint64_t last_indexed; /* sequence of the last event that is in the indexes; 0: none */
	bool is_stale;
};

struct store {
	char *dir;
	char *path;	/* of the database */
	char *log_path; /* of its write-ahead log */
	int lock_fd;	/* of the marker too */
	struct store_vfs vfs;
	sqlite3 *db;
	sqlite3_stmt *statements[N_STATEMENTS];
	struct store_derived derived;
	uint64_t most_pages; /* that the database may have: their room on the disk is certain */
	uint64_t n_writes;
	ino_t log_inode;
	int n_log_pages;
	bool is_log_new;	/* the next commit is the first one of a log */
	bool is_tight;		/* no more could be had */
	uint64_t durable_event; /* sequence of the last one that was committed */
	uint64_t backup_size;	/* bytes; 0: none is being made */
	bool is_usable;		/* it was found to be ours and sound */
	bool has_changed; /* in the transaction that is open, or was before SQLite gave it up */
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

/* A restoration that has not come to its end: no database has as many events. */
#define STORE_RESTORING ((uint64_t)INT64_MAX)

/* What the marker says; see store-marker.c. */
struct store_marker {
	bool is_known;	     /* a database of ours was here before */
	uint64_t pid;	     /* of the daemon that wrote it; 0: not known */
	uint64_t last_event; /* or STORE_RESTORING */
};

/* Makes the folder and takes its lock. No database is opened. Returns as store_open() does. */
int store_take_folder(const char *dir, struct store **ret, struct store_marker *ret_marker,
		      char **ret_message);

/*
 * Gives a file to the owner of the folder, if root has made it: the daemon may run as another user.
 * Returns 0, or -1 and sets errno.
 */
int store_hand_over(const struct store *store, int fd);

/* Makes the file of a log that is empty as large as it may become, before SQLite opens it. Nothing
 * is wrong if the disk is too full for it. */
void store_log_make(const struct store *store);

/*
 * Is there nothing in the log? If it was emptied, the database was closed, and all of it is in its
 * file; one that is not there may have been removed by somebody. Returns 0 or a negative errno.
 */
int store_log_is_empty(const struct store *store, bool *ret, bool *ret_was_closed);

/* Brings what was committed into the database's file, durably, and gives up what was not. Returns
 * whether that is all. */
bool store_log_bring_home(struct store *store);

/* Empties a log that was brought home, once the database is closed. */
void store_log_empty(const struct store *store);

/* Follows the log of a database that was opened. */
void store_log_attach(struct store *store, bool is_empty);

/* Was the log removed or replaced since it was opened? What is committed then goes nowhere. */
bool store_log_has_moved(const struct store *store);

/* Bracket a transaction; store_log_end() comes after its commit. */
int store_log_begin(struct store *store);
void store_log_end(struct store *store);

/*
 * Brings the log home, not within a transaction: all that was committed is in the file then.
 * Returns 0 or a negative errno.
 */
int store_log_checkpoint(struct store *store);

/* Is the disk so small that what is set aside for one file is missing for the other? */
bool store_disk_is_tiny(const struct store *store);

/*
 * Has room on the disk for what the next writes may add to the database, as far as there is any;
 * see store_is_tight(). Returns 0 or a negative errno.
 */
int store_ensure_room(struct store *store);

/* Reads the marker behind the descriptor; what is no number is 0. Returns 0 or a negative errno. */
int store_marker_read(int fd, struct store_marker *ret);

/* Writes it; durable only if it IS_FIRST, since an old one does no harm. Returns 0 or an errno. */
int store_marker_write(struct store *store, bool is_first);

/* Syncs the folder DIR: which files it has. Returns 0 or an errno. */
int store_sync_folder(const char *dir);

/* What the head of a database file says, before SQLite looks at it. */
struct store_head {
	bool is_there;
	bool is_empty; /* SQLite takes one byte for none */
	bool is_ours;
	uint32_t signature; /* see STORE_VERSION_OF() */
};

/* Returns 0, STORE_E_FOREIGN or a negative errno with the reason. */
int store_read_head(const char *path, struct store_head *ret, char **ret_message);

/* SIGNATURE is what the log makes of it: was that log begun with the file that has this head? */
bool store_log_belongs(int64_t signature, const struct store_head *head);

/*
 * Opens the database behind store->path, with every setting made, checks that it is ours, sound and
 * not older than the marker says, and takes it over from versions before. Returns as store_open()
 * does; the reason is in *ret_message.
 */
int store_database_open(struct store *store, const struct store_marker *marker, char **ret_message);

/*
 * Closes the database. What was committed is brought home from its log first, and the log is
 * emptied, but keeps its size.
 */
void store_database_close(struct store *store);

/* Opens a connection, with all that may be set before the database is read. A SQLite result. */
int store_connect(const char *path, const char *vfs, sqlite3 **ret);

/* The one number that a query without parameters finds. Returns a SQLite result. */
int store_query(sqlite3 *db, const char *sql, int64_t *ret);

/* A failure of SQLite while a database is opened: a damaged file is an outcome of its own. */
int store_refuse_sqlite(sqlite3 *db, const char *path, int result, bool is_known,
			char **ret_message);

/* It is damaged, because of WHAT. Returns STORE_E_CORRUPT. */
int store_refuse_damaged(const char *path, const char *what, char **ret_message);

/* The database behind PATH is empty though there was one. Returns STORE_E_LOST. */
int store_refuse_empty(const char *path, char **ret_message);

/*
 * Is the database that is open ours, with a schema that we know, and sound? IS_KNOWN: there is a
 * marker. IS_WHOLE: its structure is known to be sound. Returns as store_open() does, and the
 * version, 0 if it is empty.
 */
int store_examine(sqlite3 *db, const char *path, bool is_known, bool is_whole, int64_t *ret_version,
		  char **ret_message);

/*
 * As store_examine(), for a database that was found to be ours: looks at all of it, the history
 * included, which takes its time.
 */
int store_examine_all(sqlite3 *db, const char *path, char **ret_message);

/*
 * Makes a new database in the place of store->path, in one step: it is whole and durable, or not
 * there. It has the rows of FROM, a database of version 2 or later, if that is not NULL; FINISH, if
 * not NULL, is SQL that is run on it last. Returns 0 or a negative errno with the reason.
 */
int store_make(struct store *store, sqlite3 *from, const char *finish, char **ret_message);

/* The two halves of that: the new one is made and durable; and takes the place of the old one. */
int store_make_new(struct store *store, sqlite3 *from, const char *finish, char **ret_message);
int store_take_new(struct store *store, char **ret_message);

/* Removes one that was made and not taken. */
void store_drop_new(const struct store *store);

/*
 * Makes what is in memory anew if it has to be. Returns 0 or a negative errno; where rows overlap
 * or a pod has two, STORE_E_CORRUPT and what it is in RET_WHAT, or -EUCLEAN if that is NULL.
 */
#define STORE_WHAT_SIZE 256
int store_derive(struct store *store, char *ret_what);

/* The sequences of the oldest and the newest event; both 0 if there is none. */
int store_event_ends(struct store *store, uint64_t *ret_first, uint64_t *ret_last);

/* Comes before each row or event that is written. Returns 0 or a negative errno. */
int store_before_write(struct store *store);

/* The rows' pods follow a change that comes next. Return 0, an errno or STORE_E_CONFLICT. */
int store_derived_insert(struct store *store, const struct allocation *allocation);
int store_derived_update(struct store *store, const struct allocation *allocation);
int store_derived_delete(struct store *store, uint32_t start);

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

/* The version of the schema that this program makes, and the last one that had no checksums. */
int store_schema_version(void);
int store_legacy_version(void);

/* Makes the schema in an empty database, within a transaction. Returns a SQLite result. */
int store_schema_make(sqlite3 *db);

/* SQLite's user_version: the schema's, and above it the number of the log, see store-log.c. */
#define STORE_VERSION_OF(signature) ((int)((signature)&0xff))
#define STORE_GENERATION_OF(signature) ((int)((signature) >> 8 & STORE_GENERATION_MAX))
#define STORE_GENERATION_MAX 0x7fffff /* then it begins anew */

/* Says that it is ours, of that version and with that log. Returns a SQLite result. */
int store_schema_sign(sqlite3 *db, int version, int generation);

/* Takes a schema without checksums from one version to the next ones. Returns a SQLite result. */
int store_legacy_build(sqlite3 *db, int64_t from, int64_t to);

/*
 * Takes a database from the version FROM (0: it is empty) to store_legacy_version(), in one
 * transaction, so that a crash leaves the old one or the new one. Returns a SQLite result.
 */
int store_legacy_upgrade(sqlite3 *db, int64_t from);

/* Is the schema, tables and triggers, that of VERSION? Returns a SQLite result. */
int store_schema_compare(sqlite3 *db, int64_t version, bool *ret_is_same);
