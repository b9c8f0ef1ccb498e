/* SPDX-License-Identifier: MIT */

/*
 * Room for a full disk: the log has its blocks from the start, and the database grows in steps that
 * the disk has promised. What SQLite could not bring home from the log would block all that
 * follows.
 */

#include "store-private.h"

#include <stdio.h>
#include <sys/statvfs.h>

#define LEAST_ROOM 128 /* pages */
#define MORE_ROOM 256

/* On a disk that small, what is set aside for one file is missing for the other. */
bool store_disk_is_tiny(const struct store *store)
{
	struct statvfs disk;

	return statvfs(store->dir, &disk) == 0 &&
	       (uint64_t)disk.f_blocks * disk.f_frsize < UINT64_C(3) * STORE_LOG_SIZE / 2;
}

static int get_pages(struct store *store, uint64_t *ret_n, uint64_t *ret_n_free)
{
	int r = store_get_number(store->statements[STATEMENT_PAGES], SQLITE_OK, ret_n);

	if (r < 0)
		return r;
	return store_get_number(store->statements[STATEMENT_FREE_PAGES], SQLITE_OK, ret_n_free);
}

static int set_most_pages(struct store *store, uint64_t n)
{
	char sql[64];
	int r;

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %llu", (unsigned long long)n);
	r = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	if (r == SQLITE_OK)
		store->most_pages = n;
	return r == SQLITE_OK ? 0 : store_errno(r);
}

/* A file system that cannot promise anything is taken as it is. */
static bool allocate(struct store *store, uint64_t n_pages)
{
	sqlite3_int64 size = (sqlite3_int64)n_pages * STORE_PAGE_SIZE;
	int chunk = STORE_PAGE_SIZE, r;

	sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_CHUNK_SIZE, &chunk);
	r = sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_SIZE_HINT, &size);
	return r == SQLITE_OK || r == SQLITE_NOTFOUND;
}

/* Less and less, where the disk is nearly full. */
static int grow(struct store *store, uint64_t n)
{
	if (store_disk_is_tiny(store))
		return set_most_pages(store, UINT32_MAX - 1);
	for (uint64_t more = MORE_ROOM; more > 0; more /= 2)
		if (allocate(store, n + more))
			return set_most_pages(store, n + more);
	return store->most_pages < n ? set_most_pages(store, n) : 0;
}

int store_ensure_room(struct store *store)
{
	uint64_t n = 0, n_free = 0;
	int r = get_pages(store, &n, &n_free);

	if (r == 0 && n + LEAST_ROOM > store->most_pages + n_free)
		r = grow(store, n);
	store->is_tight = n + LEAST_ROOM > store->most_pages + n_free;
	return r;
}

bool store_is_tight(const struct store *store)
{
	return store->is_tight;
}
