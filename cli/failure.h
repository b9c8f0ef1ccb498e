/* SPDX-License-Identifier: MIT */
#pragma once

/* What to say, and how to leave, when a call has failed. */

#include "verb.h"

/* Did the last call, which returned R, not get to the daemon or not get an answer? */
bool is_unreachable(const struct context *context, int r);

/* Complains about the last call, which returned R: what is wrong and what to do. */
enum exit_status failure(struct context *context, int r);
