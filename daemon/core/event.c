/* SPDX-License-Identifier: MIT */
#include "core/event.h"

#include "cleanup.h"

const char *const event_kind_names[] = {
	[EVENT_ALLOCATED] = "allocated", [EVENT_REVIVED] = "revived",
	[EVENT_RELEASED] = "released",	 [EVENT_DRAINED] = "drained",
	[EVENT_REUSED] = "reused",	 [EVENT_BOUND] = "bound",
	[EVENT_ADOPTED] = "adopted",	 [EVENT_VANISHED] = "vanished",
	[EVENT_CONFLICT] = "conflict",	 [EVENT_POOL_CHANGED] = "poolChanged",
	[EVENT_RESTORED] = "restored",
};
_Static_assert(ELEMENTS_OF(event_kind_names) == N_EVENT_KINDS, "a name for each");

const char *const event_cause_names[] = {
	[CAUSE_NONE] = NULL,
	[CAUSE_REQUEST] = "request",
	[CAUSE_RECONCILE] = "reconcile",
	[CAUSE_PROCESS_ENDED] = "processEnded",
};
_Static_assert(ELEMENTS_OF(event_cause_names) == N_EVENT_CAUSES, "a name for each");
