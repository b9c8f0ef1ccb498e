/* SPDX-License-Identifier: MIT */
#include "hook-mappings.h"

#include "cleanup.h"

#include <errno.h>
#include <inttypes.h>

/* An ID of the container that is not in the range. */
struct pin {
	uint32_t container, host;
};

static int compare(const void *left, const void *right)
{
	const struct pin *a = left, *b = right;

	return (a->container > b->container) - (a->container < b->container);
}

static void add(struct subidd_mapping *mappings, size_t *n, uint32_t container, uint32_t host,
		uint32_t size)
{
	if (size > 0)
		mappings[(*n)++] = (struct subidd_mapping){ container, host, size };
}

/* PINS are in order and differ. */
static size_t lay_out(uint32_t start, uint32_t size, const struct pin *pins, size_t n_pins,
		      struct subidd_mapping *ret)
{
	uint32_t next = 0;
	size_t n = 0;

	for (size_t i = 0; i < n_pins; i++) {
		if (pins[i].container < size) {
			add(ret, &n, next, start + next, pins[i].container - next);
			next = pins[i].container + 1;
		} else if (next < size) {
			add(ret, &n, next, start + next, size - next);
			next = size;
		}
		add(ret, &n, pins[i].container, pins[i].host, 1);
	}
	add(ret, &n, next, start + next, size - next);
	return n;
}

/* Puts the pins in order, the same one once. Returns how many there are. */
static size_t sort(struct pin *pins, size_t n)
{
	size_t n_kept = 0;

	qsort(pins, n, sizeof(*pins), compare);
	for (size_t i = 0; i < n; i++)
		if (n_kept == 0 || pins[i].container != pins[n_kept - 1].container)
			pins[n_kept++] = pins[i];
	return n_kept;
}

static int check_pins(const char *kind, const struct pin *pins, size_t n,
		      struct hook_failure *failure)
{
	for (size_t i = 0; i < n; i++) {
		if (pins[i].host == 0)
			return hook_fail(
				failure, -EINVAL,
				"keep-id and map-to-root are not for root: the %s 0 of the "
				"host would be in the container; start it with --user",
				kind);
		if (pins[i].host == UINT32_MAX || pins[i].container == UINT32_MAX)
			return hook_fail(failure, -EINVAL, "%u is no %s", UINT32_MAX, kind);
	}
	return 0;
}

static int make(const char *kind, const struct hook_mode *mode, uint32_t start, struct pin *pins,
		size_t n_pins, struct subidd_mapping *ret, size_t *ret_n,
		struct hook_failure *failure)
{
	int r;

	for (size_t i = 0; i < n_pins && mode->map_to_root; i++)
		pins[i].container = 0;
	r = check_pins(kind, pins, n_pins, failure);
	if (r < 0)
		return r;
	*ret_n = lay_out(start, mode->size, pins, sort(pins, n_pins), ret);
	return 0;
}

bool mappings_find(const struct subidd_mapping *mappings, size_t n, uint32_t id, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (id >= mappings[i].container_id &&
		    id - mappings[i].container_id < mappings[i].size) {
			*ret = mappings[i].host_id + (id - mappings[i].container_id);
			return true;
		}
	return false;
}

static int check_id(const char *kind, const struct subidd_mapping *mappings, size_t n, uint32_t id,
		    uint32_t size, struct hook_failure *failure)
{
	uint32_t host;

	if (mappings_find(mappings, n, id, &host))
		return 0;
	return hook_fail(failure, -EINVAL,
			 "the process has the %s %" PRIu32 ", which a container of %" PRIu32
			 " IDs does not have; ask for more with size=",
			 kind, id, size);
}

/* The process must have IDs that are mapped; with map-to-root it has those of root. */
static int check_user(const struct hook_mode *mode, const struct hook_user *user,
		      const struct hook_mappings *mappings, struct hook_failure *failure)
{
	int r = 0;

	if (!mode->map_to_root) {
		r = check_id("UID", mappings->uids, mappings->n_uids, user->uid, mode->size,
			     failure);
		if (r == 0)
			r = check_id("GID", mappings->gids, mappings->n_gids, user->gid, mode->size,
				     failure);
	}
	for (size_t i = 0; i < user->n_groups && r == 0; i++)
		r = check_id("GID", mappings->gids, mappings->n_gids, user->groups[i], mode->size,
			     failure);
	return r;
}

int mappings_make(const struct hook_mode *mode, uint32_t start, const struct hook_user *user,
		  struct hook_mappings *ret, struct hook_failure *failure)
{
	struct pin uids[] = { { user->uid, user->uid } };
	struct pin gids[HOOK_GROUPS_MAX + 1] = { { user->gid, user->gid } };
	size_t n_uids = mode->keep_id || mode->map_to_root ? 1 : 0, n_gids = n_uids;
	struct hook_mappings mappings = {};
	int r;

	if (mode->keep_id && user->n_groups > HOOK_GROUPS_MAX)
		return hook_fail(failure, -EINVAL,
				 "keep-id keeps %d additional groups, and the process has %zu",
				 HOOK_GROUPS_MAX, user->n_groups);
	for (size_t i = 0; i < user->n_groups && mode->keep_id; i++)
		gids[n_gids++] = (struct pin){ user->groups[i], user->groups[i] };
	r = make("UID", mode, start, uids, n_uids, mappings.uids, &mappings.n_uids, failure);
	if (r == 0)
		r = make("GID", mode, start, gids, n_gids, mappings.gids, &mappings.n_gids,
			 failure);
	if (r == 0)
		r = check_user(mode, user, &mappings, failure);
	if (r == 0)
		*ret = mappings;
	return r;
}
