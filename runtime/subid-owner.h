/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who an owner is: libsubid hands over a name or a number, the configuration and subuid(5) hold
 * either. A number is the UID of an account, whatever that is called.
 */

#include "core/entry.h"
#include "core/rules.h"

#include <stdbool.h>
#include <stdint.h>

struct owner {
	const char *name; /* NULL where there is a UID alone */
	bool is_number;	  /* it was given as one */
	bool has_uid;
	uint32_t uid;
};

/* Who TEXT is, which must live as long as the accounts must. */
struct owner owner_find(const struct account_list *users, const char *text);

/* The same for what must be a name, even if it looks like a UID. */
struct owner owner_find_name(const struct account_list *users, const char *name);

/* Are they the same account, or have they the same name? */
bool owner_equal(const struct owner *a, const struct owner *b);

/* How subuid(5) may name the owner: shadow finds a number only where a line has that number. */
struct entry_owner owner_in_files(const struct owner *owner);
