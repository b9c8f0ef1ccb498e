/* SPDX-License-Identifier: MIT */
#pragma once

/* The other half of the verb list. */

#include "verb.h"

/* Lists the ranges that no allocation explains. */
enum exit_status list_foreign(struct context *context);
