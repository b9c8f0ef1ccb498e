/* SPDX-License-Identifier: MIT */
#include "hook-config.h"

#include "hook-json.h"
#include "hook-subject.h"

#include <errno.h>
#include <string.h>

/* The member that is an object or an array, made if it is not there; NULL: no memory. */
static struct json_object *get_or_make(struct json_object *object, const char *name,
				       enum json_type type)
{
	struct json_object *found = hook_json_member(object, name, type);

	if (found)
		return found;
	found = type == json_type_array ? json_object_new_array() : json_object_new_object();
	return hook_json_add(object, name, found) == 0 ? found : NULL;
}

static int add_number(struct json_object *object, const char *name, uint32_t number)
{
	return hook_json_add(object, name, json_object_new_int64(number));
}

static int add_text(struct json_object *object, const char *name, const char *text)
{
	return hook_json_add(object, name, json_object_new_string(text));
}

static int append_mapping(struct json_object *array, const struct subidd_mapping *mapping)
{
	struct json_object *object = json_object_new_object();
	int r = hook_json_append(array, object);

	if (r == 0)
		r = add_number(object, "containerID", mapping->container_id);
	if (r == 0)
		r = add_number(object, "hostID", mapping->host_id);
	if (r == 0)
		r = add_number(object, "size", mapping->size);
	return r;
}

static int add_mappings(struct json_object *object, const char *name,
			const struct subidd_mapping *mappings, size_t n)
{
	struct json_object *array = json_object_new_array();
	int r = hook_json_add(object, name, array);

	for (size_t i = 0; i < n && r == 0; i++)
		r = append_mapping(array, &mappings[i]);
	return r;
}

static int add_namespace(struct json_object *config, struct json_object *linux_part)
{
	struct json_object *all, *own;
	int r;

	if (config_namespace(config, "user", NULL) != CONFIG_NAMESPACE_NONE)
		return 0;
	all = get_or_make(linux_part, "namespaces", json_type_array);
	own = json_object_new_object();
	if (!all) {
		json_object_put(own);
		return -ENOMEM;
	}
	r = hook_json_append(all, own);
	return r < 0 ? r : add_text(own, "type", "user");
}

static int make_root(struct json_object *config)
{
	struct json_object *process = get_or_make(config, "process", json_type_object);
	struct json_object *user = process ? get_or_make(process, "user", json_type_object) : NULL;
	int r = user ? add_number(user, "uid", 0) : -ENOMEM;

	return r < 0 ? r : add_number(user, "gid", 0);
}

int config_apply(struct json_object *config, const struct hook_mode *mode,
		 const struct hook_mappings *mappings, const char *pod, const char *root)
{
	struct json_object *part = get_or_make(config, "linux", json_type_object);
	struct json_object *annotations = get_or_make(config, "annotations", json_type_object);
	struct json_object *root_part = get_or_make(config, "root", json_type_object);
	int r;

	if (!part || !annotations || !root_part)
		return -ENOMEM;
	if ((r = add_namespace(config, part)) < 0 ||
	    (r = add_mappings(part, "uidMappings", mappings->uids, mappings->n_uids)) < 0 ||
	    (r = add_mappings(part, "gidMappings", mappings->gids, mappings->n_gids)) < 0 ||
	    (r = add_text(annotations, SUBJECT_ANNOTATION, pod)) < 0 ||
	    (r = add_text(root_part, "path", root)) < 0)
		return r;
	return mode->map_to_root ? make_root(config) : 0;
}
