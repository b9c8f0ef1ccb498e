/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An owner's subordinate IDs as getsubids(1) gives them: through the module that nsswitch.conf
 * names. The program may hang in that module, so its time is limited.
 */

#include "core/rules.h"

#include <stdbool.h>

#define GETSUBIDS_TIMEOUT_MS 5000u

struct getsubids_answer {
	char *program;
	char *owner; /* the entries point to it */
	char *problem;
	bool timed_out;
	struct subid_list list; /* points to the above */
};

/*
 * Asks PROGRAM for the owner's UIDs or GIDs. That it failed, and what it said on its standard
 * error, is list.problem; a line that is no answer is an entry of the owner with its fault. Returns
 * 0 or -ENOMEM.
 */
int getsubids_ask(const char *program, const char *owner, enum id_kind kind,
		  unsigned int timeout_ms, struct getsubids_answer *ret);

/* The answer of a program that is not asked, for this reason. Returns 0 or -ENOMEM. */
int getsubids_skip(const char *program, const char *owner, const char *reason,
		   struct getsubids_answer *ret);

/* Frees what it holds and leaves it empty. */
void getsubids_answer_done(struct getsubids_answer *answer);
