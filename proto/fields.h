/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Decoding of a JSON object into a struct by a table, with every refusal (unknown, missing,
 * mistyped, out of range) made here. json-c would turn 1.9 into 1 and "5" into 5; nothing is
 * converted here.
 */

#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
	FIELD_STRING,  /* const char *, owned by the object, without a NUL byte inside */
	FIELD_INT,     /* int64_t from MIN to MAX */
	FIELD_BOOL,    /* bool */
	FIELD_ENUM,    /* int, the index in NAMES */
	FIELD_OBJECT,  /* struct json_object *, owned by the object */
	FIELD_ARRAY,   /* the same */
	FIELD_STRINGS, /* the same: an array of nothing but strings as FIELD_STRING takes them */
	FIELD_FLOAT,   /* double, of any number that one can be near to */
	FIELD_STRUCT,  /* a struct that FIELDS decode, at OFFSET */
	FIELD_LIST,    /* as FIELD_ARRAY: an array of items as the one of FIELDS describes them */
	FIELD_MAP,     /* as FIELD_OBJECT: the same of the values of any members */
	N_FIELD_TYPES
};

/* One field; where it is optional and absent or null, the target keeps what it had. */
struct field {
	const char *name;
	enum field_type type;
	bool optional;
	size_t offset;			    /* of the target in the struct */
	int64_t min, max;		    /* of FIELD_INT */
	const char *const *names;	    /* of FIELD_ENUM */
	size_t n_names;			    /* of FIELD_ENUM */
	bool (*is_valid)(const char *text); /* of FIELD_STRING and FIELD_STRINGS; may be NULL */
	size_t has; /* of a bool that is set if the field is there; 0: none */
	/*
	 * Of FIELD_STRUCT: its table; members that it does not name are treated as on the outside.
	 * Of FIELD_LIST and FIELD_MAP: the one description of all items, which may be null if it
	 * says optional. Items are checked and not decoded.
	 */
	const struct field *fields;
	size_t n_fields; /* of FIELD_STRUCT */
};

/* What to do with members that the table does not name. */
enum field_unknown { UNKNOWN_REFUSED, UNKNOWN_IGNORED };

/*
 * Decodes OBJECT (NULL is an empty one) into TARGET (NULL: only looks at it). Returns 0; or -EINVAL
 * and the name of the field that is wrong in *ret_name, owned by the table or the object; what is
 * wrong inside of a field has the name of that field. TARGET may then be filled in part.
 */
int fields_decode(const struct field *fields, size_t n_fields, enum field_unknown unknown,
		  struct json_object *object, void *target, const char **ret_name);
