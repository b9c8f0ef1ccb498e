/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "pools.h"

#include <inttypes.h>
#include <stdio.h>

static void print_facts(const struct subidd_status *status)
{
	_cleanup_(table_done) struct table table;
	char started[TIME_TEXT_SIZE];

	putchar('\n');
	table_init(&table, fact_columns, ELEMENTS_OF(fact_columns));
	table_add(&table, COLOUR_NONE, "version");
	table_add(&table, COLOUR_NONE, "%s", status->version);
	table_add(&table, COLOUR_NONE, "started");
	table_add(&table, COLOUR_NONE, "%s", time_text(status->started_at, started));
	table_add(&table, COLOUR_NONE, "database");
	table_add(&table, COLOUR_NONE,
		  "%s, schema %" PRIu64 ", %" PRIu64 " allocations, %" PRIu64 " bytes",
		  status->database, status->schema, status->allocations, status->database_size);
	table_add(&table, COLOUR_NONE, "connections");
	table_add(&table, COLOUR_NONE, "%" PRIu64 " of %" PRIu64 ", %" PRIu64 " refused",
		  status->connections, status->max_connections, status->refused);
	table_add(&table, COLOUR_NONE, "calls");
	table_add(&table, COLOUR_NONE, "%" PRIu64, status->calls);
	table_print(&table);
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	int r = subidd_get_status(context->client, &status);

	return print_answer(context, r, status, print_facts);
}

const struct verb status_verb = {
	.name = "status",
	.arguments = "",
	.summary = "show the daemon and its pools",
	.help = "Shows the pools and the daemon. CAPACITY, ACTIVE, DRAINING, RELEASED, FOREIGN and FREE are\n"
		"numbers of units, UNIT is the number of IDs of one, PODS how many the pool must have room\n"
		"for, and OUTSIDE counts allocations that do not lie in the pool as it is now.\n"
		"\n"
		"Example:\n"
		"  subidctl status\n",
	.run = run,
};
