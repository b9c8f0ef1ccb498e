/* SPDX-License-Identifier: MIT */
#pragma once

/* The methods that answer with what is known of a pod or of an ID. */

#include "call.h"

extern const struct call_kind allocate_kind;
extern const struct call_kind release_kind;
extern const struct call_kind get_kind;
extern const struct call_kind bind_kind;
extern const struct call_kind lookup_kind;
