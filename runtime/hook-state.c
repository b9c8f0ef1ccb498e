/* SPDX-License-Identifier: MIT */
#include "hook-state.h"

#include "hook-json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define WHAT "the container's state on standard input"

bool hook_id_valid(const char *id)
{
	return *id && strlen(id) <= NAME_MAX && !strchr(id, '/') && strcmp(id, ".") != 0 &&
	       strcmp(id, "..") != 0;
}

int hook_state_take(struct json_object *json, struct hook_state *ret, struct hook_failure *failure)
{
	_cleanup_(hook_state_done) struct hook_state state = { .json = json };

	state.id = hook_json_text(json, "id");
	state.bundle = hook_json_text(json, "bundle");
	state.annotations = hook_json_member(json, "annotations", json_type_object);
	if (!state.id || !hook_id_valid(state.id))
		return hook_fail(failure, -EBADMSG, WHAT " has no valid id");
	if (hook_json_id(json, "pid", &state.pid) == -EINVAL || state.pid > INT_MAX)
		return hook_fail(failure, -EBADMSG, WHAT " has no valid pid");
	*ret = state;
	state.json = NULL;
	return 0;
}

int hook_state_read(int fd, struct hook_state *ret, struct hook_failure *failure)
{
	struct json_object *json = NULL;
	int r = hook_json_read(fd, WHAT, &json, failure);

	return r < 0 ? r : hook_state_take(json, ret, failure);
}

void hook_state_done(struct hook_state *state)
{
	json_object_put(state->json);
}
