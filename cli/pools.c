/* SPDX-License-Identifier: MIT */
#include "pools.h"

#include "failure.h"
#include "table.h"

#include <stdio.h>

static const struct column columns[] = {
	{ "POOL" },	      { "OWNER" },	    { "STATE" },	  { "RANGE" },
	{ "UNIT", true },     { "PODS", true },	    { "CAPACITY", true }, { "ACTIVE", true },
	{ "DRAINING", true }, { "RELEASED", true }, { "WAITING", true },  { "FOREIGN", true },
	{ "FREE", true },     { "OUTSIDE", true },
};

static void add_row(struct table *table, const struct subidd_pool *pool)
{
	const uint32_t numbers[] = { pool->unit,     pool->max_pods, pool->capacity, pool->active,
				     pool->draining, pool->released, pool->waiting,  pool->foreign,
				     pool->free,     pool->outside };

	table_add(table, COLOUR_NONE, "%s", pool->name);
	table_add(table, COLOUR_NONE, "%s", pool->owner);
	table_add(table, pool->valid ? COLOUR_GREEN : COLOUR_RED,
		  pool->valid ? "valid" : "invalid");
	if (pool->count > 0)
		table_add(table, COLOUR_NONE, "%u:%u", pool->start, pool->count);
	else
		table_add(table, COLOUR_NONE, "-");
	for (size_t i = 0; i < ELEMENTS_OF(numbers); i++)
		table_add(table, COLOUR_NONE, "%u", numbers[i]);
}

static void print_pools(const struct subidd_status *status)
{
	_cleanup_(table_done) struct table table;

	table_init(&table, columns, ELEMENTS_OF(columns));
	for (size_t i = 0; i < status->n_pools; i++)
		add_row(&table, status->pools[i]);
	table_print(&table);
}

static void point_to_findings(const struct subidd_status *status)
{
	size_t n = 0;

	for (size_t i = 0; i < status->n_pools; i++)
		n += status->pools[i]->n_findings;
	if (n > 0)
		printf("\n%zu %s: see subidctl check\n", n, n == 1 ? "finding" : "findings");
}

enum exit_status print_answer(struct context *context, int r, const struct subidd_status *status,
			      void (*facts)(const struct subidd_status *status))
{
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON]) {
		puts(status->json);
		return STATUS_DONE;
	}
	print_pools(status);
	if (facts)
		facts(status);
	point_to_findings(status);
	return STATUS_DONE;
}
