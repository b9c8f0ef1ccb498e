/* SPDX-License-Identifier: MIT */
#include "restore-folder.h"

#include "store-private.h"

void restore_add(struct store *store, const char *pod, uint32_t unit)
{
	struct allocation row = { .pool = "p", .range = { unit * 65536, 65536 } };
	struct event event = { .kind = EVENT_ALLOCATED, .pool = "p", .range = row.range };

	strcpy(row.pod, pod);
	strcpy(event.pod, pod);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_insert(store, &row), 0);
	assert_int_equal(store_insert_event(store, &event), 0);
	assert_int_equal(store_commit(store), 0);
}

void restore_copy(const char *from, const char *to)
{
	size_t size;
	_cleanup_(freep) char *data = file_bytes(folder_path(&folder, from), &size);

	file_write(folder_path(&folder, to), data, size);
}

/* A daemon's folder with the pods a and b, and a backup that knows a alone. */
void make_both(void)
{
	struct store *store = open_store();

	restore_add(store, "a", 1);
	store_free(store);
	restore_copy(DATABASE, BACKUP);
	store = open_store();
	restore_add(store, "b", 2);
	store_free(store);
}

int restore_from(const char *name, char **ret_kept, char **ret_message)
{
	*ret_kept = NULL;
	return store_restore(folder.path, folder_path(&folder, name), NOW, ret_kept, ret_message);
}

void expect_restored(const char *name)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;

	if (restore_from(name, &kept, &message) != 0)
		fail_msg("%s", message);
}

/* NAME must be refused, for a reason with PART in it, and nothing changes. */
void expect_unfit(const char *name, int expected, const char *part)
{
	struct snapshot shot = take_snapshot();
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;
	size_t n = shot.n;
	int r = restore_from(name, &kept, &message);

	assert_non_null(message);
	if (r != expected || !strstr(message, part) || !strstr(message, name) ||
	    strchr(message, '\n'))
		fail_msg("%s: %d, %s", name, r, message);
	assert_null(kept);
	expect_untouched(&shot);
	shot = take_snapshot();
	assert_int_equal(shot.n, n);
	expect_untouched(&shot);
}

static int add_row(const struct allocation *row, void *userdata)
{
	char *text = userdata;

	sprintf(text + strlen(text), "%s:%u:%s:%llu ", row->pod, row->range.start / 65536,
		allocation_state_names[row->state], (unsigned long long)row->release_order);
	return 0;
}

/* The rows of the folder's database, which must be one that can be opened. */
const char *rows(void)
{
	struct store *store = open_store();
	static char text[4096];

	*text = 0;
	assert_int_equal(store_each_from(store, 0, add_row, text), 0);
	store_free(store);
	return text;
}

bool has_file(const char *name)
{
	return access(folder_path(&folder, name), F_OK) == 0;
}
