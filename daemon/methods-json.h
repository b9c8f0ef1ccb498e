/* SPDX-License-Identifier: MIT */
#pragma once

/* The types of io.subidd.Allocator as JSON. All return a new object, or NULL without memory. */

#include "allocator.h"
#include "json.h"

struct json_object *json_new_allocation(const struct allocation *allocation);

/* {allocation, uidMappings, gidMappings} */
struct json_object *json_new_mapped(const struct allocation *allocation);

/* With the pool's own findings and those of RUNTIME, which may be NULL; errors come first. */
struct json_object *json_new_pool(const struct pool *pool, const struct pool_usage *usage,
				  const struct findings *runtime);

struct json_object *json_new_event(const struct event *event);

/* A range of the pool of that name. */
struct json_object *json_new_foreign(const char *pool, const struct claim *claim);
