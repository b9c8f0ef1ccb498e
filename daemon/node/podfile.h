/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kubelet's record of a pod's user namespace, POD_UID/userns in its pods folder: an empty file
 * for a pod without one, else one line of JSON, {"uidMappings":[{"hostId":131072,"containerId":0,
 * "length":65536}],"gidMappings":[the same]}. It is written under a name .NNNN and renamed, so that
 * it is only ever seen whole.
 */

#include "core/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PODFILE_NAME "userns"
#define PODFILE_MAX ((size_t)64 * 1024) /* bytes */
#define PODFILE_DEPTH_MAX 16		/* of the JSON, for members that a newer kubelet may add */

enum podfile_kind {
	PODFILE_NONE,	    /* no user namespace: it is empty or not there */
	PODFILE_RANGE,	    /* one range, the same for UIDs and GIDs, from the container's ID 0 */
	PODFILE_ODD,	    /* other ranges: in use, but nothing that an allocation could be */
	PODFILE_MALFORMED,  /* it does not say what is in use */
	PODFILE_UNREADABLE, /* nor does this: no regular file, too large, or what the system says */
	N_PODFILE_KINDS
};

struct podfile {
	enum podfile_kind kind;
	struct id_range range;	  /* of PODFILE_RANGE */
	struct id_range *blocked; /* of PODFILE_ODD: host IDs, as far as they can be mapped */
	size_t n_blocked;
	const char *reason; /* why it is odd, malformed or unreadable; static */
};

/*
 * Which state of a file was read; all zero is none. A file that is written again within the
 * resolution of its timestamps could look the same, so the state is only known again once it was
 * older than that when it was read.
 */
struct podfile_stamp {
	uint64_t device, inode, size;
	int64_t changed; /* ns since the epoch */
	bool is_known;
};

/* Returns 0 or -ENOMEM: whatever is wrong with the text is in *ret, to be freed by podfile_done().
 */
int podfile_parse(const char *text, size_t size, struct podfile *ret);

#define PODFILE_SAME 1

/*
 * Reads the file in the folder FOLDER_FD (O_PATH will do). Follows no link and waits for no FIFO.
 * Returns 0; PODFILE_SAME and sets nothing if it is still as *stamp says; -ENOMEM.
 */
int podfile_read(int folder_fd, struct podfile_stamp *stamp, struct podfile *ret);

/* Frees what it holds and leaves it empty. */
void podfile_done(struct podfile *podfile);
