/* SPDX-License-Identifier: MIT */
#include "hook-config.h"

#include "hook-json.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <string.h>

/*
 * The kernel lets a user namespace mount these only if the namespace that they show belongs to it.
 * Where it is the host's, the host's own mount shows the same; runtimes do it likewise when they
 * make the user namespace themselves. Of a joined namespace nothing shows the same, but of the
 * network /sys has little that is missed.
 */
static const struct kind {
	const char *type, *namespace, *source, *flag;
	bool is_bound_if_joined;
	const char *hint;
} kinds[] = {
	{ "sysfs", "network", "/sys", "rbind", true, NULL },
	{ "proc", "pid", "/proc", "rbind", false, "--pid=private" },
	{ "mqueue", "ipc", "/dev/mqueue", "bind", false, "--ipc=private" },
};

static const struct kind *find_kind(const char *type)
{
	for (size_t i = 0; type && i < ELEMENTS_OF(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return NULL;
}

static bool has_option(const struct json_object *mount, const char *option)
{
	struct json_object *options = hook_json_member(mount, "options", json_type_array);

	for (size_t i = 0; options && i < json_object_array_length(options); i++) {
		struct json_object *one = json_object_array_get_idx(options, i);

		if (json_object_is_type(one, json_type_string) &&
		    strcmp(json_object_get_string(one), option) == 0)
			return true;
	}
	return false;
}

static int append_text(struct json_object *array, const char *text)
{
	return hook_json_append(array, json_object_new_string(text));
}

/* Those that podman gives such a mount; it is read-only if it was. */
static struct json_object *make_options(const struct kind *kind, bool is_read_only)
{
	_cleanup_(json_object_putp) struct json_object *options = json_object_new_array();
	const char *const names[] = { "rprivate", "nosuid",   "noexec",
				      "nodev",	  kind->flag, is_read_only ? "ro" : "rw" };

	for (size_t i = 0; options && i < ELEMENTS_OF(names); i++)
		if (append_text(options, names[i]) < 0)
			return NULL;
	return take_ptr(options);
}

static int bind(struct json_object *mount, const struct kind *kind)
{
	int r = hook_json_add(mount, "options", make_options(kind, has_option(mount, "ro")));

	if (r == 0)
		r = hook_json_add(mount, "type", json_object_new_string("bind"));
	return r < 0 ? r : hook_json_add(mount, "source", json_object_new_string(kind->source));
}

static int change_mount(const struct json_object *config, struct json_object *mount,
			struct hook_failure *failure)
{
	const struct kind *kind = find_kind(hook_json_text(mount, "type"));
	const char *destination = hook_json_text(mount, "destination"), *path = NULL;

	if (!kind)
		return 0;
	switch (config_namespace(config, kind->namespace, &path)) {
	case CONFIG_NAMESPACE_OWN:
		return 0;
	case CONFIG_NAMESPACE_JOINED:
		if (!kind->is_bound_if_joined)
			break;
		return bind(mount, kind);
	case CONFIG_NAMESPACE_NONE:
		return bind(mount, kind);
	}
	return hook_fail(failure, -EINVAL,
			 "%s (%s) cannot be mounted in a user namespace of its own, because the "
			 "container joins the %s namespace %s; give it its own, with %s",
			 destination ? destination : "a mount", kind->type, kind->namespace, path,
			 kind->hint);
}

int config_mounts(struct json_object *config, struct hook_failure *failure)
{
	struct json_object *mounts = hook_json_member(config, "mounts", json_type_array);
	int r = 0;

	for (size_t i = 0; mounts && i < json_object_array_length(mounts) && r == 0; i++)
		r = change_mount(config, json_object_array_get_idx(mounts, i), failure);
	return r == -ENOMEM ? hook_fail(failure, r, "out of memory") : r;
}

static bool is_unmapped_group(const char *option, const struct hook_mappings *mappings)
{
	uint64_t id;
	uint32_t host;

	return strncmp(option, "gid=", 4) == 0 &&
	       decimal_parse(option + 4, strlen(option + 4), UINT32_MAX, &id) == 0 &&
	       !mappings_find(mappings->gids, mappings->n_gids, (uint32_t)id, &host);
}

static int drop_unmapped_groups(struct json_object *mount, const struct hook_mappings *mappings)
{
	struct json_object *options = hook_json_member(mount, "options", json_type_array);

	for (size_t i = options ? json_object_array_length(options) : 0; i-- > 0;) {
		struct json_object *one = json_object_array_get_idx(options, i);

		if (json_object_is_type(one, json_type_string) &&
		    is_unmapped_group(json_object_get_string(one), mappings) &&
		    json_object_array_del_idx(options, i, 1) < 0)
			return -ENOMEM;
	}
	return 0;
}

int config_devpts(struct json_object *config, const struct hook_mappings *mappings)
{
	struct json_object *mounts = hook_json_member(config, "mounts", json_type_array);
	int r = 0;

	for (size_t i = 0; mounts && i < json_object_array_length(mounts) && r == 0; i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *type = hook_json_text(mount, "type");

		if (type && strcmp(type, "devpts") == 0)
			r = drop_unmapped_groups(mount, mappings);
	}
	return r;
}
