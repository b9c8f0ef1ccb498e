/* SPDX-License-Identifier: MIT */
#include "core/allocation.h"

#include <string.h>

const char *const allocation_state_names[] = {
	[ALLOCATION_ACTIVE] = "active",
	[ALLOCATION_DRAINING] = "draining",
	[ALLOCATION_RELEASED] = "released",
};
_Static_assert(sizeof(allocation_state_names) / sizeof(char *) == N_ALLOCATION_STATES, "");

const char *const allocation_origin_names[] = {
	[ORIGIN_REQUEST] = "request",
	[ORIGIN_KUBELET] = "kubelet",
};
_Static_assert(sizeof(allocation_origin_names) / sizeof(char *) == N_ALLOCATION_ORIGINS, "");

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool pod_key_valid(const char *text)
{
	size_t length = strnlen(text, POD_KEY_MAX + 1);

	if (length == 0 || length > POD_KEY_MAX || !is_alphanumeric(text[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_alphanumeric(text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}

bool label_valid(const char *text)
{
	size_t length = strnlen(text, LABEL_MAX + 1);

	if (length == 0 || length > LABEL_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}
