/* SPDX-License-Identifier: MIT */
#include "store-vfs.h"

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* SQLite's handle of the database, and behind it the one of the VFS below. */
struct page_file {
	sqlite3_file base;
	sqlite3_file real[];
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct page_file *)file)->real;
}

/*
 * Each step maps different sums, and different words, to different sums: damage within one word is
 * always seen.
 */
uint64_t store_page_checksum(const void *page, uint64_t number)
{
	uint64_t sum = number ^ UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < STORE_PAGE_SIZE - STORE_PAGE_RESERVED; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, (const char *)page + i, sizeof(word));
		sum = (sum ^ le64toh(word)) * UINT64_C(0xff51afd7ed558ccd);
		sum ^= sum >> 32;
	}
	return sum;
}

static bool is_page(int size, sqlite3_int64 offset)
{
	return size == STORE_PAGE_SIZE && offset % STORE_PAGE_SIZE == 0;
}

/* A page that the file is too short for is as damaged as one that is full of zeros. */
static int read_at(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
	int r = real_of(file)->pMethods->xRead(real_of(file), data, size, offset);
	uint64_t sum;

	if (!is_page(size, offset) || (r != SQLITE_OK && r != SQLITE_IOERR_SHORT_READ))
		return r;
	memcpy(&sum, (char *)data + STORE_PAGE_SIZE - STORE_PAGE_RESERVED, sizeof(sum));
	if (r != SQLITE_OK ||
	    le64toh(sum) != store_page_checksum(data, (uint64_t)offset / STORE_PAGE_SIZE))
		return SQLITE_IOERR_DATA;
	return SQLITE_OK;
}

static int write_at(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
	char page[STORE_PAGE_SIZE];
	uint64_t sum;

	if (is_page(size, offset)) {
		memcpy(page, data, sizeof(page));
		sum = htole64(store_page_checksum(page, (uint64_t)offset / STORE_PAGE_SIZE));
		memcpy(page + STORE_PAGE_SIZE - STORE_PAGE_RESERVED, &sum, sizeof(sum));
		data = page;
	}
	return real_of(file)->pMethods->xWrite(real_of(file), data, size, offset);
}

static int close_file(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

/* The file keeps the blocks that it has: a full disk would not give them back. */
static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_int64 now = 0;
	int r = real_of(file)->pMethods->xFileSize(real_of(file), &now);

	if (r != SQLITE_OK || size <= now)
		return r;
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int sync_file(sqlite3_file *file, int flags)
{
	return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int get_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), ret);
}

static int lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int check_reserved_lock(sqlite3_file *file, int *ret)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int control(sqlite3_file *file, int operation, void *argument)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int get_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int get_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* The first version: no shared memory, which an exclusively locked database does not need. */
static const sqlite3_io_methods page_methods = {
	.iVersion = 1,
	.xClose = close_file,
	.xRead = read_at,
	.xWrite = write_at,
	.xTruncate = truncate_file,
	.xSync = sync_file,
	.xFileSize = get_size,
	.xLock = lock,
	.xUnlock = unlock,
	.xCheckReservedLock = check_reserved_lock,
	.xFileControl = control,
	.xSectorSize = get_sector_size,
	.xDeviceCharacteristics = get_characteristics,
};

/* All but the database itself is the business of the VFS below. */
static int open_file(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags,
		     int *ret_flags)
{
	sqlite3_vfs *real = ((struct store_vfs *)base)->real;
	int r;

	file->pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return real->xOpen(real, path, file, flags, ret_flags);
	r = real->xOpen(real, path, real_of(file), flags, ret_flags);
	if (real_of(file)->pMethods)
		file->pMethods = &page_methods;
	return r;
}

int store_vfs_register(struct store_vfs *vfs)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	if (!real)
		return SQLITE_ERROR;
	vfs->base = *real;
	vfs->real = real;
	snprintf(vfs->name, sizeof(vfs->name), "subidd-%p", (void *)vfs);
	vfs->base.zName = vfs->name;
	vfs->base.szOsFile = (int)sizeof(struct page_file) + real->szOsFile;
	vfs->base.xOpen = open_file;
	vfs->base.pNext = NULL;
	return sqlite3_vfs_register(&vfs->base, 0);
}

void store_vfs_unregister(struct store_vfs *vfs)
{
	if (vfs->real)
		sqlite3_vfs_unregister(&vfs->base);
	vfs->real = NULL;
}
