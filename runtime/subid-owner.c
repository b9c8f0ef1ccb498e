/* SPDX-License-Identifier: MIT */
#include "subid-owner.h"

#include "decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct account *find_account(const struct account_list *users, const char *name,
					  uint32_t uid)
{
	for (size_t i = 0; i < users->n_items; i++) {
		const struct account *account = &users->items[i];

		if (name ? strcmp(account->name, name) == 0 : account->id == uid)
			return account;
	}
	return NULL;
}

struct owner owner_find(const struct account_list *users, const char *text)
{
	const struct account *account;
	struct owner owner = { 0 };
	uint64_t uid = 0;

	owner.is_number = decimal_parse(text, strlen(text), UINT32_MAX, &uid) == 0;
	account = find_account(users, owner.is_number ? NULL : text, (uint32_t)uid);
	owner.has_uid = account || owner.is_number;
	owner.uid = account ? account->id : (uint32_t)uid;
	if (account)
		owner.name = account->name;
	else if (!owner.is_number)
		owner.name = text;
	return owner;
}

struct owner owner_find_name(const struct account_list *users, const char *name)
{
	const struct account *account = find_account(users, name, 0);
	struct owner owner = { .name = name, .has_uid = account };

	if (account)
		owner.uid = account->id;
	return owner;
}

bool owner_equal(const struct owner *a, const struct owner *b)
{
	if (a->has_uid && b->has_uid && a->uid == b->uid)
		return true;
	return a->name && b->name && strcmp(a->name, b->name) == 0;
}

struct entry_owner owner_in_files(const struct owner *owner)
{
	struct entry_owner entry = { .name = owner->is_number ? NULL : owner->name };

	if (owner->has_uid)
		snprintf(entry.uid, sizeof(entry.uid), "%" PRIu32, owner->uid);
	return entry;
}
