/* SPDX-License-Identifier: MIT */
#include "world-store.h"

#include "fuzz.h"

#include "cleanup.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static char folder[PATH_MAX];
static struct store *the_store; /* lives longer than a world */

static void remove_folder(void)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;

	store_free(take_ptr(the_store));
	CHECK(entries);
	while ((entry = readdir(entries)))
		if (entry->d_type == DT_REG)
			CHECK(unlinkat(dirfd(entries), entry->d_name, 0) == 0);
	closedir(entries);
	CHECK(rmdir(folder) == 0);
}

/* Made once, in memory where there is such a place. */
static void make_folder(void)
{
	const char *parent = getenv("TMPDIR");

	if (!parent)
		parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	CHECK((size_t)snprintf(folder, sizeof(folder), "%s/subidd-fuzz-XXXXXX", parent) <
	      sizeof(folder));
	CHECK(mkdtemp(folder));
	CHECK(atexit(remove_folder) == 0);
}

struct store *world_store_reopen(void)
{
	_cleanup_(freep) char *message = NULL;

	if (store_open(folder, &the_store, &message) != 0) {
		fprintf(stderr, "%s\n", message);
		abort();
	}
	return the_store;
}

static int find_first(const struct allocation *row, void *userdata)
{
	*(uint32_t *)userdata = row->range.start;
	return 1;
}

static void empty_store(void)
{
	uint32_t start, n;
	int r;

	CHECK(store_begin(the_store) == 0);
	while ((r = store_each_from(the_store, 0, find_first, &start)) == 1)
		CHECK(store_delete(the_store, start) == 0);
	CHECK(r == 0);
	CHECK(store_prune_events(the_store, UINT64_MAX, 1, UINT32_MAX, &n) == 0);
	CHECK(store_commit(the_store) == 0);
}

struct store *world_store_begin(void)
{
	if (the_store) {
		empty_store();
		return the_store;
	}
	make_folder();
	return world_store_reopen();
}
