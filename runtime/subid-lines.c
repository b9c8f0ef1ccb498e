/* SPDX-License-Identifier: MIT */
#include "subid-lines.h"

#include "cleanup.h"
#include "node/file.h"
#include "node/subidfile.h"

#include <errno.h>

#define GROWTH_START 4 /* ranges; doubled from there */

static const char *const paths[] = { [ID_UID] = "/etc/subuid", [ID_GID] = "/etc/subgid" };
_Static_assert(ELEMENTS_OF(paths) == N_ID_KINDS, "each kind has a file");

void lines_done(struct lines *lines)
{
	free(lines->text);
	free(lines->list.entries);
	*lines = (struct lines){ 0 };
}

static void hand_over(struct lines *lines, struct lines *ret)
{
	*ret = *lines;
	*lines = (struct lines){ 0 };
}

int lines_read(const char *root, enum id_kind kind, struct lines *ret)
{
	_cleanup_(lines_done) struct lines lines = { 0 };
	_cleanup_(freep) char *path = NULL;
	size_t size;
	int r;

	r = path_under(root, paths[kind], &path);
	if (r == 0)
		r = file_read(path, SUBID_FILE_MAX, &lines.text, &size);
	if (r == 0)
		r = subidfile_parse(lines.text, size, &lines.list);
	if (r < 0 && r != -ENOENT)
		return r;
	hand_over(&lines, ret);
	return 0;
}

static int append(struct id_range **ranges, size_t n, struct id_range range)
{
	if (n == LINES_OF_OWNER_MAX)
		return -EFBIG;
	if (n == 0 || (n >= GROWTH_START && (n & (n - 1)) == 0)) {
		size_t room = n < GROWTH_START ? GROWTH_START : 2 * n;
		struct id_range *grown = reallocarray(*ranges, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*ranges = grown;
	}
	(*ranges)[n] = range;
	return 0;
}

static bool get_range(const struct subid_entry *entry, struct id_range *ret)
{
	struct id_range range = { (uint32_t)entry->start, (uint32_t)entry->count };

	if (entry->fault != ENTRY_GOOD || entry->start > UINT32_MAX || entry->count > UINT32_MAX ||
	    !id_range_valid(range))
		return false;
	*ret = range;
	return true;
}

int lines_find(const struct lines *lines, const struct entry_owner *owner, struct id_range **ret,
	       size_t *ret_n)
{
	_cleanup_(freep) struct id_range *ranges = NULL;
	size_t n = 0;

	for (size_t i = 0; i < lines->list.n_entries; i++) {
		const struct subid_entry *entry = &lines->list.entries[i];
		enum entry_fault fault;
		struct id_range range;
		int r;

		if (!entry_is_of(entry, owner, &fault))
			continue;
		if (fault != ENTRY_GOOD || !get_range(entry, &range))
			return -EBADMSG;
		r = append(&ranges, n, range);
		if (r < 0)
			return r;
		n++;
	}
	*ret = take_ptr(ranges);
	*ret_n = n;
	return 0;
}

bool lines_entry_has(const struct subid_entry *entry, uint32_t id)
{
	struct id_range range;

	return get_range(entry, &range) && id_range_contains(range, id);
}

bool lines_have_numbers(const struct lines *lines)
{
	for (size_t i = 0; i < lines->list.n_entries; i++)
		if (*lines->list.entries[i].owner >= '0' && *lines->list.entries[i].owner <= '9')
			return true;
	return false;
}

/* Where the ranges that hold the ID end; the ID itself if none does. */
static uint32_t reach(const struct id_range *ranges, size_t n, uint32_t id)
{
	uint32_t end = id;

	for (size_t i = 0; i < n; i++)
		if (id_range_contains(ranges[i], id) && id_range_end(ranges[i]) > end)
			end = id_range_end(ranges[i]);
	return end;
}

bool lines_cover(const struct id_range *ranges, size_t n, struct id_range wanted)
{
	uint32_t at = wanted.start, end;

	while ((end = reach(ranges, n, at)) > at) {
		if (end >= id_range_end(wanted))
			return true;
		at = end;
	}
	return false;
}
