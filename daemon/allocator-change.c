/* SPDX-License-Identifier: MIT */

/* Changes: the transaction, the rows, and what to do when the store fails. */

#include "allocator-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int allocator_failed(struct allocator *allocator, int r)
{
	snprintf(allocator->message, sizeof(allocator->message), "%s (%s)",
		 store_message(allocator->store), strerror(-r));
	return r;
}

int allocator_ready(struct allocator *allocator)
{
	struct derived derived;
	int r = 0;

	if (allocator->must_reopen)
		r = store_reopen(allocator->store);
	if (r < 0)
		return allocator_failed(allocator, r);
	allocator->must_reopen = false;
	if (!allocator->is_stale)
		return 0;
	r = derived_build(allocator->store, &allocator->pools, &derived);
	if (r < 0)
		return allocator_failed(allocator, r);
	derived_done(&allocator->derived);
	allocator->derived = derived;
	allocator->is_stale = false;
	return 0;
}

bool allocator_is_pending(const struct allocator *allocator)
{
	return allocator->in_batch;
}

int allocator_commit(struct allocator *allocator)
{
	bool is_whole = store_in_transaction(allocator->store) && !allocator->must_reopen;
	int r = is_whole ? store_commit(allocator->store) : -EIO;

	allocator->in_batch = false;
	if (r == 0)
		return 0;
	/* of a batch that was lost before, the message says why already */
	if (is_whole)
		allocator_failed(allocator, r);
	allocator->is_stale = allocator->must_reopen = true;
	return r;
}

/*
 * A full disk or an I/O error can make SQLite roll the whole transaction back. Then the requests
 * before this one are lost with it, and all must fail until allocator_commit() has said so.
 */
int allocator_begin_change(struct allocator *allocator)
{
	int r = 0;

	if (!allocator->in_batch) {
		r = store_begin(allocator->store);
		if (r < 0)
			return allocator_failed(allocator, r);
		allocator->in_batch = true;
	}
	if (!store_in_transaction(allocator->store)) {
		snprintf(allocator->message, sizeof(allocator->message),
			 "a change at the same time could not be written");
		return -EIO;
	}
	r = store_mark(allocator->store);
	return r < 0 ? allocator_failed(allocator, r) : 0;
}

/*
 * A refusal by the schema here means that memory and store differ. What cannot be undone must not
 * be committed either: then the whole batch is given up.
 */
int allocator_end_change(struct allocator *allocator, int r, struct id_range range)
{
	if (r == 0)
		r = derived_refresh(&allocator->derived, allocator->store, &allocator->pools,
				    range);
	if (r > 0)
		r = -EUCLEAN;
	if (r == 0)
		r = store_keep(allocator->store);
	if (r == 0)
		return 0;
	allocator_failed(allocator, r);
	if (store_in_transaction(allocator->store) && store_undo(allocator->store) < 0)
		allocator->must_reopen = true;
	allocator->is_stale = true;
	return r;
}

int allocator_change_row(struct allocator *allocator, const struct allocation *before,
			 const struct allocation *after)
{
	int r;

	if (!after)
		r = store_delete(allocator->store, before->range.start);
	else if (!before)
		r = store_insert(allocator->store, after);
	else
		r = store_update(allocator->store, after);
	if (r != 0)
		return r;
	return derived_count(&allocator->derived, &allocator->pools, before, after);
}
