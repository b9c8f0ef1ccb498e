/* SPDX-License-Identifier: MIT */
#include "core/entry.h"

#include "cleanup.h"

#include <string.h>

static const char *const fault_texts[] = {
	[ENTRY_GOOD] = "is good",
	[ENTRY_NUL] = "has a NUL byte",
	[ENTRY_AFTER_NUL] = "follows a line with a NUL byte, and shadow reads the two as one",
	[ENTRY_CR] = "has a carriage return",
	[ENTRY_TOO_LONG] = "is longer than 1023 bytes",
	[ENTRY_BLANK] = "has a blank",
	[ENTRY_TOO_FEW_FIELDS] = "has fewer than three fields",
	[ENTRY_TOO_MANY_FIELDS] = "has more than three fields",
	[ENTRY_EMPTY_FIELD] = "has an empty field",
	[ENTRY_HEX] = "has a hexadecimal number",
	[ENTRY_OCTAL] = "has a number with a leading zero, which shadow reads as octal",
	[ENTRY_SIGN] = "has a number with a sign",
	[ENTRY_NO_NUMBER] = "has a start or a count that is no number",
	[ENTRY_TOO_BIG] = "has a number that does not fit into 64 bits",
	[ENTRY_PADDED_OWNER] =
		"has the owner's UID with zeros in front, which shadow does not find",
	[ENTRY_NO_ANSWER] = "does not look like an answer of getsubids",
};
_Static_assert(ELEMENTS_OF(fault_texts) == N_ENTRY_FAULTS, "each fault has a text");

const char *entry_fault_text(enum entry_fault fault)
{
	return fault_texts[fault];
}

static bool is(const char *text, size_t length, const char *other)
{
	return other && length > 0 && strlen(other) == length && memcmp(text, other, length) == 0;
}

static bool names(const char *text, size_t length, const struct entry_owner *owner)
{
	return is(text, length, owner->name) || is(text, length, owner->uid);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool names_trimmed(const char *text, size_t length, const struct entry_owner *owner)
{
	length = strnlen(text, length);
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	for (; length > 0 && is_blank(*text); length--)
		text++;
	return names(text, length, owner);
}

static bool names_padded(const char *text, size_t length, const struct entry_owner *owner)
{
	if (length < 2 || *text != '0')
		return false;
	for (; length > 1 && *text == '0'; length--)
		text++;
	return is(text, length, owner->uid);
}

bool entry_is_of(const struct subid_entry *entry, const struct entry_owner *owner,
		 enum entry_fault *ret_fault)
{
	bool padded = names_padded(entry->owner, entry->owner_length, owner);

	if (!names(entry->owner, entry->owner_length, owner) && !padded &&
	    !(entry->fault && names_trimmed(entry->owner, entry->owner_length, owner)))
		return false;
	*ret_fault = entry->fault == ENTRY_GOOD && padded ? ENTRY_PADDED_OWNER : entry->fault;
	return true;
}
