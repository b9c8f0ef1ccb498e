/* SPDX-License-Identifier: MIT */
#include "core/rules.h"

#include "core/rules-range.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SHOWN_NAME 64	       /* bytes of a name from a file that a message shows */
#define CLEAR_START 2000224256 /* from here to the reserved range no software has a default */

static const char *const kind_nouns[] = { [ID_UID] = "UIDs", [ID_GID] = "GIDs" };
static const char *const range_nouns[] = { [ID_UID] = "UID range", [ID_GID] = "GID range" };
_Static_assert(ELEMENTS_OF(kind_nouns) == N_ID_KINDS, "each kind has a noun");
_Static_assert(ELEMENTS_OF(range_nouns) == N_ID_KINDS, "each kind has a noun");

/* One pool at work. */
struct check {
	const struct pool_facts *facts;
	const struct pool_settings *settings;
	struct findings *findings;
	struct entry_owner owner;
	struct entry_range ranges[N_ID_KINDS];
	size_t n_lines[N_ID_KINDS]; /* of the owner, broken ones included */
};

const struct account *accounts_find_name(const struct account_list *accounts, const char *name)
{
	for (size_t i = 0; i < accounts->n_items; i++)
		if (strcmp(accounts->items[i].name, name) == 0)
			return &accounts->items[i];
	return NULL;
}

const struct account *accounts_find_id(const struct account_list *accounts, uint32_t id)
{
	for (size_t i = 0; i < accounts->n_items; i++)
		if (accounts->items[i].id == id)
			return &accounts->items[i];
	return NULL;
}

/* An owner that is written as a number is a UID. */
static int check_account(struct check *check)
{
	const struct pool_settings *settings = check->settings;
	const struct account_list *users = check->facts->users;
	const struct account *account;
	uint64_t uid;
	bool numeric;

	numeric = decimal_parse(settings->owner, strlen(settings->owner), UINT32_MAX, &uid) == 0;
	account = numeric ? accounts_find_id(users, (uint32_t)uid)
			  : accounts_find_name(users, settings->owner);
	check->owner.name = numeric ? NULL : settings->owner;
	if (account) {
		check->owner.name = account->name;
		uid = account->id;
	}
	if (account || numeric)
		snprintf(check->owner.uid, sizeof(check->owner.uid), "%" PRIu32, (uint32_t)uid);
	if (account)
		return 0;
	return findings_add(check->findings, RULE_NO_OWNER_ACCOUNT,
			    settings->rules == RULES_KUBELET ? LEVEL_ERROR : LEVEL_WARNING,
			    users->file, 0, "%s has no account: %s", settings->owner,
			    users->problem ? users->problem : "create it with useradd(8)");
}

static int add_malformed(struct check *check, const struct subid_list *list,
			 const struct subid_entry *entry, enum entry_fault fault,
			 enum finding_level level)
{
	int shown = entry->owner_length < SHOWN_NAME ? (int)entry->owner_length : SHOWN_NAME;

	return findings_add(
		check->findings, RULE_MALFORMED_ENTRY, level, list->file, entry->line,
		"the line of %.*s %s: write it as NAME:START:COUNT, with decimal numbers", shown,
		entry->owner, entry_fault_text(fault));
}

static int add_no_entry(struct check *check, enum id_kind kind)
{
	const struct pool_settings *settings = check->settings;
	const struct subid_list *list = check->facts->own[kind];
	uint64_t start = (CLEAR_START + (uint64_t)settings->unit - 1) / settings->unit *
			 settings->unit;
	uint64_t count = (uint64_t)settings->max_pods * settings->unit;

	if (list->problem)
		return findings_add(check->findings, RULE_NO_ENTRY, LEVEL_ERROR, list->file, 0,
				    "%s gets no %s: %s", settings->owner, kind_nouns[kind],
				    list->problem);
	if (start + count > RESERVED_START)
		return findings_add(check->findings, RULE_NO_ENTRY, LEVEL_ERROR, list->file, 0,
				    "%s gets no %s: add a line for it", settings->owner,
				    kind_nouns[kind]);
	return findings_add(check->findings, RULE_NO_ENTRY, LEVEL_ERROR, list->file, 0,
			    "%s gets no %s: add a line for it, such as %s:%" PRIu64 ":%" PRIu64,
			    settings->owner, kind_nouns[kind], settings->owner, start, count);
}

static int take_own_line(struct check *check, enum id_kind kind, const struct subid_entry *entry,
			 enum entry_fault fault, uint32_t *second_line)
{
	const struct subid_list *list = check->facts->own[kind];
	struct entry_range *range = &check->ranges[kind];

	if (++check->n_lines[kind] == 2)
		*second_line = entry->line;
	if (fault != ENTRY_GOOD)
		return add_malformed(check, list, entry, fault, LEVEL_ERROR);
	if (!range->present)
		*range = (struct entry_range){ true,	   entry->start, entry->count,
					       list->file, entry->line,	 range_nouns[kind] };
	if (entry->line != list->unfinished_line)
		return 0;
	return findings_add(
		check->findings, RULE_MALFORMED_ENTRY, LEVEL_WARNING, list->file, entry->line,
		"the line of %s has no newline at its end, and newer versions of shadow "
		"refuse it: add one",
		check->settings->owner);
}

/* The owner's own lines in one file. */
static int check_own_lines(struct check *check, enum id_kind kind)
{
	const struct subid_list *list = check->facts->own[kind];
	uint32_t second_line = 0;
	enum entry_fault fault;

	for (size_t i = 0; i < list->n_entries; i++) {
		int r;

		if (!entry_is_of(&list->entries[i], &check->owner, &fault))
			continue;
		r = take_own_line(check, kind, &list->entries[i], fault, &second_line);
		if (r < 0)
			return r;
	}
	if (check->n_lines[kind] == 0)
		return add_no_entry(check, kind);
	if (check->n_lines[kind] == 1)
		return 0;
	return findings_add(check->findings, RULE_MULTIPLE_ENTRIES, LEVEL_ERROR, list->file,
			    second_line, "%s has %zu lines here: leave one, with all of its IDs",
			    check->settings->owner, check->n_lines[kind]);
}

static int check_mismatch(struct check *check)
{
	struct entry_range *uids = &check->ranges[ID_UID], *gids = &check->ranges[ID_GID];

	if (!uids->present || !gids->present)
		return 0;
	if (uids->start == gids->start && uids->count == gids->count) {
		uids->noun = gids->noun = "range";
		return 0;
	}
	if (check->n_lines[ID_UID] > 1 || check->n_lines[ID_GID] > 1)
		return 0;
	return findings_add(
		check->findings, RULE_UID_GID_MISMATCH, LEVEL_ERROR, gids->file, gids->line,
		"%s has the GIDs %" PRIu64 ":%" PRIu64 ", but the UIDs %" PRIu64 ":%" PRIu64
		": make both the same",
		check->settings->owner, gids->start, gids->count, uids->start, uids->count);
}

static int check_ranges(struct check *check)
{
	const struct entry_range *uids = &check->ranges[ID_UID], *gids = &check->ranges[ID_GID];
	bool same = uids->present && gids->present && uids->noun == gids->noun;
	int r = 0;

	if (uids->present)
		r = rules_check_range(check->settings, uids, check->findings);
	if (r == 0 && gids->present && !same)
		r = rules_check_range(check->settings, gids, check->findings);
	return r;
}

static int check_other_line(struct check *check, enum id_kind kind, const struct subid_entry *entry)
{
	const struct subid_list *list = check->facts->others[kind];
	const struct entry_range *range = &check->ranges[kind];
	struct entry_range other = { .start = entry->start, .count = entry->count };
	int shown = entry->owner_length < SHOWN_NAME ? (int)entry->owner_length : SHOWN_NAME;

	if (entry->fault != ENTRY_GOOD)
		return add_malformed(check, list, entry, entry->fault, LEVEL_WARNING);
	if (!range->present || !entry_range_overlaps(range, other.start, entry_range_end(&other)))
		return 0;
	return findings_add(check->findings, RULE_OVERLAPS_ENTRY, LEVEL_ERROR, list->file,
			    entry->line,
			    "the line of %.*s gives it %" PRIu64 ":%" PRIu64
			    ", which overlaps %" PRIu64 ":%" PRIu64 " of %s: move one of them",
			    shown, entry->owner, entry->start, entry->count, range->start,
			    range->count, check->settings->owner);
}

static int check_other_lines(struct check *check, enum id_kind kind)
{
	const struct subid_list *list = check->facts->others[kind];
	enum entry_fault fault;

	for (size_t i = 0; list && i < list->n_entries; i++) {
		int r;

		if (entry_is_of(&list->entries[i], &check->owner, &fault))
			continue;
		r = check_other_line(check, kind, &list->entries[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool entry_range_contains(const struct entry_range *range, uint32_t id)
{
	return range->present && entry_range_overlaps(range, id, (uint64_t)id + 1);
}

/* One finding an account: its own ID first, else its primary group. */
static int check_account_list(struct check *check, const struct account_list *accounts,
			      enum id_kind kind)
{
	enum finding_level level = check->settings->allow_account_overlap ? LEVEL_WARNING
									  : LEVEL_ERROR;

	if (accounts->problem)
		return findings_add(check->findings, RULE_OVERLAPS_ACCOUNT, level, accounts->file,
				    0, "accounts could not be compared with the range of %s: %s",
				    check->settings->owner, accounts->problem);
	for (size_t i = 0; i < accounts->n_items; i++) {
		const struct account *account = &accounts->items[i];
		bool by_id = entry_range_contains(&check->ranges[kind], account->id);
		bool by_gid = entry_range_contains(&check->ranges[ID_GID], account->gid);
		int r;

		if (!by_id && !by_gid)
			continue;
		r = findings_add(check->findings, RULE_OVERLAPS_ACCOUNT, level, accounts->file,
				 account->line,
				 "%s has the %s %" PRIu32
				 ", which lies in the range of %s: move the account or the range",
				 account->name, by_id && kind == ID_UID ? "UID" : "GID",
				 by_id ? account->id : account->gid, check->settings->owner);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_pool(struct check *check)
{
	int r;

	if ((r = check_account(check)) < 0 || (r = check_own_lines(check, ID_UID)) < 0 ||
	    (r = check_own_lines(check, ID_GID)) < 0 || (r = check_mismatch(check)) < 0 ||
	    (r = check_ranges(check)) < 0 || (r = check_other_lines(check, ID_UID)) < 0 ||
	    (r = check_other_lines(check, ID_GID)) < 0 ||
	    (r = check_account_list(check, check->facts->users, ID_UID)) < 0)
		return r;
	return check_account_list(check, check->facts->groups, ID_GID);
}

/* Says so if the pool's range overlaps the other pool's. */
static int check_other_pool(struct check *check, const struct check *other)
{
	for (int kind = 0; kind < N_ID_KINDS; kind++) {
		const struct entry_range *ours = &check->ranges[kind],
					 *theirs = &other->ranges[kind];

		if (!ours->present || !theirs->present ||
		    !entry_range_overlaps(ours, theirs->start, entry_range_end(theirs)))
			continue;
		return findings_add(check->findings, RULE_OVERLAPS_ENTRY, LEVEL_ERROR, ours->file,
				    ours->line,
				    "the %s %" PRIu64 ":%" PRIu64 " of %s overlaps %" PRIu64
				    ":%" PRIu64 " of the pool %s: move one of them",
				    ours->noun, ours->start, ours->count, check->settings->owner,
				    theirs->start, theirs->count, other->settings->name);
	}
	return 0;
}

static int check_other_pools(struct check *checks, size_t n_checks)
{
	for (size_t i = 0; i < n_checks; i++)
		for (size_t j = 0; j < n_checks; j++) {
			int r = i == j ? 0 : check_other_pool(&checks[i], &checks[j]);

			if (r < 0)
				return r;
		}
	return 0;
}

static void fill_pool(const struct pool_settings *settings, struct pool *ret)
{
	memcpy(ret->name, settings->name, sizeof(ret->name));
	memcpy(ret->owner, settings->owner, sizeof(ret->owner));
	ret->rules = settings->rules;
	ret->unit = settings->unit;
	ret->max_pods = settings->max_pods;
	ret->valid = false;
	ret->range = (struct id_range){ 0 };
}

/* Without an error the range fits into 32 bits and has a unit at least. */
static int finish_pool(const struct entry_range *range, struct pool *pool)
{
	pool->valid = pool->findings.n_errors == 0;
	if (pool->valid) {
		pool->range.start = (uint32_t)range->start;
		pool->range.count = (uint32_t)range->count / pool->unit * pool->unit;
	}
	return findings_finish(&pool->findings);
}

int rules_check(const struct pool_facts *facts, struct pool *pools, size_t n_pools)
{
	_cleanup_(freep) struct check *checks = calloc(n_pools ? n_pools : 1, sizeof(*checks));
	int r = checks ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n_pools; i++) {
		checks[i].facts = &facts[i];
		checks[i].settings = facts[i].settings;
		checks[i].findings = &pools[i].findings;
		fill_pool(facts[i].settings, &pools[i]);
		r = check_pool(&checks[i]);
	}
	if (r == 0)
		r = check_other_pools(checks, n_pools);
	for (size_t i = 0; r == 0 && i < n_pools; i++)
		r = finish_pool(&checks[i].ranges[ID_UID], &pools[i]);
	return r;
}
