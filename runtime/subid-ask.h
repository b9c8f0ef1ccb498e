/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Asks the daemon, each time on a connection of its own, and leaves none behind. It asks for what
 * there is and never for a new range.
 */

#include "subid-reply.h"

#include <stdint.h>

#define ASK_REPLY_MAX (1u << 20) /* bytes of a reply */

struct ask {
	const char *socket;
	uint64_t deadline; /* of all questions together, as transport.h has it */
};

/* The daemon's pools. Returns 0; -ENOMEM; or why it did not answer. */
int ask_pools(const struct ask *ask, struct reply_pools *ret);

/*
 * The range of a pod. Returns 1 and sets *ret if it has an active allocation; 0 if not, also where
 * no pod can have that name, which is not asked for then; -ENOMEM; or why there was no answer.
 */
int ask_pod(const struct ask *ask, const char *pod, struct id_range *ret);
