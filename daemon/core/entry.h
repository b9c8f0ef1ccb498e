/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The lines of subuid(5) and subgid(5), or of an answer of getsubids(1), as the rules see them.
 *
 * shadow reads numbers with base 0 and takes signs, blanks and further fields, so a line that two
 * readers could read differently is kept with its fault and never guessed at.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_fault {
	ENTRY_GOOD,
	ENTRY_NUL,
	ENTRY_AFTER_NUL, /* shadow's reader glues the line behind a NUL byte to the one before it */
	ENTRY_CR,
	ENTRY_TOO_LONG,
	ENTRY_BLANK,
	ENTRY_TOO_FEW_FIELDS,
	ENTRY_TOO_MANY_FIELDS,
	ENTRY_EMPTY_FIELD,
	ENTRY_HEX,
	ENTRY_OCTAL,
	ENTRY_SIGN,
	ENTRY_NO_NUMBER,
	ENTRY_TOO_BIG,
	ENTRY_PADDED_OWNER, /* found only where the owner's UID is known */
	ENTRY_NO_ANSWER,    /* of getsubids(1) only */
	N_ENTRY_FAULTS
};

#define ENTRY_LENGTH_MAX 1023 /* bytes of a line; shadow refuses longer ones */

struct subid_entry {
	const char *owner; /* first field, or the whole line; not terminated, may hold any byte */
	size_t owner_length;
	uint64_t start; /* this and the count only if there is no fault */
	uint64_t count;
	uint32_t line; /* counted from 1 */
	enum entry_fault fault;
};

struct subid_list {
	const char *file;    /* path, for findings */
	const char *problem; /* why there are no entries at all, NULL if it could be read */
	struct subid_entry *entries;
	size_t n_entries;
	uint32_t unfinished_line; /* the last line, where it has no newline; else 0 */
};

/* Who a pool's owner is in these files; shadow compares both as text. */
struct entry_owner {
	const char *name;		/* NULL if only the UID is known */
	char uid[sizeof("4294967295")]; /* empty if there is no account */
};

/* What is wrong, to be read behind "the line of NAME". */
const char *entry_fault_text(enum entry_fault fault);

/*
 * Is the entry one of the owner's? So are broken lines with blanks around the owner, and lines
 * whose owner is its UID with zeros in front. If so, sets *ret_fault to what is wrong with it.
 */
bool entry_is_of(const struct subid_entry *entry, const struct entry_owner *owner,
		 enum entry_fault *ret_fault);
