/* SPDX-License-Identifier: MIT */
#pragma once

/* The store of all worlds, one after the other, in a folder that is removed at the end. */

#include "store.h"

/* An empty one: opening a store costs as much as ten inputs, so it stays open in between. */
struct store *world_store_begin(void);

/* Opens it again after it was closed. */
struct store *world_store_reopen(void);
