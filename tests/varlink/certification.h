/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What both sides of org.varlink.certification must agree upon: the steps of the walk, their types
 * and their values.
 */

#include "fields.h"

#include <stdbool.h>
#include <stddef.h>

#define CERTIFICATION "org.varlink.certification"

extern const char certification_interface_description[];

enum step_flag { STEP_PLAIN, STEP_MORE, STEP_ONEWAY };

struct step {
	const char *name; /* of the method, without its interface */
	enum step_flag flag;
	/* Of the parameters; the first of them is the identifier, but for Start. */
	const struct field *fields;
	size_t n_fields;
	/* Of the reply, or of each of them. */
	const struct field *reply_fields;
	size_t n_reply_fields;
	/*
	 * What is answered, which are the parameters of the next step, but for the identifier. NULL
	 * if there is no memory. Start, which answers with the identifier, has none, as has Test11.
	 */
	struct json_object *(*make_answer)(void);
};

#define N_STEPS 13
extern const struct step steps[N_STEPS];
extern const struct step *const step_start, *const step_test10, *const step_end;

/* The one of that method, with its interface; NULL if there is none. */
const struct step *find_step(const char *method);

/* What the tables decode into. */
struct tuple {
	bool flag;
	int64_t number;
	double real;
	const char *text;
};

struct pair {
	int64_t first;
	const char *second;
};

struct anonymous {
	bool foo, bar;
};

struct nested {
	struct json_object *foo;
	struct anonymous anonymous;
};

struct mytype {
	struct json_object *object, *array, *dictionary, *stringset, *nullable_array_struct;
	int choice;
	struct pair pair;
	const char *nullable;
	struct nested nested;
};

struct values {
	const char *client_id;
	struct tuple plain, inner;
	struct json_object *map, *set, *replies;
	struct mytype mytype;
	bool all_ok;
};

#define N_REPLIES 10 /* of Test10 */
#define REPLY_SIZE 32

/* The text of one of them, from 1 on. */
void make_reply_text(unsigned int number, char ret[REPLY_SIZE]);

/* A call as STEP wants it; ANSWER (taken over) is that of the step before. NULL without memory. */
struct json_object *make_call(const struct step *step, const char *client_id,
			      struct json_object *answer);

/*
 * Do both say the same? Numbers are compared by their value, and a member that is null is as good
 * as none.
 */
bool is_same(struct json_object *a, struct json_object *b);
