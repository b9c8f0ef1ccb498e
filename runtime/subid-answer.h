/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The answers of the libsubid module, for a root and a daemon's socket of the caller's choice.
 *
 * The owner of a pool has that pool's range as the daemon has validated it, and nothing else. The
 * key of a pod has the range of its active allocation. Every other owner has what subuid(5) and
 * subgid(5) give it, and has it without a daemon as well: so who owns a pool is read from the
 * daemon's configuration. Only where that is of no use is the daemon asked for it.
 *
 * Nothing is kept from one call to the next, and no descriptor stays open. Threads may call at the
 * same time.
 */

#include "core/range.h"
#include "core/rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is no answer, besides a negative errno; 0 is one. */
enum answer_outcome {
	ANSWER_E_UNKNOWN_OWNER = 1, /* nobody knows that name */
	ANSWER_E_NO_DAEMON,	    /* the daemon would have to be asked, and does not answer */
	ANSWER_E_REFUSED,	    /* the pool is invalid, or a line or file could be misread */
};

struct answer_world {
	const char *root; /* of the files, "" for the real one */
	const char *socket;
	uint64_t timeout; /* microseconds for all that one answer asks the daemon for */
	/* The UID of an account that is in no file; 0, or -ENOENT. May be NULL. */
	int (*find_uid)(const char *name, uint32_t *ret);
	/* Ends the process by then if it has been told that a pod's range is the caller's. May be
	 * NULL. */
	int (*guard)(uint64_t deadline);
};

/* The ranges of OWNER, to be freed; NULL if there are none. */
int answer_list(const struct answer_world *world, const char *owner, enum id_kind kind,
		struct id_range **ret, size_t *ret_n);

/* Does OWNER, which is a name, have all of the range? A range that no IDs can have is nobody's. */
int answer_has_range(const struct answer_world *world, const char *owner, uint64_t start,
		     uint64_t count, enum id_kind kind, bool *ret);

/* The UIDs of those who have the ID, each once, to be freed; NULL if there are none. */
int answer_find_owners(const struct answer_world *world, uint64_t id, enum id_kind kind,
		       uint32_t **ret, size_t *ret_n);
