/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The configuration of a container (OCI runtime specification, config.json): what the stage
 * precreate reads of it and puts into it. All else stays as it is. No I/O.
 */

#include "hook-mappings.h"
#include "hook-state.h"

#include <stddef.h>

struct json_object;

enum config_namespace {
	CONFIG_NAMESPACE_NONE, /* that of the host */
	CONFIG_NAMESPACE_OWN,
	CONFIG_NAMESPACE_JOINED, /* another one's, by its path */
};

/* How the container has the namespaces of TYPE, "user" for example. RET_PATH may be NULL. */
enum config_namespace config_namespace(const struct json_object *config, const char *type,
				       const char **ret_path);

/* Refuses one that has a user namespace already. Returns 0; -EINVAL with its reason. */
int config_check_user_namespace(const struct json_object *config, struct hook_failure *failure);

/* The annotations, the configuration's own; NULL if there are none. */
const struct json_object *config_annotations(const struct json_object *config);

/* The path of the root filesystem, the configuration's own. Returns 0; -EINVAL with its reason. */
int config_root(const struct json_object *config, const char **ret, struct hook_failure *failure);

/*
 * The container's ID, which is no member: podman's cgroup path ends in it, and so does the folder
 * of the files that it mounts. Hands it over; returns -EINVAL with its reason.
 */
int config_id(const struct json_object *config, char **ret, struct hook_failure *failure);

/* The user of the first process. Its groups are to be freed. */
int config_user(const struct json_object *config, struct hook_user *ret, uint32_t **ret_groups,
		struct hook_failure *failure);

/*
 * Makes the container live in these mappings, as POD, on the root filesystem ROOT. Returns 0,
 * -ENOMEM.
 */
int config_apply(struct json_object *config, const struct hook_mode *mode,
		 const struct hook_mappings *mappings, const char *pod, const char *root);

/*
 * Changes the mounts that a user namespace of its own cannot make, because another namespace that
 * they show is not its own: the host's /sys, /proc and /dev/mqueue are shown as they are. Returns
 * 0; -EINVAL with its reason where that would show something else; -ENOMEM.
 */
int config_mounts(struct json_object *config, struct hook_failure *failure);

/* Leaves a gid= of devpts out that is not mapped. */
int config_devpts(struct json_object *config, const struct hook_mappings *mappings);

/*
 * The next of podman's own small files for the container ID that are mounted into it, from *INDEX
 * on, the configuration's own; NULL if there are no more.
 */
const char *config_next_file(const struct json_object *config, const char *id, size_t *index);
