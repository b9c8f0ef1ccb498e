/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A checksum in each page of the database: a SQLite VFS over the default one.
 *
 * SQLite notices a damaged structure, but not a bit of content that has flipped. So the last bytes
 * of each page, which SQLite leaves alone once it is told to reserve them, hold a checksum over the
 * rest of the page and its place. It is made when a page is written and compared when one is read;
 * a difference is SQLITE_IOERR_DATA. The write-ahead log has checksums of SQLite's own.
 */

#include <sqlite3.h>
#include <stdint.h>

#define STORE_PAGE_SIZE 4096
#define STORE_PAGE_RESERVED 8 /* bytes of the checksum, little endian */

struct store_vfs {
	sqlite3_vfs base;
	sqlite3_vfs *real;
	char name[32];
};

/* Makes it known to SQLite under vfs->name. *VFS must stay where it is. Returns a SQLite result. */
int store_vfs_register(struct store_vfs *vfs);

/* Once no database is open through it; fine if it is not registered (all zero). */
void store_vfs_unregister(struct store_vfs *vfs);

/* The checksum of a page's first bytes; NUMBER counts pages from 0. */
uint64_t store_page_checksum(const void *page, uint64_t number);
