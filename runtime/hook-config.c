/* SPDX-License-Identifier: MIT */
#include "hook-config.h"

#include "hook-json.h"
#include "hook-subject.h"

#include <errno.h>
#include <string.h>

#define ID_LENGTH 64		      /* of podman's IDs, in hexadecimal digits */
#define CONTAINERS "-containers/"     /* behind the storage driver's name; before the ID */
#define USERDATA "/userdata/"	      /* behind it */
#define OWN_FILE "/run/.containerenv" /* never that of a container whose network is joined */

/* Before the ID in the path of a cgroup. */
static const char *const cgroup_prefixes[] = { "libpod-", "libpod:", "libpod-payload-" };

static struct json_object *config_linux(const struct json_object *config)
{
	return hook_json_member(config, "linux", json_type_object);
}

static struct json_object *find_namespace(const struct json_object *config, const char *type)
{
	struct json_object *all = hook_json_member(config_linux(config), "namespaces",
						   json_type_array);

	for (size_t i = 0; all && i < json_object_array_length(all); i++) {
		struct json_object *one = json_object_array_get_idx(all, i);
		const char *found = hook_json_text(one, "type");

		if (found && strcmp(found, type) == 0)
			return one;
	}
	return NULL;
}

enum config_namespace config_namespace(const struct json_object *config, const char *type,
				       const char **ret_path)
{
	const struct json_object *found = find_namespace(config, type);
	const char *path = hook_json_text(found, "path");

	if (!found)
		return CONFIG_NAMESPACE_NONE;
	if (ret_path)
		*ret_path = path;
	return path ? CONFIG_NAMESPACE_JOINED : CONFIG_NAMESPACE_OWN;
}

static bool has_mappings(const struct json_object *config, const char *name)
{
	const struct json_object *mappings = hook_json_member(config_linux(config), name,
							      json_type_array);

	return mappings && json_object_array_length(mappings) > 0;
}

int config_check_user_namespace(const struct json_object *config, struct hook_failure *failure)
{
	if (config_namespace(config, "user", NULL) != CONFIG_NAMESPACE_JOINED &&
	    !has_mappings(config, "uidMappings") && !has_mappings(config, "gidMappings"))
		return 0;
	return hook_fail(
		failure, -EINVAL,
		"the container already has a user namespace; leave either the flags or the "
		"annotation out");
}

const struct json_object *config_annotations(const struct json_object *config)
{
	return hook_json_member(config, "annotations", json_type_object);
}

int config_root(const struct json_object *config, const char **ret, struct hook_failure *failure)
{
	const char *path = hook_json_text(hook_json_member(config, "root", json_type_object),
					  "path");

	if (!path || path[0] != '/')
		return hook_fail(failure, -EINVAL,
				 "the configuration names no root filesystem by an absolute path");
	*ret = path;
	return 0;
}

/* Is there an ID, and nothing of one behind it? */
static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == ID_LENGTH;
}

static bool ends_with(const char *text, size_t size, const char *end)
{
	size_t length = strlen(end);

	return size >= length && strncmp(text + size - length, end, length) == 0;
}

static const char *find_id_in_cgroup(const struct json_object *config)
{
	const char *path = hook_json_text(config_linux(config), "cgroupsPath");
	size_t size = path ? strlen(path) : 0;

	if (size < ID_LENGTH || !is_id(path + size - ID_LENGTH))
		return NULL;
	size -= ID_LENGTH;
	for (size_t i = 0; i < ELEMENTS_OF(cgroup_prefixes); i++)
		if (ends_with(path, size, cgroup_prefixes[i]))
			return path + size;
	return NULL;
}

static struct json_object *mount_at(const struct json_object *config, size_t index)
{
	struct json_object *mounts = hook_json_member(config, "mounts", json_type_array);

	return mounts && index < json_object_array_length(mounts)
		       ? json_object_array_get_idx(mounts, index)
		       : NULL;
}

/* The ID in .../DRIVER-containers/ID/userdata/FILE. */
static const char *find_id_in_source(const struct json_object *mount)
{
	const char *found = hook_json_text(mount, "source");

	while (found && (found = strstr(found, CONTAINERS)) != NULL) {
		found += strlen(CONTAINERS);
		if (is_id(found) && strncmp(found + ID_LENGTH, USERDATA, strlen(USERDATA)) == 0)
			return found;
	}
	return NULL;
}

/* Where a network is joined, some of podman's files are those of the other container. */
static int find_id_in_mounts(const struct json_object *config, const char **ret,
			     struct hook_failure *failure)
{
	const struct json_object *mount;
	const char *first = NULL, *other = NULL;

	for (size_t i = 0; (mount = mount_at(config, i)) != NULL; i++) {
		const char *found = find_id_in_source(mount);
		const char *destination = hook_json_text(mount, "destination");

		if (found && destination && strcmp(destination, OWN_FILE) == 0) {
			*ret = found;
			return 0;
		}
		if (found && first && strncmp(found, first, ID_LENGTH) != 0)
			other = found;
		else if (found)
			first = found;
	}
	*ret = first;
	return !other ? 0
		      : hook_fail(
				failure, -EINVAL,
				"files of two containers are mounted, %.*s and %.*s; tell which it "
				"is with --id",
				ID_LENGTH, first, ID_LENGTH, other);
}

int config_id(const struct json_object *config, char **ret, struct hook_failure *failure)
{
	const char *found = find_id_in_cgroup(config);
	char *id;
	int r = found ? 0 : find_id_in_mounts(config, &found, failure);

	if (r < 0)
		return r;
	if (!found)
		return hook_fail(failure, -EINVAL,
				 "the configuration does not tell the container's ID: neither "
				 "linux.cgroupsPath ends in libpod-ID nor is a file of "
				 "..." CONTAINERS "ID" USERDATA
				 " mounted; if it is not podman that asks, tell it with --id");
	id = strndup(found, ID_LENGTH);
	if (!id)
		return hook_fail(failure, -ENOMEM, "out of memory");
	*ret = id;
	return 0;
}

static int read_groups(const struct json_object *user, struct hook_user *ret, uint32_t **ret_groups,
		       struct hook_failure *failure)
{
	struct json_object *all = hook_json_member(user, "additionalGids", json_type_array);
	size_t n = all ? json_object_array_length(all) : 0;
	_cleanup_(freep) uint32_t *groups = calloc(n + 1, sizeof(*groups));

	if (!groups)
		return hook_fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(all, i);
		int64_t number = json_object_get_int64(one);

		if (!json_object_is_type(one, json_type_int) || number < 0 || number >= UINT32_MAX)
			return hook_fail(failure, -EINVAL,
					 "process.user.additionalGids has what is no GID");
		groups[i] = (uint32_t)number;
	}
	ret->groups = *ret_groups = take_ptr(groups);
	ret->n_groups = n;
	return 0;
}

int config_user(const struct json_object *config, struct hook_user *ret, uint32_t **ret_groups,
		struct hook_failure *failure)
{
	const struct json_object *user = hook_json_member(
		hook_json_member(config, "process", json_type_object), "user", json_type_object);
	struct hook_user found = {};
	int r;

	if (hook_json_id(user, "uid", &found.uid) == -EINVAL)
		return hook_fail(failure, -EINVAL, "process.user.uid is no UID");
	if (hook_json_id(user, "gid", &found.gid) == -EINVAL)
		return hook_fail(failure, -EINVAL, "process.user.gid is no GID");
	r = read_groups(user, &found, ret_groups, failure);
	if (r == 0)
		*ret = found;
	return r;
}

/* The index starts where the next one is looked for. */
const char *config_next_file(const struct json_object *config, const char *id, size_t *index)
{
	const struct json_object *mount;

	while ((mount = mount_at(config, (*index)++)) != NULL) {
		const char *type = hook_json_text(mount, "type");
		const char *found = find_id_in_source(mount);

		if (found && type && strcmp(type, "bind") == 0 &&
		    strncmp(found, id, strlen(id)) == 0 && !strstr(found, "/../"))
			return hook_json_text(mount, "source");
	}
	return NULL;
}
