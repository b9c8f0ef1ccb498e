/* SPDX-License-Identifier: MIT */
#include "search.h"

#include "pools.h"

#include <errno.h>
#include <string.h>

void searches_done(struct searches *searches)
{
	for (size_t i = 0; i < N_SEARCHES; i++)
		subidd_result_free(searches->items[i].result);
	*searches = (struct searches){};
}

int searches_ask(struct context *context, struct searches *searches, uint32_t uid, uint32_t gid,
		 uint64_t at)
{
	searches_done(searches);
	searches->items[0] = (struct search){ .kind = "UID", .id = uid };
	searches->items[1] = (struct search){ .kind = "GID", .id = gid };
	for (size_t i = 0; i < N_SEARCHES; i++) {
		struct search *search = &searches->items[i];
		int r = subidd_lookup_at(context->client, search->id, at, &search->result);

		if (r < 0 && !(r == -ENOENT && subidd_client_error_name(context->client)))
			return r;
	}
	return 0;
}

bool searches_found(const struct searches *searches)
{
	return searches->items[0].result || searches->items[1].result;
}

static bool is_same_allocation(const struct searches *searches)
{
	const struct subidd_result *a = searches->items[0].result, *b = searches->items[1].result;

	return a && b && strcmp(a->allocation->pod, b->allocation->pod) == 0 &&
	       a->allocation->start == b->allocation->start;
}

static void add_ids(struct table *table, const struct search *search)
{
	table_add(table, COLOUR_NONE, "%s on the host", search->kind);
	table_add(table, COLOUR_NONE, "%u", search->id);
	table_add(table, COLOUR_NONE, "%s in the container", search->kind);
	table_add(table, COLOUR_NONE, "%u", search->result->container_id);
}

void searches_add(struct table *table, const struct searches *searches)
{
	bool is_same = is_same_allocation(searches);

	for (size_t i = 0; i < N_SEARCHES; i++) {
		const struct search *search = &searches->items[i];

		if (!search->result)
			continue;
		add_ids(table, search);
		if (!is_same || i == N_SEARCHES - 1)
			add_allocation_facts(table, search->result->allocation);
	}
}

/* The pool that an ID lies in, NULL if there is none. */
static const struct subidd_pool *find_pool(const struct subidd_status *status, uint32_t id)
{
	for (size_t i = 0; i < status->n_pools; i++) {
		const struct subidd_pool *pool = status->pools[i];

		if (id >= pool->start && id - pool->start < pool->count)
			return pool;
	}
	return NULL;
}

char *search_explain(struct context *context, const struct search *search, uint64_t at)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	const struct subidd_pool *pool = NULL;
	char time[TIME_TEXT_SIZE];

	if (!at && subidd_get_status(context->client, &status) == 0)
		pool = find_pool(status, search->id);
	if (at)
		return text_make("%s %u was no pod's at %s, as far as is known", search->kind,
				 search->id, time_text(at, time));
	if (pool)
		return text_make("%s %u is no pod's, but lies in the pool %s", search->kind,
				 search->id, pool->name);
	return text_make("%s %u is the host's own: in no pool", search->kind, search->id);
}

void search_print_json(const char *name, const struct search *search)
{
	printf("\"%s\":{\"id\":%u", name, search->id);
	if (search->result) /* an object, whose brace is there already */
		printf(",%s", search->result->json + 1);
	else
		putchar('}');
}
