/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"
#include "options.h"

static void print_table(uint32_t id, const struct subidd_result *result)
{
	_cleanup_(table_done) struct table table;

	table_init(&table, fact_columns, ELEMENTS_OF(fact_columns));
	table_add(&table, COLOUR_NONE, "ID on the host");
	table_add(&table, COLOUR_NONE, "%u", id);
	table_add(&table, COLOUR_NONE, "ID in the container");
	table_add(&table, COLOUR_NONE, "%u", result->container_id);
	add_allocation_facts(&table, result->allocation);
	table_print(&table);
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	uint32_t id;
	int r;

	if (!options_number(context->verb, "ID", context->arguments[0], 0, &id))
		return STATUS_USAGE;
	r = subidd_lookup(context->client, id, &result);
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON])
		puts(result->json);
	else
		print_table(id, result);
	return STATUS_DONE;
}

const struct verb whois_verb = {
	.name = "whois",
	.arguments = "ID",
	.summary = "say which pod a host UID or GID belongs to",
	.help = "Says which pod a host UID or GID belongs to, or belonged to until it was released, and\n"
		"which ID it is inside the container.\n"
		"\n"
		"Example:\n"
		"  subidctl whois 131105\n",
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
