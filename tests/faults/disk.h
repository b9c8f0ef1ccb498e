/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A disk under one folder, below SQLite and the store: what is done to the files in it is noted in
 * order, so that the disk can be had as a power cut would leave it; and any operation can fail.
 *
 * This replaces open(), pwrite() and their kin for the whole program, the libraries that it is
 * linked with included. What is done through a mapping is not seen: SQLite maps nothing but its
 * "-shm" file, of which it needs nothing after a crash, and the store lets it make none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_op_kind {
	OP_MAKE,	/* the file, under its name */
	OP_RENAME,	/* to the name in data, which no other file has then */
	OP_REMOVE,	/* its name */
	OP_WRITE,	/* size bytes at offset */
	OP_RESIZE,	/* to size */
	OP_SYNC,	/* the file */
	OP_SYNC_FOLDER, /* the names */
};

struct disk_op {
	enum disk_op_kind kind;
	uint32_t file; /* index of a disk_file */
	size_t offset, size;
	char *data;
};

/* A file that was there at the beginning or was made since; one that is made anew is another one.
 */
struct disk_file {
	char name[64]; /* the first one */
	bool is_old;   /* it was there, with this content, and all of that is durable */
	char *data;
	size_t size;
	char name_now[64]; /* empty: it was removed */
};

/* Notes what happens in the folder from now on, and what is there now. */
void disk_begin(const char *folder);

/* Stops noting; what was noted can be read until the next disk_begin(). */
void disk_end(void);

/* Files with that in their names are not there and cannot be made; NULL: all can. */
void disk_forbid(const char *part);

size_t disk_n_ops(void);
const struct disk_op *disk_op(size_t i);
size_t disk_n_files(void);
const struct disk_file *disk_file(size_t i);

enum disk_fault {
	FAULT_WRITE,
	FAULT_FULL,  /* a write finds no room */
	FAULT_SHORT, /* a write writes a part, and the next one finds no room */
	FAULT_READ,
	FAULT_RESIZE,
	FAULT_SYNC,
	FAULT_OPEN,
	FAULT_REMOVE,
	N_DISK_FAULTS
};

extern const char *const disk_fault_names[N_DISK_FAULTS];

/*
 * The operation after the Nth of that kind in the folder fails, and all that follow if it LASTS;
 * until disk_mend(), which returns whether one has failed.
 */
void disk_fail(const char *folder, enum disk_fault fault, size_t n, bool lasts);
bool disk_mend(void);

/* Has nothing fail, and nothing counted, for a while. */
void disk_spare(bool is_spared);
