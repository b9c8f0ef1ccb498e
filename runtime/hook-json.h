/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The JSON that runtimes hand over and take back. It comes from root's own programs, so json-c's
 * parser is strict enough; only its size and depth are bounded. What is not known is kept, and
 * numbers keep every digit.
 */

#include "hook-failure.h"

#include "cleanup.h"

#include <json-c/json.h>
#include <stddef.h>

#define HOOK_JSON_MAX ((size_t)16 * 1024 * 1024) /* bytes */
#define HOOK_JSON_DEPTH 32

DEFINE_CLEANUP(struct json_object *, json_object_put)

/* Parses an object. Hands it over; returns -EBADMSG with the reason, or -ENOMEM. */
int hook_json_parse(const char *text, size_t size, struct json_object **ret,
		    struct hook_failure *failure);

/* Reads FD, which people know as WHAT, to its end; else as hook_json_parse(). */
int hook_json_read(int fd, const char *what, struct json_object **ret,
		   struct hook_failure *failure);

/* Writes it on one line. Returns a negative errno with its reason. */
int hook_json_write(int fd, struct json_object *value, struct hook_failure *failure);

/* The member if it is there and of that type, the object's own; NULL, also for no object. */
struct json_object *hook_json_member(const struct json_object *object, const char *name,
				     enum json_type type);

/* The text of a member, the object's own; NULL if it is none, is empty or has a NUL in it. */
const char *hook_json_text(const struct json_object *object, const char *name);

/* The number of a member that a number of 32 bits can be. Returns 0, -ENOENT, or -EINVAL. */
int hook_json_id(const struct json_object *object, const char *name, uint32_t *ret);

/* Adds a member and takes VALUE over, also on failure: -ENOMEM, also if VALUE is NULL. */
int hook_json_add(struct json_object *object, const char *name, struct json_object *value);

/* The same at the end of an array. */
int hook_json_append(struct json_object *array, struct json_object *value);
