/* SPDX-License-Identifier: MIT */

/*
 * Lines of subuid(5): an entry without a fault stands in the file exactly as it would be written;
 * no line gets lost or is made up.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "node/subidfile.h"

#include <inttypes.h>
#include <string.h>

/* Steps over a line. */
static const char *line_after(const char *text, const char *end)
{
	const char *newline = memchr(text, '\n', (size_t)(end - text));

	return newline ? newline + 1 : end;
}

/* The entry is the line from TEXT to END, its newline included. */
static void check_entry(const struct subid_entry *entry, const char *text, const char *end)
{
	size_t length = (size_t)(end - text) - (end[-1] == '\n');
	_cleanup_(freep) char *printed = NULL;

	CHECK(entry->fault < N_ENTRY_FAULTS && entry->owner == text &&
	      entry->owner_length <= length);
	if (entry->fault != ENTRY_GOOD) {
		CHECK(entry_fault_text(entry->fault));
		return;
	}
	CHECK(asprintf(&printed, "%.*s:%" PRIu64 ":%" PRIu64, (int)entry->owner_length,
		       entry->owner, entry->start, entry->count) >= 0);
	CHECK(strlen(printed) == length && memcmp(printed, text, length) == 0);
}

static bool is_skipped(const char *text)
{
	return *text == '\n' || *text == '#';
}

/* Whose line it is follows from its first field alone, padded or not. */
static void check_owner(const struct subid_entry *entry)
{
	static const struct entry_owner kubelet = { "kubelet", "995" };
	enum entry_fault fault = N_ENTRY_FAULTS;

	if (!entry_is_of(entry, &kubelet, &fault)) {
		CHECK(entry->owner_length != 7 || memcmp(entry->owner, "kubelet", 7) != 0);
		CHECK(entry->owner_length != 3 || memcmp(entry->owner, "995", 3) != 0);
		return;
	}
	CHECK(fault < N_ENTRY_FAULTS);
	CHECK(entry->owner_length >= 3 && (fault != ENTRY_GOOD || entry->fault == ENTRY_GOOD));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *copy = copy_of(data, size, COPY_AS_IT_IS);
	const char *text = copy, *end = copy + size, *next;
	struct subid_list list = {};
	bool after_nul = false;
	uint32_t line = 0;
	size_t i = 0;

	CHECK(subidfile_parse(copy, size, &list) == 0);
	for (; text < end; text = next) {
		next = line_after(text, end);
		line++;
		if (i < list.n_entries && list.entries[i].line == line) {
			check_entry(&list.entries[i], text, next);
			check_owner(&list.entries[i]);
			CHECK(!after_nul || list.entries[i].fault != ENTRY_GOOD);
			i++;
		} else {
			CHECK(is_skipped(text) && !after_nul);
		}
		after_nul = memchr(text, 0, (size_t)(next - text));
	}
	CHECK(i == list.n_entries);
	CHECK(list.unfinished_line == (size > 0 && end[-1] != '\n' ? line : 0));
	free(list.entries);
	return 0;
}
