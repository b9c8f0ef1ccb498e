/* SPDX-License-Identifier: MIT */
#include "hook-json.h"
#include "hook-mode.h"
#include "hook-proc.h"
#include "hook-record.h"
#include "hook-rootfs.h"
#include "hook-stages.h"

#include <errno.h>
#include <string.h>

#define FIRST_POOL_ID 65536 /* no pool has a lower one (DESIGN, start-too-low) */

static void creation_done(struct creation *creation)
{
	subidd_result_free(creation->own);
}

/* Could anything of that be a pool's? */
static bool is_above(const struct hook_maps *maps)
{
	struct id_range pools = { FIRST_POOL_ID, UINT32_MAX - FIRST_POOL_ID };

	return run_overlaps(&maps->uids, pools) || run_overlaps(&maps->gids, pools);
}

static int record(struct creation *creation)
{
	struct hook *hook = creation->hook;
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	_cleanup_(freep) struct hook_pool *pools = NULL;
	struct hook_run run = {};
	size_t n_pools = 0;
	int r;

	if ((r = daemon_pools(hook, &status, &pools, &n_pools)) < 0 ||
	    (r = record_check_others(creation)) != 0)
		return r < 0 ? r : 0;
	if ((r = run_find(&creation->maps, pools, n_pools, &run, &hook->failure)) < 0 ||
	    (r = daemon_get(hook, creation->subject.pod, &creation->own)) < 0)
		return r;
	return run.pool ? record_run(creation, &run) : record_outside(creation);
}

/* With precreate's hook file missing the annotation would do nothing, and nobody would know. */
static int check_unasked(struct hook *hook, const struct hook_state *state)
{
	if (!hook_json_member(state->annotations, MODE_ANNOTATION, json_type_string))
		return 0;
	return hook_fail(
		&hook->failure, -ENOEXEC,
		"the annotation " MODE_ANNOTATION
		" asks for a range, and the container has no user namespace; the hook of "
		"the stage precreate was not called: see subidd-oci-hook(8), INSTALLATION");
}

/* Returns 1; 0 if the container has no user namespace that could hold a range. */
static int read_maps(struct hook *hook, const struct hook_state *state, struct hook_maps *ret)
{
	int r;

	if (proc_is_contained())
		return 0;
	if (state->pid == 0)
		return hook_fail(&hook->failure, -ESRCH, "the container has no process");
	r = proc_read_maps(state->pid, ret);
	if (r < 0)
		return hook_fail(&hook->failure, r,
				 "cannot read the user namespace of the process %u: %s", state->pid,
				 strerror(-r));
	if (r == 0)
		return check_unasked(hook, state);
	if (ret->uids.is_empty || ret->gids.is_empty)
		return hook_fail(&hook->failure, -ENODATA,
				 "the user namespace of the process %u has no mappings yet",
				 state->pid);
	return is_above(ret);
}

static int check(struct hook *hook, const struct hook_state *state)
{
	_cleanup_(creation_done) struct creation creation = { .hook = hook, .pid = state->pid };
	int r = read_maps(hook, state, &creation.maps);

	if (r <= 0)
		return r;
	r = subject_find(state->id, state->annotations, &creation.subject, &hook->failure);
	return r < 0 ? r : record(&creation);
}

int stage_create_runtime(struct hook *hook)
{
	_cleanup_(hook_state_done) struct hook_state state = {};
	int r = hook_state_read(STDIN_FILENO, &state, &hook->failure);

	if (r < 0)
		return r;
	r = check(hook, &state);
	if (r < 0)
		(void)rootfs_unmount(hook->run_dir, state.id);
	return r;
}
