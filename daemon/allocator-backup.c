/* SPDX-License-Identifier: MIT */

/* A copy of the store while changes go on. */

#include "allocator-private.h"

#include <errno.h>
#include <stdio.h>

static const char *reason(int r)
{
	switch (-r) {
	case EBUSY:
		return "another one is being made; try again when it is done";
	case ECANCELED:
		return "there were too many changes while it was made; try again";
	case EUCLEAN:
		return "a page is not what was written";
	}
	return NULL;
}

static int refuse(struct allocator *allocator, int r)
{
	const char *why = reason(r);

	if (!why)
		return allocator_failed(allocator, r);
	snprintf(allocator->message, sizeof(allocator->message), "no backup: %s", why);
	return r;
}

int allocator_backup_begin(struct allocator *allocator, uint64_t *ret_size)
{
	int r = allocator_ready(allocator);

	if (r < 0)
		return r;
	r = store_backup_begin(allocator->store, ret_size);
	return r < 0 ? refuse(allocator, r) : 0;
}

int allocator_backup_read(struct allocator *allocator, uint64_t offset, void *data, size_t size)
{
	int r = store_backup_read(allocator->store, offset, data, size);

	return r < 0 ? refuse(allocator, r) : 0;
}

void allocator_backup_end(struct allocator *allocator)
{
	store_backup_end(allocator->store);
}
