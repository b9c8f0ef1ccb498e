/* SPDX-License-Identifier: MIT */
#include "hook-config.h"
#include "hook-json.h"
#include "hook-proc.h"
#include "hook-rootfs.h"
#include "hook-stages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The configuration that the container was made of; NULL if it is not there any more. */
static struct json_object *read_config(const struct hook_state *state)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	struct json_object *config = NULL;
	struct hook_failure ignored = {};

	if (!state->bundle || asprintf(&path, "%s/config.json", state->bundle) < 0)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || hook_json_read(fd, path, &config, &ignored) < 0)
		return NULL;
	return config;
}

static bool maps_touch(const struct json_object *mappings, struct id_range range)
{
	for (size_t i = 0; mappings && i < json_object_array_length(mappings); i++) {
		const struct json_object *one = json_object_array_get_idx(mappings, i);
		struct id_range host;

		if (hook_json_id(one, "hostID", &host.start) == 0 &&
		    hook_json_id(one, "size", &host.count) == 0 && id_range_valid(host) &&
		    id_range_overlaps(host, range))
			return true;
	}
	return false;
}

/*
 * Did the container live in the range, in a user namespace that was made for it? Otherwise it is
 * not for it to give the range back, whatever its annotations say.
 */
static bool had(const struct json_object *config, struct id_range range)
{
	const struct json_object *part = hook_json_member(config, "linux", json_type_object);

	return config_namespace(config, "user", NULL) == CONFIG_NAMESPACE_OWN &&
	       maps_touch(hook_json_member(part, "uidMappings", json_type_array), range);
}

static int release(struct hook *hook, const char *pod, const struct json_object *config)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	const struct subidd_allocation *own;
	int r = daemon_get(hook, pod, &result);

	if (r < 0 || !result)
		return r;
	own = result->allocation;
	if (own->state != SUBIDD_STATE_ACTIVE || own->origin == SUBIDD_ORIGIN_KUBELET ||
	    (config && !had(config, allocation_range(own))) ||
	    (own->pid > 0 && proc_lives_in(own->pid, allocation_range(own))))
		return 0;
	r = subidd_release(hook->client, pod, NULL);
	return r < 0 ? daemon_fail(hook, r, "cannot give back the range of the pod %s", pod) : 0;
}

static int give_back(struct hook *hook, const struct hook_state *state)
{
	_cleanup_(json_object_putp) struct json_object *config = NULL;
	struct hook_failure ignored = {};
	struct hook_subject subject;

	if (proc_is_contained() ||
	    subject_find(state->id, state->annotations, &subject, &ignored) < 0)
		return 0;
	config = read_config(state);
	if (config && config_namespace(config, "user", NULL) != CONFIG_NAMESPACE_OWN)
		return 0;
	return release(hook, subject.pod, config);
}

int stage_poststop(struct hook *hook)
{
	_cleanup_(hook_state_done) struct hook_state state = {};
	int r = hook_state_read(STDIN_FILENO, &state, &hook->failure), unmounted;

	if (r < 0)
		return r;
	unmounted = rootfs_unmount(hook->run_dir, state.id);
	r = give_back(hook, &state);
	if (unmounted < 0)
		r = hook_fail(&hook->failure, unmounted,
			      "cannot unmount the root filesystem of %s below %s: %s", state.id,
			      hook->run_dir, strerror(-unmounted));
	return r;
}
