/* SPDX-License-Identifier: MIT */
#include "allocation.h"

const struct column fact_columns[] = { {}, {} };

void add_pod_name(struct table *table, const struct subidd_allocation *allocation)
{
	const char *space = allocation->pod_namespace, *name = allocation->pod_name;

	if (space || name)
		table_add(table, COLOUR_NONE, "%s/%s", space ? space : "", name ? name : "");
	else
		table_add(table, COLOUR_NONE, "-");
}

static void add_time(struct table *table, const char *what, uint64_t usec)
{
	char text[TIME_TEXT_SIZE];

	table_add(table, COLOUR_NONE, "%s", what);
	table_add(table, COLOUR_NONE, "%s", time_text(usec, text));
}

static void add_fact(struct table *table, const char *what, const char *value)
{
	table_add(table, COLOUR_NONE, "%s", what);
	table_add(table, COLOUR_NONE, "%s", value);
}

void add_allocation_facts(struct table *table, const struct subidd_allocation *allocation)
{
	add_fact(table, "pod", allocation->pod);
	table_add(table, COLOUR_NONE, "namespace/name");
	add_pod_name(table, allocation);
	table_add(table, COLOUR_NONE, "pool");
	table_add(table, COLOUR_NONE, "%s%s", allocation->pool,
		  allocation->in_pool ? "" : ", but outside of its range as it is now");
	table_add(table, COLOUR_NONE, "range");
	table_add(table, COLOUR_NONE, "%u:%u, the IDs %u-%u", allocation->start, allocation->count,
		  allocation->start, allocation->start + allocation->count - 1);
	add_fact(table, "state", subidd_state_name(allocation->state));
	add_fact(table, "origin", subidd_origin_name(allocation->origin));
	table_add(table, COLOUR_NONE, "client");
	table_add(table, COLOUR_NONE, "UID %u", allocation->client_uid);
	add_time(table, "created", allocation->created_at);
	if (allocation->pid) {
		table_add(table, COLOUR_NONE, "tied to");
		table_add(table, COLOUR_NONE, "the process %u", allocation->pid);
	}
	if (allocation->released_at)
		add_time(table, "released", allocation->released_at);
}
