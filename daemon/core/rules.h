/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the node's files must say for a pool to be used. Pure: all that was read is handed in. Every
 * finding is reported, not only the first. Errors, except where it says otherwise:
 *
 *   no-owner-account  no passwd entry (basic rules: warning)
 *   no-entry          no line for the owner, by name or UID, in a file, or the file cannot be read
 *   multiple-entries  more than one such line in a file, broken ones included
 *   malformed-entry   the owner's line has a fault of entry.h (another owner's, or a missing final
 *                     newline: warning)
 *   uid-gid-mismatch  the two files differ; then both ranges are judged, else the one of the UIDs
 *   start-too-low     below a unit (basic rules: below 65536)
 *   start-unaligned   no multiple of the unit (kubelet rules only)
 *   count-unaligned   no multiple of the unit (basic rules: warning, the remainder is cut off)
 *   too-small         fewer units that are not reserved than MaxPods (basic rules: none)
 *   past-end          4294901760 or a higher ID is in it
 *   reserved-range    it touches 2147352576-2147418111 (warning)
 *   overlaps-entry    it overlaps another owner's good line of the same file, or another pool,
 *                     whether or not that one is valid
 *   overlaps-account  a UID, GID or primary GID lies in it, or the file of accounts cannot be read
 *                     (AllowAccountOverlap=yes: warning)
 *   well-known-range  it crosses a range of wellknown.h (warning, one for each)
 */

#include "core/entry.h"
#include "core/pool.h"

#include <stddef.h>
#include <stdint.h>

enum id_kind { ID_UID, ID_GID, N_ID_KINDS };

/* A line of passwd(5) or group(5). */
struct account {
	const char *name;
	uint32_t id;   /* UID of a user, GID of a group */
	uint32_t gid;  /* primary GID of a user, GID of a group */
	uint32_t line; /* counted from 1 */
};

struct account_list {
	const char *file;    /* path, for findings */
	const char *problem; /* why there are no accounts at all, NULL if it could be read */
	struct account *items;
	size_t n_items;
};

/* The first account of that name or ID, NULL if there is none. */
const struct account *accounts_find_name(const struct account_list *accounts, const char *name);
const struct account *accounts_find_id(const struct account_list *accounts, uint32_t id);

/* What a pool is judged by. Nothing here is owned. */
struct pool_facts {
	const struct pool_settings *settings; /* with unit and max_pods set */
	const struct account_list *users;
	const struct account_list *groups;
	/* where the owner's own entry is taken from, and where the others' are, indexed by enum
	 * id_kind: the same files, unless getsubids(1) answers for the owner */
	const struct subid_list *own[N_ID_KINDS];
	const struct subid_list *others[N_ID_KINDS];
};

/*
 * Judges N_POOLS pools, each one alone and against each other. Fills *POOLS, whose findings may
 * already hold some; a pool without an error becomes valid and gets its range.
 * Returns 0 or -ENOMEM.
 */
int rules_check(const struct pool_facts *facts, struct pool *pools, size_t n_pools);
