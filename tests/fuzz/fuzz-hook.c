/* SPDX-License-Identifier: MIT */

/*
 * A container's configuration, of which its author writes the annotations, on its way through the
 * OCI hook: what is mapped is the range or the process's own IDs, never the host's root, and what
 * is printed is the configuration with that and nothing else.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "hook-config.h"
#include "hook-json.h"
#include "hook-subject.h"

#include <string.h>

#define START 131072

struct input {
	struct hook_mode mode;
	struct hook_subject subject;
	struct hook_user user;
	uint32_t *groups;
	char *id;
};

static void input_done(struct input *input)
{
	free(input->groups);
	free(input->id);
}

static bool is_users(const struct hook_user *user, uint32_t id)
{
	bool is = id == user->uid || id == user->gid;

	for (size_t i = 0; i < user->n_groups; i++)
		is = is || id == user->groups[i];
	return is;
}

static void check_mappings(const struct input *input, const struct subidd_mapping *all, size_t n)
{
	uint64_t next = 0, size = 0;

	CHECK(n > 0 && n <= HOOK_EXTENTS_MAX && all[0].container_id == 0);
	for (size_t i = 0; i < n; i++) {
		CHECK(all[i].size > 0 && all[i].container_id >= next && all[i].host_id > 0);
		next = (uint64_t)all[i].container_id + all[i].size;
		if (all[i].container_id < input->mode.size)
			size += all[i].size;
		if (all[i].size == 1 && is_users(&input->user, all[i].host_id))
			continue;
		CHECK(all[i].host_id == START + all[i].container_id);
	}
	CHECK(size == input->mode.size);
}

/* The members that the hook sets are what there is more. */
static void check_printed(struct json_object *config)
{
	_cleanup_(json_object_putp) struct json_object *again = NULL;
	const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct hook_failure failure = {};
	size_t size;
	const char *text = json_object_to_json_string_length(config, flags, &size);

	CHECK(hook_json_parse(text, size, &again, &failure) == 0);
	CHECK(config_namespace(again, "user", NULL) == CONFIG_NAMESPACE_OWN);
	CHECK(config_check_user_namespace(again, &failure) < 0);
}

static void apply(struct json_object *config, const struct input *input)
{
	struct hook_failure failure = {};
	struct hook_mappings mappings;

	if (mappings_make(&input->mode, START, &input->user, &mappings, &failure) < 0) {
		CHECK(*failure.text);
		return;
	}
	check_mappings(input, mappings.uids, mappings.n_uids);
	check_mappings(input, mappings.gids, mappings.n_gids);
	CHECK(config_apply(config, &input->mode, &mappings, input->subject.pod, "/run/x") == 0);
	CHECK(config_devpts(config, &mappings) == 0);
	check_printed(config);
}

static bool read_input(struct json_object *config, struct input *ret, struct hook_failure *failure)
{
	const struct json_object *annotations = config_annotations(config);
	const char *root;

	return mode_find(annotations, &ret->mode, failure) > 0 &&
	       config_check_user_namespace(config, failure) == 0 &&
	       config_id(config, &ret->id, failure) == 0 &&
	       subject_find(ret->id, annotations, &ret->subject, failure) == 0 &&
	       config_user(config, &ret->user, &ret->groups, failure) == 0 &&
	       config_root(config, &root, failure) == 0 && config_mounts(config, failure) == 0;
}

static void use(struct json_object *config)
{
	_cleanup_(input_done) struct input input = {};
	struct hook_failure failure = {};
	size_t index = 0;

	if (!read_input(config, &input, &failure))
		return;
	CHECK(!*failure.text && pod_key_valid(input.subject.pod) && strlen(input.id) == 64);
	CHECK(input.mode.size > 0 && !(input.mode.keep_id && input.mode.map_to_root));
	while (config_next_file(config, input.id, &index))
		;
	apply(config, &input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(hook_state_done) struct hook_state state = {};
	_cleanup_(json_object_putp) struct json_object *config = NULL;
	_cleanup_(freep) char *text = copy_of(data, size, COPY_AS_IT_IS);
	struct hook_failure failure = {};

	if (size > HOOK_JSON_MAX || hook_json_parse(text, size, &config, &failure) < 0)
		return 0;
	use(config);
	if (hook_state_take(take_ptr(config), &state, &failure) == 0)
		CHECK(hook_id_valid(state.id));
	return 0;
}
