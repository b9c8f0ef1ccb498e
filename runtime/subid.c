/* SPDX-License-Identifier: MIT */

/*
 * libsubid_subidd.so, the module that libsubid loads where nsswitch.conf(5) says `subid: subidd`.
 *
 * shadow looks the functions up by name and hands over neither a FILE nor a context: what went
 * wrong is a status alone, and `subidctl status` says why. Results are freed by free(3) in older
 * versions (4.13) and by shadow_subid_free() in newer ones (4.20). It runs in set-user-ID programs,
 * so it asks nothing of the caller but the parameters: paths are fixed, no environment, no signal,
 * no output, no descriptor that stays, no state.
 */

#include "subid-account.h"
#include "subid-answer.h"
#include "subid-guard.h"

#include "cleanup.h"

#include <errno.h>
#include <limits.h>
#include <shadow/subid.h>

#define SOCKET_PATH "/run/subidd/io.subidd.Allocator"
#define TIMEOUT_USEC UINT64_C(1000000) /* for all that one call asks the daemon for */

static const struct answer_world world = {
	.root = "",
	.socket = SOCKET_PATH,
	.timeout = TIMEOUT_USEC,
	.find_uid = account_find_uid,
	.guard = guard_until,
};

/* The interface, which no header of shadow declares (lib/prototypes.h there). */
enum subid_status shadow_subid_has_range(const char *owner, unsigned long start,
					 unsigned long count, enum subid_type type, bool *result);
enum subid_status shadow_subid_list_owner_ranges(const char *owner, enum subid_type type,
						 struct subid_range **ranges, int *count);
enum subid_status shadow_subid_find_subid_owners(unsigned long id, enum subid_type type,
						 uid_t **uids, int *count);
void shadow_subid_free(void *pointer);

static enum subid_status status_of(int r)
{
	switch (r) {
	case 0:
		return SUBID_STATUS_SUCCESS;
	case ANSWER_E_UNKNOWN_OWNER:
		return SUBID_STATUS_UNKNOWN_USER;
	case ANSWER_E_NO_DAEMON:
		return SUBID_STATUS_ERROR_CONN;
	}
	return SUBID_STATUS_ERROR;
}

static int kind_of(enum subid_type type, enum id_kind *ret)
{
	if (type != ID_TYPE_UID && type != ID_TYPE_GID)
		return -EINVAL;
	*ret = type == ID_TYPE_UID ? ID_UID : ID_GID;
	return 0;
}

enum subid_status shadow_subid_has_range(const char *owner, unsigned long start,
					 unsigned long count, enum subid_type type, bool *result)
{
	bool has = false;
	enum id_kind kind;
	int r;

	*result = false;
	r = kind_of(type, &kind);
	if (r == 0)
		r = answer_has_range(&world, owner, start, count, kind, &has);
	*result = r == 0 && has;
	return status_of(r);
}

enum subid_status shadow_subid_list_owner_ranges(const char *owner, enum subid_type type,
						 struct subid_range **ranges, int *count)
{
	_cleanup_(freep) struct id_range *found = NULL;
	struct subid_range *list = NULL;
	enum id_kind kind;
	size_t n = 0;
	int r;

	*ranges = NULL;
	*count = 0;
	r = kind_of(type, &kind);
	if (r == 0)
		r = answer_list(&world, owner, kind, &found, &n);
	if (r == 0 && n > 0 && !(list = calloc(n, sizeof(*list))))
		r = -ENOMEM;
	if (r != 0)
		return status_of(r);
	for (size_t i = 0; i < n; i++)
		list[i] = (struct subid_range){ found[i].start, found[i].count };
	*ranges = list;
	*count = (int)n;
	return SUBID_STATUS_SUCCESS;
}

enum subid_status shadow_subid_find_subid_owners(unsigned long id, enum subid_type type,
						 uid_t **uids, int *count)
{
	uint32_t *found = NULL;
	enum id_kind kind;
	size_t n = 0;
	int r;

	*uids = NULL;
	*count = 0;
	r = kind_of(type, &kind);
	if (r == 0)
		r = answer_find_owners(&world, id, kind, &found, &n);
	if (r != 0)
		return status_of(r);
	*uids = found;
	*count = (int)n;
	return SUBID_STATUS_SUCCESS;
}

void shadow_subid_free(void *pointer)
{
	free(pointer);
}
