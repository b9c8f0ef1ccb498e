/* SPDX-License-Identifier: MIT */
#include "subid-question.h"

#include "cleanup.h"
#include "node/file.h"
#include "node/node.h"
#include "subid-lines.h"
#include "transport.h"

#include <errno.h>
#include <string.h>

#define OWNER_NAME_MAX 256 /* bytes of a line's owner that is looked up */

_Static_assert(sizeof(((struct pool_settings *)NULL)->owner) ==
		       sizeof(((struct reply_pool *)NULL)->owner),
	       "an owner of the configuration fits");

/* Takes the pools' owners from the configuration. Returns 1 if it is of no use. */
static int read_pool_owners(struct question *question)
{
	struct config_error error = { 0 };
	struct config config = { 0 };
	int r;

	r = config_load(NULL, question->world->root, &config, &error);
	config_error_done(&error);
	if (r == -EINVAL || (r == 0 && config.n_pools > REPLY_POOLS_MAX)) {
		config_done(&config);
		return 1;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < config.n_pools; i++)
		memcpy(question->pools.items[i].owner, config.pools[i].owner,
		       sizeof(config.pools[i].owner));
	question->pools.n_items = config.n_pools;
	config_done(&config);
	return 0;
}

static int read_users(struct question *question)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	r = path_under(question->world->root, "/etc/passwd", &path);
	if (r == 0)
		r = accounts_read_users(path, &question->users);
	if (r < 0)
		return r;
	return question->users.problem ? ANSWER_E_REFUSED : 0;
}

int question_begin(struct question *question, const struct answer_world *world, const char *owner,
		   enum id_kind kind)
{
	int r;

	question->world = world;
	question->kind = kind;
	question->ask.socket = world->socket;
	question->ask.deadline = deadline_after(world->timeout);
	r = read_users(question);
	if (r != 0)
		return r;
	if (owner)
		question->owner = owner_find_name(&question->users.list, owner);
	if (owner && !question->owner.has_uid && !question->is_name)
		question->owner = owner_find(&question->users.list, owner);
	r = read_pool_owners(question);
	return r == 1 ? question_ask_pools(question) : r;
}

void question_done(struct question *question)
{
	accounts_done(&question->users);
}

bool question_owns(const struct question *question, const struct reply_pool *pool)
{
	struct owner owner = owner_find(&question->users.list, pool->owner);

	return owner_equal(&question->owner, &owner);
}

static bool owns_pool(const struct question *question, const struct owner *owner)
{
	for (size_t i = 0; i < question->pools.n_items; i++) {
		const struct reply_pool *pool = &question->pools.items[i];
		struct owner other = owner_find(&question->users.list, pool->owner);

		if (owner_equal(owner, &other))
			return true;
	}
	return false;
}

bool question_is_of_pool(const struct question *question)
{
	return owns_pool(question, &question->owner);
}

struct entry_owner question_in_files(const struct question *question)
{
	struct entry_owner entry = owner_in_files(&question->owner);

	if (entry.name) {
		struct owner number = owner_find(&question->users.list, entry.name);

		if (number.is_number && owns_pool(question, &number))
			entry.name = NULL;
	}
	return entry;
}

int question_ask_pools(struct question *question)
{
	int r;

	if (question->asked)
		return 0;
	r = ask_pools(&question->ask, &question->pools);
	if (r < 0)
		return r == -ENOMEM ? r : ANSWER_E_NO_DAEMON;
	question->asked = true;
	return 0;
}

static bool find_uid(const struct question *question, struct owner *owner)
{
	if (!owner->has_uid && owner->name && question->world->find_uid)
		owner->has_uid = question->world->find_uid(owner->name, &owner->uid) == 0;
	return owner->has_uid;
}

void question_find_uid(struct question *question)
{
	find_uid(question, &question->owner);
}

bool question_knows_account(struct question *question)
{
	return question->owner.name && find_uid(question, &question->owner);
}

/* UIDs are few: those who share an ID are a mistake, or aliases. */
static int append_uid(uint32_t **uids, size_t *n, uint32_t uid)
{
	uint32_t *grown;

	for (size_t i = 0; i < *n; i++)
		if ((*uids)[i] == uid)
			return 0;
	if (*n == QUESTION_OWNERS_MAX)
		return ANSWER_E_REFUSED;
	grown = reallocarray(*uids, *n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*uids = grown;
	grown[(*n)++] = uid;
	return 0;
}

/* Owners of pools have what the daemon says, and not what a line says. */
static int append_line_owner(struct question *question, const struct subid_entry *entry,
			     uint32_t **uids, size_t *n)
{
	char name[OWNER_NAME_MAX + 1];

	if (entry->owner_length > OWNER_NAME_MAX)
		return 0;
	memcpy(name, entry->owner, entry->owner_length);
	name[entry->owner_length] = '\0';
	question->owner = owner_find(&question->users.list, name);
	if (question_is_of_pool(question) || !find_uid(question, &question->owner))
		return 0;
	return append_uid(uids, n, question->owner.uid);
}

static int find_line_owners(struct question *question, const struct lines *lines, uint32_t id,
			    uint32_t **uids, size_t *n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < lines->list.n_entries; i++)
		if (lines_entry_has(&lines->list.entries[i], id))
			r = append_line_owner(question, &lines->list.entries[i], uids, n);
	question->owner = (struct owner){ 0 };
	return r;
}

int question_find_line_owners(struct question *question, uint32_t id, uint32_t **ret, size_t *ret_n)
{
	_cleanup_(lines_done) struct lines lines = { 0 };
	_cleanup_(freep) uint32_t *uids = NULL;
	size_t n = 0;
	int r;

	r = lines_read(question->world->root, question->kind, &lines);
	if (r < 0)
		return r == -ENOMEM ? r : ANSWER_E_REFUSED;
	r = find_line_owners(question, &lines, id, &uids, &n);
	if (r != 0)
		return r;
	*ret = take_ptr(uids);
	*ret_n = n;
	return 0;
}

int question_find_pool_owners(struct question *question, uint32_t id, uint32_t **ret, size_t *ret_n)
{
	_cleanup_(freep) uint32_t *uids = NULL;
	size_t n = 0;
	int r;

	r = question_ask_pools(question);
	for (size_t i = 0; r == 0 && i < question->pools.n_items; i++) {
		const struct reply_pool *pool = &question->pools.items[i];
		struct owner owner = owner_find(&question->users.list, pool->owner);

		if (pool->valid && id_range_contains(pool->range, id) && find_uid(question, &owner))
			r = append_uid(&uids, &n, owner.uid);
	}
	if (r != 0)
		return r;
	*ret = take_ptr(uids);
	*ret_n = n;
	return 0;
}
