/* SPDX-License-Identifier: MIT */
#pragma once

/* What the hook asks subidd. All functions return 0 or a negative errno with its reason. */

#include "hook-failure.h"
#include "hook-run.h"
#include "hook-state.h"
#include "hook-subject.h"
#include "subidd.h"

#include "cleanup.h"

DEFINE_CLEANUP(struct subidd_result *, subidd_result_free)
DEFINE_CLEANUP(struct subidd_status *, subidd_status_free)
DEFINE_CLEANUP(struct subidd_client *, subidd_client_free)

/* One run of the program. */
struct hook {
	const char *stage;
	const char *run_dir; /* of the root filesystems */
	const char *id;	     /* of the container, for precreate; NULL: the configuration tells it */
	struct subidd_client *client;
	struct hook_failure failure;
};

/*
 * Records why a call failed that was to do WHAT ("cannot look up the pod web"), and what to do.
 * Returns R.
 */
int daemon_fail(struct hook *hook, int r, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

/* The allocation of a pod; sets *ret to NULL if it has none. */
int daemon_get(struct hook *hook, const char *pod, struct subidd_result **ret);

/* The valid pools, in an array to be freed, whose texts are the status's. */
int daemon_pools(struct hook *hook, struct subidd_status **ret_status, struct hook_pool **ret,
		 size_t *ret_n);

/* May the call have been carried out, though it failed? */
bool daemon_is_unsure(const struct hook *hook, int r);

/* Gives back what this run allocated; what fails is forgotten: a first reason is there already. */
void daemon_undo(struct hook *hook, const char *pod);

static inline struct id_range allocation_range(const struct subidd_allocation *allocation)
{
	return (struct id_range){ allocation->start, allocation->count };
}
