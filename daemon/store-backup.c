/* SPDX-License-Identifier: MIT */

/*
 * A copy of the database while it is in use.
 *
 * Only checkpoints write to the database's own file. So all that is in the log is brought home, no
 * checkpoint is made until the copy is done, and meanwhile the file is what it was at the
 * beginning. It is read through SQLite's own handle, which compares the checksums: a second
 * descriptor of the file, once closed, would take SQLite's locks with it.
 */

#include "store-private.h"

#include <errno.h>
#include <string.h>

#define LOCK_PAGE_OFFSET 0x40000000 /* where SQLite puts its locks: never written, nor read */

_Static_assert(STORE_BACKUP_UNIT == STORE_PAGE_SIZE, "pieces are of whole pages");

int store_backup_begin(struct store *store, uint64_t *ret_size)
{
	uint64_t n_pages = 0;
	int r = store->backup_size > 0 ? -EBUSY : store_log_checkpoint(store);

	if (r == 0)
		r = store_get_number(store->statements[STATEMENT_PAGES], SQLITE_OK, &n_pages);
	if (r == 0)
		*ret_size = store->backup_size = n_pages * STORE_PAGE_SIZE;
	return r;
}

static int read_page(sqlite3_file *file, uint64_t offset, char *ret)
{
	if (offset != LOCK_PAGE_OFFSET)
		return file->pMethods->xRead(file, ret, STORE_PAGE_SIZE, (sqlite3_int64)offset);
	memset(ret, 0, STORE_PAGE_SIZE);
	return SQLITE_OK;
}

int store_backup_read(struct store *store, uint64_t offset, void *data, size_t size)
{
	sqlite3_file *file = NULL;
	int r;

	if (offset + size > store->backup_size)
		return -ECANCELED;
	r = sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
	for (size_t at = 0; at < size && r == SQLITE_OK; at += STORE_PAGE_SIZE)
		r = read_page(file, offset + at, (char *)data + at);
	return r == SQLITE_OK ? 0 : store_errno(r);
}

/* The log, which has grown meanwhile, is brought home after the next commit. */
void store_backup_end(struct store *store)
{
	store->backup_size = 0;
}
