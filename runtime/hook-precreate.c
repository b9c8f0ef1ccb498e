/* SPDX-License-Identifier: MIT */
#include "hook-config.h"
#include "hook-json.h"
#include "hook-proc.h"
#include "hook-stages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* A configuration that is being given a range. */
struct grant {
	struct hook *hook;
	struct json_object *config;
	struct hook_mode mode;
	struct hook_subject subject;
	struct hook_user user;
	uint32_t *groups;
	char *id;
	char *mounted; /* root filesystem */
	struct subidd_result *result;
};

static void grant_done(struct grant *grant)
{
	json_object_put(grant->config);
	free(grant->groups);
	free(grant->id);
	free(grant->mounted);
	subidd_result_free(grant->result);
}

/* Whoever calls this by hand may tell the ID. */
static int find_id(struct grant *grant)
{
	struct hook *hook = grant->hook;

	if (!hook->id)
		return config_id(grant->config, &grant->id, &hook->failure);
	grant->id = strdup(hook->id);
	return grant->id ? 0 : hook_fail(&hook->failure, -ENOMEM, "out of memory");
}

/* All that can be refused by the configuration alone. Returns 1; 0 if it asks for nothing. */
static int read_config(struct grant *grant)
{
	struct hook_failure *failure = &grant->hook->failure;
	const struct json_object *annotations;
	const char *root;
	int r = hook_json_read(STDIN_FILENO, "the configuration on standard input", &grant->config,
			       failure);

	if (r < 0)
		return r;
	annotations = config_annotations(grant->config);
	if ((r = mode_find(annotations, &grant->mode, failure)) <= 0)
		return r;
	if (proc_is_contained())
		return hook_fail(failure, -EPERM,
				 "only root can start containers with this annotation");
	if ((r = config_check_user_namespace(grant->config, failure)) < 0 ||
	    (r = find_id(grant)) < 0 ||
	    (r = subject_find_podman(grant->id, annotations, &grant->subject, failure)) < 0 ||
	    (r = config_user(grant->config, &grant->user, &grant->groups, failure)) < 0 ||
	    (r = config_root(grant->config, &root, failure)) < 0 ||
	    (r = config_mounts(grant->config, failure)) < 0)
		return r;
	return 1;
}

/* If that cannot be told, it is. What was released is not, unless something may live there. */
static bool is_alive(const char *pod, void *userdata)
{
	struct hook *hook = userdata;
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	int r = subidd_get(hook->client, pod, &result);

	if (r < 0)
		return !(r == -ENOENT && subidd_client_error_name(hook->client));
	return result->allocation->state != SUBIDD_STATE_RELEASED;
}

/* An ID that is to stay the same on the host must not be in a range that subidd gives out. */
static int check_kept_id(struct grant *grant, const char *kind, uint32_t id,
			 const struct hook_pool *pools, size_t n_pools)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	struct hook *hook = grant->hook;
	int r;

	for (size_t i = 0; i < n_pools; i++)
		if (id_range_contains(pools[i].range, id))
			return hook_fail(
				&hook->failure, -EINVAL,
				"the %s %" PRIu32 " of the host would be in the container, and "
				"lies in the pool %s, whose IDs are for pods; start it with "
				"another user",
				kind, id, pools[i].name);
	r = subidd_lookup(hook->client, id, &result);
	if (r == -ENOENT && subidd_client_error_name(hook->client))
		return 0;
	if (r < 0)
		return daemon_fail(hook, r, "cannot ask subidd whose the %s %" PRIu32 " is", kind,
				   id);
	if (result->allocation->state == SUBIDD_STATE_RELEASED)
		return 0;
	return hook_fail(&hook->failure, -EINVAL,
			 "the %s %" PRIu32 " of the host would be in the container, and is the pod "
			 "%s's; start it with another user",
			 kind, id, result->allocation->pod);
}

static int check_kept_ids(struct grant *grant, const struct hook_pool *pools, size_t n_pools)
{
	const struct hook_user *user = &grant->user;
	int r;

	if (!grant->mode.keep_id && !grant->mode.map_to_root)
		return 0;
	r = check_kept_id(grant, "UID", user->uid, pools, n_pools);
	if (r == 0)
		r = check_kept_id(grant, "GID", user->gid, pools, n_pools);
	for (size_t i = 0; i < user->n_groups && r == 0 && grant->mode.keep_id; i++)
		r = check_kept_id(grant, "GID", user->groups[i], pools, n_pools);
	return r;
}

/* The number of IDs to ask for: whole units. 0 if the daemon is to say what is wrong. */
static uint64_t whole_units(const struct grant *grant, const struct hook_pool *pools,
			    size_t n_pools)
{
	const struct hook_pool *pool = n_pools == 1 ? pools : NULL;
	uint64_t unit;

	for (size_t i = 0; i < n_pools && *grant->mode.pool; i++)
		if (strcmp(pools[i].name, grant->mode.pool) == 0)
			pool = &pools[i];
	if (!pool)
		return 0;
	unit = pool->unit;
	return (grant->mode.size + unit - 1) / unit * unit;
}

/*
 * Until the container has a process, the allocation is bound to the runtime's, so that it is freed
 * if the creation fails. One that the pod had before is left as it is.
 */
static int allocate(struct grant *grant, uint64_t count)
{
	struct hook *hook = grant->hook;
	const struct hook_subject *subject = &grant->subject;
	_cleanup_(subidd_result_freep) struct subidd_result *before = NULL;
	pid_t runtime = getppid();
	struct subidd_request request = {
		.pod = subject->pod,
		.pool = *grant->mode.pool ? grant->mode.pool : NULL,
		.pod_namespace = *subject->namespace ? subject->namespace : NULL,
		.pod_name = *subject->name ? subject->name : NULL,
	};
	int r = daemon_get(hook, subject->pod, &before);
	bool is_active = r == 0 && before && before->allocation->state == SUBIDD_STATE_ACTIVE;

	if (r < 0)
		return r;
	request.count = is_active ? 0 : count;
	request.pid = is_active || runtime <= 1 ? 0 : (uint64_t)runtime;
	r = subidd_allocate(hook->client, &request, sizeof(request), &grant->result);
	if (r == 0)
		return 0;
	daemon_fail(hook, r, "cannot get a range for the pod %s", subject->pod);
	if (daemon_is_unsure(hook, r) && !is_active)
		daemon_undo(hook, subject->pod);
	return r;
}

static int check_size(const struct grant *grant)
{
	const struct subidd_allocation *allocation = grant->result->allocation;

	if (grant->mode.size <= allocation->count)
		return 0;
	return hook_fail(&grant->hook->failure, -EEXIST,
			 "the pod %s has %" PRIu32 " IDs and the container asks for %" PRIu32
			 "; ask for fewer with size=",
			 allocation->pod, allocation->count, grant->mode.size);
}

/* Lets the container's root write to a small file of podman's, as podman does itself. */
static int give_file(struct hook *hook, const char *path, uid_t uid, gid_t gid)
{
	_cleanup_(closep) int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &status) < 0 ||
	    (S_ISREG(status.st_mode) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0))
		return hook_fail(&hook->failure, -errno, "cannot give %s to the UID %u: %m", path,
				 uid);
	return 0;
}

static int give_files(struct grant *grant, const struct hook_mappings *mappings)
{
	const char *path = NULL;
	uint32_t uid = 0, gid = 0;
	size_t index = 0;
	int r = 0;

	(void)mappings_find(mappings->uids, mappings->n_uids, 0, &uid);
	(void)mappings_find(mappings->gids, mappings->n_gids, 0, &gid);
	while (r == 0 && (path = config_next_file(grant->config, grant->id, &index)))
		r = give_file(grant->hook, path, uid, gid);
	return r;
}

static int apply(struct grant *grant, const struct hook_mappings *mappings)
{
	int r = config_apply(grant->config, &grant->mode, mappings, grant->subject.pod,
			     grant->mounted);

	if (r == 0)
		r = config_devpts(grant->config, mappings);
	return r < 0 ? hook_fail(&grant->hook->failure, r, "out of memory") : 0;
}

/* Makes the container live in the range that there is now, and prints it. */
static int use_range(struct grant *grant)
{
	struct hook *hook = grant->hook;
	struct hook_mappings mappings = {};
	const char *root;
	int r = check_size(grant);

	if (r == 0)
		r = mappings_make(&grant->mode, grant->result->allocation->start, &grant->user,
				  &mappings, &hook->failure);
	if (r == 0)
		r = config_root(grant->config, &root, &hook->failure);
	if (r == 0)
		r = rootfs_mount(hook->run_dir, grant->id, grant->subject.pod, root, &mappings,
				 &grant->mounted, &hook->failure);
	if (r < 0)
		return r;
	if ((r = apply(grant, &mappings)) < 0 || (r = give_files(grant, &mappings)) < 0 ||
	    (r = hook_json_write(STDOUT_FILENO, grant->config, &hook->failure)) < 0)
		(void)rootfs_unmount(hook->run_dir, grant->id);
	return r;
}

static int make(struct grant *grant)
{
	struct hook *hook = grant->hook;
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	_cleanup_(freep) struct hook_pool *pools = NULL;
	size_t n_pools = 0;
	int r = daemon_pools(hook, &status, &pools, &n_pools);

	if (r < 0)
		return r;
	rootfs_sweep(hook->run_dir, is_alive, hook);
	if ((r = check_kept_ids(grant, pools, n_pools)) < 0 ||
	    (r = allocate(grant, whole_units(grant, pools, n_pools))) < 0)
		return r;
	r = use_range(grant);
	if (r < 0 && grant->result->outcome != SUBIDD_OUTCOME_EXISTING)
		daemon_undo(hook, grant->subject.pod);
	return r;
}

int stage_precreate(struct hook *hook)
{
	_cleanup_(grant_done) struct grant grant = { .hook = hook };
	int r = read_config(&grant);

	if (r < 0)
		return r;
	return r > 0 ? make(&grant) : hook_json_write(STDOUT_FILENO, grant.config, &hook->failure);
}
