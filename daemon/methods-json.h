/* SPDX-License-Identifier: MIT */
#pragma once

/* The types of io.subidd.Allocator as JSON. All return a new object, or NULL without memory. */

#include "allocator.h"
#include "json.h"

struct json_object *json_new_allocation(const struct allocation *allocation);

/* {allocation, uidMappings, gidMappings} */
struct json_object *json_new_mapped(const struct allocation *allocation);

struct json_object *json_new_pool(const struct pool *pool, const struct pool_usage *usage);
