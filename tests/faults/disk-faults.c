/* SPDX-License-Identifier: MIT */
#include "disk-private.h"

#include "testing.h"

#include <errno.h>

const char *const disk_fault_names[] = {
	[FAULT_WRITE] = "write", [FAULT_FULL] = "write, full",	    [FAULT_SHORT] = "write, short",
	[FAULT_READ] = "read",	 [FAULT_RESIZE] = "resize",	    [FAULT_SYNC] = "sync",
	[FAULT_OPEN] = "open",	 [FAULT_REMOVE] = "remove, rename",
};
_Static_assert(ELEMENTS_OF(disk_fault_names) == N_DISK_FAULTS, "a name for each fault");

static struct {
	bool is_armed, is_spared, lasts, has_failed, was_short;
	enum disk_fault kind;
	size_t n_left;
} fault;

void disk_fail(const char *folder, enum disk_fault kind, size_t n, bool lasts)
{
	disk_watch(folder);
	fault.is_armed = true;
	fault.kind = kind;
	fault.n_left = n;
	fault.lasts = lasts;
	fault.has_failed = fault.was_short = false;
}

bool disk_mend(void)
{
	fault.is_armed = fault.was_short = false;
	disk_watch("");
	return fault.has_failed;
}

void disk_spare(bool is_spared)
{
	fault.is_spared = is_spared;
}

bool disk_must_fail(enum disk_fault kind)
{
	if (!fault.is_armed || fault.is_spared || fault.kind != kind)
		return false;
	if (fault.n_left > 0) {
		fault.n_left--;
		return false;
	}
	if (fault.has_failed && !fault.lasts)
		return false;
	return fault.has_failed = true;
}

int disk_write_error(size_t *size)
{
	if (disk_must_fail(FAULT_WRITE))
		return EIO;
	if (disk_must_fail(FAULT_FULL) || fault.was_short) {
		fault.was_short = false;
		return ENOSPC;
	}
	if (*size > 1 && disk_must_fail(FAULT_SHORT)) {
		*size /= 2;
		fault.was_short = true;
	}
	return 0;
}
