/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The allocations and their history on disk: a SQLite database that this process alone opens.
 *
 * Write-ahead log, synchronous=FULL, exclusive locking and one connection, so that what was
 * committed survives power loss (with the defaults the last commit does not). The schema itself
 * refuses ranges that overlap. Knows no rules of pools, no JSON, and reads no clock.
 *
 * Functions return 0; a positive enum store_error where the caller has to decide; or a negative
 * errno, after which store_message() says more: -ENOSPC, -EIO, -ENOMEM, -EROFS, -EUCLEAN (corrupt).
 * A store belongs to one thread.
 */

#include "core/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_error {
	STORE_E_NOT_FOUND = 1, /* no such row */
	STORE_E_CONFLICT,      /* the schema refused it: the pod or a part of the range is taken */
	STORE_E_LOCKED,	       /* another process has the folder */
	STORE_E_NEWER,	       /* written by a later version */
	STORE_E_FOREIGN,       /* not a database of this program */
	STORE_E_CORRUPT,       /* the database is damaged */
	STORE_E_LOST,	       /* there was a database and there is none now */
};

struct store;

/*
 * Opens the database in the folder DIR, which is made if it is missing (its parent must be there),
 * takes the lock, upgrades the schema and checks the whole database. It never overwrites or
 * replaces what it cannot use. Returns 0; STORE_E_LOCKED, _NEWER, _FOREIGN, _CORRUPT or _LOST; or a
 * negative errno. On failure *ret_message (to be freed) says what is wrong with which file; it is
 * NULL only without memory.
 */
int store_open(const char *dir, struct store **ret, char **ret_message);

/*
 * Puts a new database into the folder DIR, with what is in the database FILE of this version or one
 * before: a backup, or the folder's own, in so far as that can be read. Every allocation drains
 * from then on. TIME is us since the epoch. Returns as store_open() does; after 0, *ret_kept is the
 * name under which the database before stays, to be freed, or NULL if there was none. While it is
 * at work, and after a crash in it, store_open() is refused or finds the state before or after it.
 */
int store_restore(const char *dir, const char *file, uint64_t time, char **ret_kept,
		  char **ret_message);

/* Closes the database and gives the lock up; NULL is fine. */
void store_free(struct store *store);

/* Closes and opens the database again, keeping the lock: the way to the truth after a failed
 * commit. */
int store_reopen(struct store *store);

/*
 * Makes sure that all that was committed is durable. What a store has found in its log may never
 * have been synced: opening tries this, and goes on if it fails. Not within a transaction.
 */
int store_settle(struct store *store);

/* What the last function that returned a negative errno met; valid until the next call. */
const char *store_message(const struct store *store);

/*
 * The transaction that changes are collected in. A failed commit may or may not be on disk; -ESTALE
 * if the database was removed or replaced since it was opened.
 */
int store_begin(struct store *store);
int store_commit(struct store *store);
bool store_in_transaction(const struct store *store);

/*
 * One request within the transaction: what came since the mark is kept, or undone. What cannot be
 * undone must not be committed: store_reopen() then gives the whole transaction up.
 */
int store_mark(struct store *store);
int store_keep(struct store *store);
int store_undo(struct store *store);

/*
 * Is the disk so full that the database may not grow any more? Then something old has to go before
 * something new comes.
 */
bool store_is_tight(const struct store *store);

/*
 * A copy of the database as it is at the beginning, read in pieces of whole pages while changes go
 * on. The log grows meanwhile: with very many changes, or on a full disk, or when the store is
 * opened again, the copy is given up, and -ECANCELED is what follows. Not within a transaction;
 * -EBUSY if another one is being made.
 */
#define STORE_BACKUP_UNIT 4096 /* OFFSET and SIZE are multiples of it */
int store_backup_begin(struct store *store, uint64_t *ret_size);
int store_backup_read(struct store *store, uint64_t offset, void *data, size_t size);

/* Ends it, in whatever state it is; fine if there is none. */
void store_backup_end(struct store *store);

/* The allocation of a pod, or the one that holds an ID and has a pod. STORE_E_NOT_FOUND. */
int store_get(struct store *store, const char *pod, struct allocation *ret);
int store_lookup(struct store *store, uint32_t id, struct allocation *ret);

/* Adds a row. STORE_E_CONFLICT. */
int store_insert(struct store *store, const struct allocation *allocation);

/* Writes all but the range of the row that begins at the same ID. STORE_E_NOT_FOUND, _CONFLICT. */
int store_update(struct store *store, const struct allocation *allocation);

/* Removes the row that begins at START. STORE_E_NOT_FOUND. */
int store_delete(struct store *store, uint32_t start);

/* Called for a row; what it returns ends the iteration and is handed on if it is not 0. */
typedef int (*store_row_fn)(const struct allocation *allocation, void *userdata);

/*
 * The rows that begin at or behind FIRST, or overlap RANGE, in the order of their start, those
 * without a pod included. The callback must not change the store.
 */
int store_each_from(struct store *store, uint32_t first, store_row_fn row, void *userdata);
int store_each_in(struct store *store, struct id_range range, store_row_fn row, void *userdata);

/*
 * As store_each_from(), but only the rows that are tied to a process, or that are active and of the
 * kubelet; or those that drain, in the order of their release from FIRST on. Costs no more than the
 * rows that it finds.
 */
int store_each_draining(struct store *store, uint64_t first, store_row_fn row, void *userdata);
int store_each_bound(struct store *store, uint32_t first, store_row_fn row, void *userdata);
int store_each_kubelet(struct store *store, uint32_t first, store_row_fn row, void *userdata);

/* Adds an event; its sequence is one more than the last one's. */
int store_insert_event(struct store *store, const struct event *event);

/* The sequence of the newest event; 0 if there was never one. */
int store_last_event(struct store *store, uint64_t *ret_sequence);

/* Called for an event, as a store_row_fn is for a row. */
typedef int (*store_event_fn)(const struct event *event, void *userdata);

struct event_query {
	const char *pod; /* only those about it; NULL: all */
	bool has_id;
	uint32_t id;	       /* only those about a pod whose range holds it */
	uint64_t since, until; /* us since the epoch, both included; 0 and UINT64_MAX: no bound */
	uint64_t before;       /* only sequences below it; UINT64_MAX: no bound */
};

/* The events that were asked for, newest first. The callback must not change the store. */
int store_each_event(struct store *store, const struct event_query *query, store_event_fn event,
		     void *userdata);

/* The events with FIRST <= sequence <= LAST, oldest first. */
int store_each_event_between(struct store *store, uint64_t first, uint64_t last,
			     store_event_fn event, void *userdata);

/*
 * Removes the oldest events, at most LIMIT, as long as their time is before BEFORE or there are
 * more than MOST. Never the newest one, so that the sequences go on. *ret_n: how many.
 */
int store_prune_events(struct store *store, uint64_t before, uint64_t most, uint32_t limit,
		       uint32_t *ret_n);

/*
 * The newest events are not in the indexes of the history yet: it costs a commit less, and a query
 * looks at them one by one. How many there are, and putting at most MOST of the oldest of them in.
 */
uint64_t store_n_unindexed(const struct store *store);
int store_index_events(struct store *store, uint32_t most);

/*
 * The clock of the allocator: that of the boot (us) plus an offset, under which it goes on where it
 * stood when the machine was started anew.
 */
struct store_clock {
	char boot[BOOT_ID_LENGTH + 1]; /* empty: it was never set */
	int64_t offset;		       /* us */
	uint64_t last;		       /* us: where it stood when that was last kept */
};

int store_get_clock(struct store *store, struct store_clock *ret);
int store_set_clock(struct store *store, const struct store_clock *clock);

/* The latest clock of any allocation; 0 if there is none. */
int store_last_clock(struct store *store, uint64_t *ret);

/*
 * That all was restored from a backup: what was allocated after that one was made is not known.
 */
struct store_restored {
	uint64_t release_order; /* the rows that were restored have this one at most; 0: none */
	bool is_unproven;	/* something may live in units that no row speaks of */
};

int store_get_restored(struct store *store, struct store_restored *ret);

/* Nothing that is not known of lives there any more. */
int store_set_proven(struct store *store);

/* A pool as it was last seen, so that a change shows that came while the daemon was down. */
struct store_pool {
	char name[POOL_NAME_MAX + 1];
	struct id_range range; /* all zero: it was invalid */
	uint32_t unit;
};

/* STORE_E_NOT_FOUND. */
int store_get_pool(struct store *store, const char *name, struct store_pool *ret);

/* Adds the pool or takes the place of what was known of it. */
int store_put_pool(struct store *store, const struct store_pool *pool);

struct store_facts {
	const char *path; /* owned by the store */
	int schema;	  /* version */
	uint64_t n_allocations;
	uint64_t n_events;
	uint64_t size; /* bytes of the database, without its write-ahead log */
};

int store_get_facts(struct store *store, struct store_facts *ret);
