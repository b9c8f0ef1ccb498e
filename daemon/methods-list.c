/* SPDX-License-Identifier: MIT */

/* List: a stream of pages, each read from the store when the client is ready for it. */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"

#include <errno.h>
#include <string.h>

#define ALLOCATIONS_PER_REPLY 256
#define ROWS_PER_REPLY 4096 /* looked at, so that a filter cannot keep the loop busy */

struct list_parameters {
	const char *pool;
	const char *state;
};

static const char *find_state(const char *text)
{
	for (size_t i = 0; i < N_ALLOCATION_STATES; i++)
		if (strcmp(allocation_state_names[i], text) == 0)
			return allocation_state_names[i];
	return NULL;
}

static bool state_valid(const char *text)
{
	return find_state(text);
}

const struct field methods_list_fields[N_LIST_FIELDS] = {
	{ "pool", FIELD_STRING, true, offsetof(struct list_parameters, pool) },
	{ "state", FIELD_STRING, true, offsetof(struct list_parameters, state),
	  .is_valid = state_valid },
};

/* What the stream remembers between two pages. */
struct list {
	struct methods *methods;
	char *pool;	   /* NULL: of all pools */
	const char *state; /* NULL: in all states */
	uint32_t next;	   /* where the next page begins */
	bool is_any_found; /* on any page */
	uint32_t n_rows;   /* looked at for this page */
	struct json_object *page;
};

static void list_free(void *userdata)
{
	struct list *list = userdata;

	free(list->pool);
	json_object_put(list->page);
	free(list);
}

static bool is_wanted(const struct list *list, const struct allocation *row)
{
	return (!list->pool || strcmp(list->pool, row->pool) == 0) &&
	       (!list->state || list->state == allocation_state_names[row->state]);
}

/* Returns 1 when the page is full, before the row that the next page begins with. */
static int add_row(const struct allocation *row, void *userdata)
{
	struct list *list = userdata;

	if (list->n_rows++ == ROWS_PER_REPLY ||
	    json_object_array_length(list->page) == ALLOCATIONS_PER_REPLY) {
		list->next = row->range.start;
		return 1;
	}
	if (!is_wanted(list, row))
		return 0;
	list->is_any_found = true;
	return json_append(list->page, json_new_allocation(row));
}

static int next_page(struct varlink_call *call, void *userdata)
{
	struct list *list = userdata;
	struct allocator *allocator = list->methods->allocator;
	struct json_object *parameters;
	int r;

	list->n_rows = 0;
	list->page = json_object_new_array_ext(ALLOCATIONS_PER_REPLY);
	if (!list->page)
		return -ENOMEM;
	r = allocator_each(allocator, list->next, add_row, list);
	if (r < 0)
		return methods_refuse_store(list->methods, call);
	if (r == 0 && list->pool && !list->is_any_found &&
	    !pools_find(allocator_pools(allocator), list->pool))
		return methods_refuse_pool(call, list->pool);
	parameters = json_pack(JSON_VALUE("allocations", take_ptr(list->page)), NULL);
	if (!parameters)
		return -ENOMEM;
	return r == 1 ? varlink_notify(call, parameters) : varlink_reply(call, parameters);
}

int methods_handle_list(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct list_parameters *p = parameters;
	struct list *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->methods = userdata;
	list->state = p->state ? find_state(p->state) : NULL;
	varlink_stream(call, next_page, list, list_free);
	if (p->pool) {
		list->pool = strdup(p->pool);
		if (!list->pool)
			return -ENOMEM;
	}
	return 0;
}
