/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "pools.h"

#include <inttypes.h>
#include <stdio.h>

/* The search for what is alive; it can only be relied on where all processes are seen. */
static void add_scan(struct table *table, const struct subidd_status *status)
{
	const char *why = status->scan_message;
	char time[TIME_TEXT_SIZE];

	table_add(table, COLOUR_NONE, "scan");
	if (status->scan_is_blind)
		table_add(table, COLOUR_YELLOW,
			  "blind: %s; a released range is free after BlindDrainSec= alone",
			  why ? why : "not all processes can be seen");
	else if (status->scanned_at == 0)
		table_add(table, COLOUR_NONE, "none was done so far");
	else
		table_add(table, COLOUR_NONE, "%" PRIu64 " processes in %.1f ms, done %s",
			  status->scan_processes, (double)status->scan_cost / 1000,
			  time_text(status->scanned_at, time));
}

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
		  "%s, schema %" PRIu64 ", %" PRIu64 " allocations, %" PRIu64 " events, %" PRIu64
		  " bytes",
		  status->database, status->schema, status->allocations, status->events,
		  status->database_size);
	add_scan(&table, status);
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
	.help = "Shows the pools and the daemon. UNIT is the number of IDs of one unit, PODS how many the\n"
		"pool must have room for, and OUTSIDE counts allocations that do not lie in it as it is now.\n"
		"The others are numbers of units: those WAITING are released, but not for as long as\n"
		"ReuseDelaySec= demands, and those FOREIGN are in use by something that did not ask for them.\n"
		"scan is the search for processes that live in released or foreign ranges.\n"
		"\n"
		"Example:\n"
		"  subidctl status\n",
	.run = run,
};
