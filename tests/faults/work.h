/* SPDX-License-Identifier: MIT */
#pragma once

/* A daemon without its sockets, in a folder: it starts, does this and that, and stops. */

#include "allocator.h"

#define U 65536u
#define N_UNITS 12

struct work {
	char folder[64];
	struct store *store; /* the allocator's, to read what there is */
	struct allocator *allocator;
	struct moment now;
	char boot[BOOT_ID_LENGTH + 1];
	uint64_t random;
	uint64_t most_events; /* that a commit keeps; 0: all */
};

/* Opens the store, and puts an allocator over it. Returns what store_open() does, the reason in
 * *ret_message. */
int work_start(struct work *work, char **ret_message);

/* The pool is found, as by a daemon that starts; it may leave an event in the batch. */
int work_set_pool(struct work *work);

/* Each kind of request or event of the node that there is. Returns what the allocator does. */
size_t work_n_requests(void);
int work_try(struct work *work, size_t request);

/* One of them by chance, more often what is more usual. Fails the test if the store fails. */
void work_request(struct work *work);

/* Two passes that find nothing, so that all that drains has drained. */
int work_drain(struct work *work);

/* A store_row_fn that goes on. */
int work_ignore_row(const struct allocation *row, void *userdata);

/* Ends cleanly, or as by a kill. */
void work_stop(struct work *work, bool is_clean);

/*
 * All rows and events of the store as text, to be freed; NULL if they cannot be read. Whether they
 * contradict each other is in *ret_overlaps and *ret_has_gap.
 */
char *work_dump(struct store *store, bool *ret_overlaps, bool *ret_has_gap);
