/* SPDX-License-Identifier: MIT */
#pragma once

/* One question at work: who is asked about, which owners have pools, what the daemon says. */

#include "subid-answer.h"
#include "subid-ask.h"
#include "subid-owner.h"
#include "subid-reply.h"

#include "node/accounts.h"

#define QUESTION_OWNERS_MAX 4096 /* that one ID can have */

struct question {
	const struct answer_world *world;
	enum id_kind kind;
	struct ask ask;
	struct account_file users;
	bool is_name;	    /* is the owner a name, even if it looks like a UID? */
	struct owner owner; /* that it is about; all zero if it is about an ID */
	struct reply_pools pools;
	bool asked; /* are the pools the daemon's? else only their owners are known */
};

/*
 * Finds out who OWNER is (NULL: nobody in particular) and who owns pools. *question must be all
 * zero but is_name. Returns 0, an outcome of subid-answer.h or a negative errno, like the others
 * that can fail.
 */
int question_begin(struct question *question, const struct answer_world *world, const char *owner,
		   enum id_kind kind);

/* Frees what it holds. */
void question_done(struct question *question);

/* Is the pool the owner's? */
bool question_owns(const struct question *question, const struct reply_pool *pool);

/* Does the owner own a pool at all? */
bool question_is_of_pool(const struct question *question);

/* How the files may name the owner. A line of a pool's UID is not of one whose name is that number.
 */
struct entry_owner question_in_files(const struct question *question);

/* Takes the pools from the daemon, once. */
int question_ask_pools(struct question *question);

/* Looks for the owner's UID elsewhere, where the file of accounts does not have it. */
void question_find_uid(struct question *question);

/* Is there an account of that name? Looks elsewhere as well. */
bool question_knows_account(struct question *question);

/*
 * The UIDs of those who have the ID, each once, to be freed: by a good line, if they own no pool;
 * or by a pool. Owners without an account have no UID.
 */
int question_find_line_owners(struct question *question, uint32_t id, uint32_t **ret,
			      size_t *ret_n);
int question_find_pool_owners(struct question *question, uint32_t id, uint32_t **ret,
			      size_t *ret_n);
