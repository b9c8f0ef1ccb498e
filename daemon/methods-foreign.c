/* SPDX-License-Identifier: MIT */

/* ListForeign: a stream of pages, each made of what is known when the client is ready for it. */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"

#include <errno.h>
#include <string.h>

#define RANGES_PER_REPLY 256

struct foreign_parameters {
	const char *pool;
};

const struct field methods_foreign_fields[N_FOREIGN_FIELDS] = {
	{ "pool", FIELD_STRING, true, offsetof(struct foreign_parameters, pool) },
};

/* Between two pages ranges come and go, so the place is where the last one told began. */
struct foreign {
	struct methods *methods;
	char *only;	/* the pool that was asked for; NULL: all */
	size_t pool;	/* being told, by its index */
	uint32_t start; /* of the last range of it that was told */
	size_t n_told;	/* with that start */
	size_t n_seen;	/* with that start, for this page */
	struct json_object *page;
};

static void foreign_free(void *userdata)
{
	struct foreign *foreign = userdata;

	free(foreign->only);
	json_object_put(foreign->page);
	free(foreign);
}

static bool was_told(struct foreign *foreign, const struct claim *claim)
{
	if (claim->range.start != foreign->start)
		return claim->range.start < foreign->start;
	return foreign->n_seen++ < foreign->n_told;
}

/* Returns 1 when the page is full, before the range that the next page begins with. */
static int add_claim(const struct claim *claim, void *userdata)
{
	struct foreign *foreign = userdata;
	const struct pools *pools = allocator_pools(foreign->methods->allocator);

	if (was_told(foreign, claim))
		return 0;
	if (json_object_array_length(foreign->page) == RANGES_PER_REPLY)
		return 1;
	if (claim->range.start != foreign->start)
		foreign->n_told = 0;
	foreign->start = claim->range.start;
	foreign->n_seen = ++foreign->n_told;
	return json_append(foreign->page,
			   json_new_foreign(pools->items[foreign->pool].name, claim));
}

static int fill_page(struct foreign *foreign)
{
	struct allocator *allocator = foreign->methods->allocator;
	const struct pools *pools = allocator_pools(allocator);

	foreign->n_seen = 0;
	for (; foreign->pool < pools->n_items; foreign->pool++) {
		const char *name = pools->items[foreign->pool].name;
		int r = 0;

		if (!foreign->only || strcmp(foreign->only, name) == 0)
			r = allocator_each_foreign(allocator, foreign->pool, add_claim, foreign);
		if (r != 0)
			return r;
		foreign->start = 0;
		foreign->n_told = foreign->n_seen = 0;
	}
	return 0;
}

static int next_page(struct varlink_call *call, void *userdata)
{
	struct foreign *foreign = userdata;
	struct json_object *parameters;
	int r;

	if (foreign->only &&
	    !pools_find(allocator_pools(foreign->methods->allocator), foreign->only))
		return methods_refuse_pool(call, foreign->only);
	foreign->page = json_object_new_array_ext(RANGES_PER_REPLY);
	if (!foreign->page)
		return -ENOMEM;
	r = fill_page(foreign);
	if (r < 0)
		return r;
	parameters = json_pack(JSON_VALUE("foreign", take_ptr(foreign->page)), NULL);
	if (!parameters)
		return -ENOMEM;
	return r == 1 ? varlink_notify(call, parameters) : varlink_reply(call, parameters);
}

int methods_handle_foreign(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct foreign_parameters *p = parameters;
	struct foreign *foreign = calloc(1, sizeof(*foreign));

	if (!foreign)
		return -ENOMEM;
	foreign->methods = userdata;
	varlink_stream(call, next_page, foreign, foreign_free);
	if (p->pool) {
		foreign->only = strdup(p->pool);
		if (!foreign->only)
			return -ENOMEM;
	}
	return 0;
}
