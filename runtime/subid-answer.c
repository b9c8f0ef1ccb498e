/* SPDX-License-Identifier: MIT */
#include "subid-answer.h"

#include "subid-guard.h"
#include "subid-lines.h"
#include "subid-question.h"

#include "cleanup.h"
#include "transport.h"

#include <errno.h>

/* The ranges of an owner of pools; all of them must be valid. */
static int list_pools(struct question *question, struct id_range **ret, size_t *ret_n)
{
	_cleanup_(freep) struct id_range *ranges = NULL;
	size_t n = 0;
	int r;

	r = question_ask_pools(question);
	if (r != 0)
		return r;
	ranges = calloc(REPLY_POOLS_MAX, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < question->pools.n_items; i++) {
		const struct reply_pool *pool = &question->pools.items[i];

		if (!question_owns(question, pool))
			continue;
		if (!pool->valid)
			return ANSWER_E_REFUSED;
		ranges[n++] = pool->range;
	}
	if (n == 0)
		return ANSWER_E_REFUSED;
	*ret = take_ptr(ranges);
	*ret_n = n;
	return 0;
}

static int list_lines(struct question *question, struct id_range **ret, size_t *ret_n)
{
	_cleanup_(lines_done) struct lines lines = { 0 };
	struct entry_owner owner;
	int r;

	r = lines_read(question->world->root, question->kind, &lines);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return ANSWER_E_REFUSED;
	if (lines_have_numbers(&lines))
		question_find_uid(question);
	owner = question_in_files(question);
	r = lines_find(&lines, &owner, ret, ret_n);
	return r == -EBADMSG || r == -EFBIG ? ANSWER_E_REFUSED : r;
}

/* A pod's range comes before the files; where the daemon says nothing, they answer alone. */
static int list_pod_or_lines(struct question *question, const char *name, struct id_range **ret,
			     size_t *ret_n)
{
	_cleanup_(freep) struct id_range *ranges = NULL;
	struct id_range pod;
	size_t n = 0;
	int asked, r;

	asked = ask_pod(&question->ask, name, &pod);
	if (asked == -ENOMEM)
		return asked;
	if (asked == 1) {
		*ret = malloc(sizeof(pod));
		if (!*ret)
			return -ENOMEM;
		**ret = pod;
		*ret_n = 1;
		return 0;
	}
	r = list_lines(question, &ranges, &n);
	if (r != 0)
		return r;
	if (n == 0 && asked < 0)
		return ANSWER_E_NO_DAEMON;
	if (n == 0 && !question_knows_account(question))
		return ANSWER_E_UNKNOWN_OWNER;
	*ret = take_ptr(ranges);
	*ret_n = n;
	return 0;
}

int answer_list(const struct answer_world *world, const char *owner, enum id_kind kind,
		struct id_range **ret, size_t *ret_n)
{
	_cleanup_(question_done) struct question question = { 0 };
	int r;

	r = question_begin(&question, world, owner, kind);
	if (r != 0)
		return r;
	if (question_is_of_pool(&question))
		return list_pools(&question, ret, ret_n);
	return list_pod_or_lines(&question, owner, ret, ret_n);
}

/* For one who owns no pool the files come first: rootless users need no daemon. */
static int has_line_or_pod(struct question *question, const char *name, struct id_range wanted,
			   bool *ret)
{
	_cleanup_(freep) struct id_range *ranges = NULL;
	struct id_range pod;
	uint64_t began;
	size_t n = 0;
	bool has;
	int r;

	r = list_lines(question, &ranges, &n);
	if (r != 0)
		return r;
	if (lines_cover(ranges, n, wanted)) {
		*ret = true;
		return 0;
	}
	began = monotonic_now();
	r = ask_pod(&question->ask, name, &pod);
	if (r < 0)
		return r == -ENOMEM ? r : ANSWER_E_NO_DAEMON;
	has = r == 1 && id_range_within(wanted, pod);
	if (has && question->world->guard)
		r = question->world->guard(began + GUARD_USEC);
	if (r < 0)
		return r;
	*ret = has;
	return 0;
}

static int has_pool(struct question *question, struct id_range wanted, bool *ret)
{
	_cleanup_(freep) struct id_range *ranges = NULL;
	size_t n;
	int r;

	r = list_pools(question, &ranges, &n);
	if (r == 0)
		*ret = lines_cover(ranges, n, wanted);
	return r;
}

int answer_has_range(const struct answer_world *world, const char *owner, uint64_t start,
		     uint64_t count, enum id_kind kind, bool *ret)
{
	_cleanup_(question_done) struct question question = { .is_name = true };
	struct id_range wanted = { (uint32_t)start, (uint32_t)count };
	int r;

	if (start > UINT32_MAX || count > UINT32_MAX || !id_range_valid(wanted)) {
		*ret = false;
		return 0;
	}
	r = question_begin(&question, world, owner, kind);
	if (r != 0)
		return r;
	if (question_is_of_pool(&question))
		return has_pool(&question, wanted, ret);
	return has_line_or_pod(&question, owner, wanted, ret);
}

int answer_find_owners(const struct answer_world *world, uint64_t id, enum id_kind kind,
		       uint32_t **ret, size_t *ret_n)
{
	_cleanup_(question_done) struct question question = { 0 };
	_cleanup_(freep) uint32_t *uids = NULL;
	size_t n = 0;
	int r;

	if (id < UINT32_MAX) {
		r = question_begin(&question, world, NULL, kind);
		if (r == 0)
			r = question_find_line_owners(&question, (uint32_t)id, &uids, &n);
		if (r == 0 && n == 0)
			r = question_find_pool_owners(&question, (uint32_t)id, &uids, &n);
		if (r != 0)
			return r;
	}
	*ret = take_ptr(uids);
	*ret_n = n;
	return 0;
}
