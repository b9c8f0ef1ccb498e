/* SPDX-License-Identifier: MIT */

/* The interface's names of the public enums. */

#include "cleanup.h"
#include "decode.h"

const char *const state_names[] = {
	[SUBIDD_STATE_ACTIVE] = "active",
	[SUBIDD_STATE_DRAINING] = "draining",
	[SUBIDD_STATE_RELEASED] = "released",
};

const char *const origin_names[] = {
	[SUBIDD_ORIGIN_REQUEST] = "request",
	[SUBIDD_ORIGIN_KUBELET] = "kubelet",
};

const char *const outcome_names[] = {
	[SUBIDD_OUTCOME_CREATED] = "created",
	[SUBIDD_OUTCOME_EXISTING] = "existing",
	[SUBIDD_OUTCOME_REVIVED] = "revived",
};

const char *const level_names[] = {
	[SUBIDD_LEVEL_ERROR] = "error",
	[SUBIDD_LEVEL_WARNING] = "warning",
};

const char *const event_kind_names[] = {
	[SUBIDD_EVENT_ALLOCATED] = "allocated", [SUBIDD_EVENT_REVIVED] = "revived",
	[SUBIDD_EVENT_RELEASED] = "released",	[SUBIDD_EVENT_DRAINED] = "drained",
	[SUBIDD_EVENT_REUSED] = "reused",	[SUBIDD_EVENT_BOUND] = "bound",
	[SUBIDD_EVENT_ADOPTED] = "adopted",	[SUBIDD_EVENT_VANISHED] = "vanished",
	[SUBIDD_EVENT_CONFLICT] = "conflict",	[SUBIDD_EVENT_POOL_CHANGED] = "poolChanged",
	[SUBIDD_EVENT_RESTORED] = "restored",
};

const char *const cause_names[] = {
	[SUBIDD_CAUSE_REQUEST] = "request",
	[SUBIDD_CAUSE_RECONCILE] = "reconcile",
	[SUBIDD_CAUSE_PROCESS_ENDED] = "processEnded",
};

static const char *name_of(const char *const *names, size_t n_names, int value)
{
	return value >= 0 && (size_t)value < n_names ? names[value] : NULL;
}

const char *subidd_state_name(enum subidd_state state)
{
	return name_of(state_names, ELEMENTS_OF(state_names), (int)state);
}

const char *subidd_origin_name(enum subidd_origin origin)
{
	return name_of(origin_names, ELEMENTS_OF(origin_names), (int)origin);
}

const char *subidd_outcome_name(enum subidd_outcome outcome)
{
	return name_of(outcome_names, ELEMENTS_OF(outcome_names), (int)outcome);
}

const char *subidd_level_name(enum subidd_level level)
{
	return name_of(level_names, ELEMENTS_OF(level_names), (int)level);
}
