/* SPDX-License-Identifier: MIT */
#include "node/subidfile.h"

#include "node/file.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <string.h>

#define GROWTH_START 16 /* entries; doubled from there */

struct field {
	const char *text;
	size_t length;
};

static bool has_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))
			return true;
	return false;
}

static enum entry_fault find_fault_of_line(const char *text, size_t length)
{
	if (memchr(text, '\0', length))
		return ENTRY_NUL;
	if (memchr(text, '\r', length))
		return ENTRY_CR;
	if (length > ENTRY_LENGTH_MAX)
		return ENTRY_TOO_LONG;
	if (has_blank(text, length))
		return ENTRY_BLANK;
	return ENTRY_GOOD;
}

static enum entry_fault split(const char *text, size_t length, struct field fields[3])
{
	const char *end = text + length;

	for (size_t i = 0; i < 3; i++) {
		const char *colon = memchr(text, ':', (size_t)(end - text));

		if (!colon && i < 2)
			return ENTRY_TOO_FEW_FIELDS;
		if (colon && i == 2)
			return ENTRY_TOO_MANY_FIELDS;
		fields[i] = (struct field){ text, (size_t)((colon ? colon : end) - text) };
		if (colon)
			text = colon + 1;
	}
	for (size_t i = 0; i < 3; i++)
		if (fields[i].length == 0)
			return ENTRY_EMPTY_FIELD;
	return ENTRY_GOOD;
}

static bool is_digits(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static enum entry_fault parse_number(const struct field *field, uint64_t *ret)
{
	const char *text = field->text;

	switch (decimal_parse(text, field->length, UINT64_MAX, ret)) {
	case 0:
		return ENTRY_GOOD;
	case -ERANGE:
		return ENTRY_TOO_BIG;
	}
	if (*text == '+' || *text == '-')
		return ENTRY_SIGN;
	if (field->length > 2 && *text == '0' && (text[1] == 'x' || text[1] == 'X'))
		return ENTRY_HEX;
	return is_digits(text, field->length) ? ENTRY_OCTAL : ENTRY_NO_NUMBER;
}

static enum entry_fault parse_line(const char *text, size_t length, struct subid_entry *entry)
{
	enum entry_fault fault = find_fault_of_line(text, length);
	struct field fields[3];

	if (fault != ENTRY_GOOD || (fault = split(text, length, fields)) != ENTRY_GOOD ||
	    (fault = parse_number(&fields[1], &entry->start)) != ENTRY_GOOD)
		return fault;
	return parse_number(&fields[2], &entry->count);
}

static int append(struct subid_list *list, const struct subid_entry *entry)
{
	size_t n = list->n_entries;

	if (n >= SUBID_ENTRIES_MAX)
		return -EFBIG;
	if (n == 0 || (n >= GROWTH_START && (n & (n - 1)) == 0)) {
		size_t room = n < GROWTH_START ? GROWTH_START : 2 * n;
		struct subid_entry *grown = reallocarray(list->entries, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->entries = grown;
	}
	list->entries[list->n_entries++] = *entry;
	return 0;
}

static int take_line(struct subid_list *list, const char *text, size_t length, uint32_t line,
		     bool after_nul)
{
	const char *colon = memchr(text, ':', length);
	struct subid_entry entry = { .owner = text, .line = line };

	if (!after_nul && (length == 0 || *text == '#'))
		return 0;
	entry.owner_length = colon ? (size_t)(colon - text) : length;
	entry.fault = parse_line(text, length, &entry);
	if (after_nul && entry.fault == ENTRY_GOOD)
		entry.fault = ENTRY_AFTER_NUL;
	return append(list, &entry);
}

int subidfile_parse(const char *text, size_t size, struct subid_list *ret)
{
	struct subid_list list = { 0 };
	const char *end = text + size;
	bool after_nul = false;
	uint32_t line = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		int r = take_line(&list, text, length, ++line, after_nul);

		if (r < 0) {
			free(list.entries);
			return r;
		}
		after_nul = memchr(text, '\0', length);
		if (!newline)
			list.unfinished_line = line;
		text += length + 1;
	}
	ret->entries = list.entries;
	ret->n_entries = list.n_entries;
	ret->unfinished_line = list.unfinished_line;
	return 0;
}

static void hand_over(struct subid_file *file, struct subid_file *ret)
{
	*ret = *file;
	*file = (struct subid_file){ 0 };
}

int subidfile_read(const char *path, struct subid_file *ret)
{
	_cleanup_(subidfile_done) struct subid_file file = { .path = strdup(path) };
	size_t size;
	int r;

	if (!file.path)
		return -ENOMEM;
	r = file_read(path, SUBID_FILE_MAX, &file.text, &size);
	if (r == 0)
		r = subidfile_parse(file.text, size, &file.list);
	if (r < 0 && r != -ENOMEM)
		r = file_describe_error(r, &file.problem);
	if (r < 0)
		return r;
	file.list.file = file.path;
	file.list.problem = file.problem;
	hand_over(&file, ret);
	return 0;
}

void subidfile_done(struct subid_file *file)
{
	free(file->path);
	free(file->text);
	free(file->problem);
	free(file->list.entries);
	*file = (struct subid_file){ 0 };
}
