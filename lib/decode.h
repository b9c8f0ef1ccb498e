/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The interface's types as structs of the public header. Members that the tables do not name are
 * ignored: a newer daemon may add some. All functions return 0; -EPROTO and the name of the field
 * that is wrong in *ret_wrong; or -ENOMEM. Strings stay the object's own.
 */

#include "arena.h"
#include "fields.h"
#include "subidd.h"

/* A row of a table: a member of struct TARGET; what follows it are more designators. */
#define FIELD(json_name, field_type, target, member, ...)                                          \
	{                                                                                          \
		.name = json_name, .type = field_type, .offset = offsetof(struct target, member),  \
		__VA_ARGS__                                                                        \
	}

/* A number from 0 on; one that may be missing; an enum with a table of names. */
#define FIELD_NUMBER(json_name, target, member, most)                                              \
	FIELD(json_name, FIELD_INT, target, member, .max = (most))
#define FIELD_NUMBER_OR_NULL(json_name, target, member, most)                                      \
	FIELD(json_name, FIELD_INT, target, member, .max = (most), .optional = true)
#define FIELD_NAME_OF(json_name, target, member, table)                                            \
	FIELD(json_name, FIELD_ENUM, target, member, .names = (table),                             \
	      .n_names = ELEMENTS_OF(table))

/* fields_decode() with the errors of this module. */
int decode(const struct field *fields, size_t n_fields, struct json_object *object, void *target,
	   const char **ret_wrong);

/* The text of an object, the object's own; NULL (no parameters) counts as an empty one. */
int decode_json(struct json_object *object, const char **ret);

/* A range of host IDs: not empty, and START + COUNT fits. */
int decode_range(int64_t start, int64_t count, const char **ret_wrong);

int decode_allocation(struct json_object *object, struct subidd_allocation *ret,
		      const char **ret_wrong);

/* An array of mappings, which must cover the allocation. NAME is that of the array. */
int decode_mappings(struct arena *arena, struct json_object *array, const char *name,
		    const struct subidd_allocation *allocation, const struct subidd_mapping **ret,
		    size_t *ret_n, const char **ret_wrong);

int decode_pools(struct arena *arena, struct json_object *array,
		 const struct subidd_pool *const **ret, size_t *ret_n, const char **ret_wrong);

/* Decoded as indices of these, in the order of the public enums. */
extern const char *const state_names[SUBIDD_STATE_RELEASED + 1];
extern const char *const origin_names[SUBIDD_ORIGIN_KUBELET + 1];
extern const char *const outcome_names[SUBIDD_OUTCOME_REVIVED + 1];
extern const char *const level_names[SUBIDD_LEVEL_WARNING + 1];
extern const char *const event_kind_names[SUBIDD_EVENT_RESTORED + 1];
extern const char *const cause_names[SUBIDD_CAUSE_PROCESS_ENDED + 1];

/* The most that a field for an ID or a count of IDs may be; a PID; a time or a size. */
#define ID_MAX UINT32_MAX
#define PID_MAX INT32_MAX
#define NUMBER_MAX (INT64_MAX - 1)
