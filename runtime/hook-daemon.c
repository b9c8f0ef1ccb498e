/* SPDX-License-Identifier: MIT */
#include "hook-daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHAT_MAX 256

/* What to do after an error of this side, for which there is no answer of the daemon. */
static const char *unreachable_hint(int r)
{
	switch (-r) {
	case EACCES:
		return "; only root can start such containers";
	case ETIMEDOUT:
	case ECONNRESET:
	case EPROTO:
		return "; see journalctl -u subidd";
	case ENOMEM:
	case EINVAL:
		return "";
	}
	return "; start it: systemctl start subidd.socket";
}

static const char *refusal_hint(int r)
{
	switch (-r) {
	case EUCLEAN:
		return "; see subidctl check";
	case EACCES:
		return "; only root can start such containers";
	case ENOSPC:
		return "; see subidctl status";
	case EIO:
		return "; see journalctl -u subidd";
	case EOPNOTSUPP:
		return "; subidd is older than this hook";
	case EEXIST:
		return "; release the pod first, or ask for the same size";
	}
	return "";
}

/* An older daemon does not know all parameters. */
static const char *parameter_hint(const struct hook *hook)
{
	const char *parameter = subidd_client_error_string(hook->client, "parameter");

	if (parameter && strcmp(parameter, "start") == 0)
		return "; is the range in part reserved, or subidd older than this hook?";
	if (parameter && strcmp(parameter, "pool") == 0)
		return "; there are several, so choose one with pool=NAME: see subidctl status";
	return "";
}

int daemon_fail(struct hook *hook, int r, const char *what, ...)
{
	const char *message = subidd_client_error_message(hook->client);
	bool is_answer = subidd_client_error_name(hook->client) != NULL;
	char text[WHAT_MAX];
	va_list arguments;

	va_start(arguments, what);
	(void)vsnprintf(text, sizeof(text), what, arguments);
	va_end(arguments);
	return hook_fail(&hook->failure, r, "%s: %s%s", text, message ? message : strerror(-r),
			 !is_answer	? unreachable_hint(r)
			 : r == -EINVAL ? parameter_hint(hook)
					: refusal_hint(r));
}

int daemon_get(struct hook *hook, const char *pod, struct subidd_result **ret)
{
	int r = subidd_get(hook->client, pod, ret);

	if (r == -ENOENT && subidd_client_error_name(hook->client)) {
		*ret = NULL;
		return 0;
	}
	return r < 0 ? daemon_fail(hook, r, "cannot ask subidd for the range of the pod %s", pod)
		     : 0;
}

int daemon_pools(struct hook *hook, struct subidd_status **ret_status, struct hook_pool **ret,
		 size_t *ret_n)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	_cleanup_(freep) struct hook_pool *pools = NULL;
	size_t n = 0;
	int r = subidd_get_status(hook->client, &status);

	if (r < 0)
		return daemon_fail(hook, r, "cannot ask subidd for its pools");
	pools = calloc(status->n_pools + 1, sizeof(*pools));
	if (!pools)
		return hook_fail(&hook->failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < status->n_pools; i++) {
		const struct subidd_pool *pool = status->pools[i];

		if (pool->valid && pool->unit > 0 && pool->count >= pool->unit)
			pools[n++] = (struct hook_pool){ pool->name,
							 { pool->start, pool->count },
							 pool->unit };
	}
	*ret_status = take_ptr(status);
	*ret = take_ptr(pools);
	*ret_n = n;
	return 0;
}

bool daemon_is_unsure(const struct hook *hook, int r)
{
	if (subidd_client_error_name(hook->client))
		return r == -EIO;
	return r == -ETIMEDOUT || r == -ECONNRESET || r == -EPROTO || r == -ENOMEM;
}

void daemon_undo(struct hook *hook, const char *pod)
{
	(void)subidd_release(hook->client, pod, NULL);
}
