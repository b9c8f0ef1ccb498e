/* SPDX-License-Identifier: MIT */

/* How failures of SQLite and refusals of the store are told. */

#include "store-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int store_errno(int sqlite_result)
{
	/* a checksum that differs, of the database or of a record */
	if (sqlite_result == SQLITE_IOERR_DATA)
		return -EUCLEAN;
	switch (sqlite_result & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	}
	return -EIO;
}

int store_refuse(char **ret_message, int r, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(ret_message, format, arguments) < 0)
		*ret_message = NULL;
	va_end(arguments);
	return r;
}

bool store_has_moved(const struct store *store)
{
	int moved = 0;

	sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved;
}

const char *store_message(const struct store *store)
{
	if (!store->db)
		return "the database cannot be opened";
	return store_has_moved(store) ? "the database was moved away" : sqlite3_errmsg(store->db);
}
