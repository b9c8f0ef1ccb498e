/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"
#include "foreign.h"
#include "options.h"

#include <string.h>

DEFINE_CLEANUP(struct subidd_iterator *, subidd_iterator_free)

static const struct column columns[] = {
	{ "POD" },   { "POOL" },  { "START", true }, { "COUNT", true },
	{ "STATE" }, { "SINCE" }, { "IN-POOL" },     { "NAMESPACE/NAME" },
};

static void add_row(struct table *table, const struct subidd_allocation *a)
{
	char since[TIME_TEXT_SIZE];

	table_add(table, COLOUR_NONE, "%s", a->pod);
	table_add(table, COLOUR_NONE, "%s", a->pool);
	table_add(table, COLOUR_NONE, "%u", a->start);
	table_add(table, COLOUR_NONE, "%u", a->count);
	table_add(table, COLOUR_NONE, "%s", subidd_state_name(a->state));
	table_add(table, COLOUR_NONE, "%s",
		  time_text(a->released_at ? a->released_at : a->created_at, since));
	table_add(table, a->in_pool ? COLOUR_NONE : COLOUR_YELLOW, a->in_pool ? "yes" : "no");
	add_pod_name(table, a);
}

static int print_table(struct subidd_iterator *iterator)
{
	_cleanup_(table_done) struct table table;
	const struct subidd_allocation *allocation;
	int r;

	table_init(&table, columns, ELEMENTS_OF(columns));
	while ((r = subidd_iterator_next(iterator, &allocation)) > 0)
		add_row(&table, allocation);
	if (r == 0)
		table_print(&table);
	return r;
}

static int print_json(struct subidd_iterator *iterator)
{
	const struct subidd_allocation *allocation;
	const char *separator = "";
	int r;

	fputs("{\"allocations\":[", stdout);
	while ((r = subidd_iterator_next(iterator, &allocation)) > 0) {
		printf("%s%s", separator, allocation->json);
		separator = ",";
	}
	puts("]}");
	return r;
}

static bool find_state(const struct context *context, enum subidd_state *ret)
{
	const char *name = context->options[OPTION_STATE];
	int state = SUBIDD_STATE_ANY;

	if (!name) {
		*ret = SUBIDD_STATE_ANY;
		return true;
	}
	while (subidd_state_name((enum subidd_state)++ state))
		if (strcmp(subidd_state_name((enum subidd_state)state), name) == 0) {
			*ret = (enum subidd_state)state;
			return true;
		}
	options_refuse(context->verb, "--state is active, draining or released and not '%s'", name);
	return false;
}

static enum exit_status list_allocations(struct context *context)
{
	_cleanup_(subidd_iterator_freep) struct subidd_iterator *iterator = NULL;
	enum subidd_state state;
	int r;

	if (!find_state(context, &state))
		return STATUS_USAGE;
	r = subidd_list(context->client, context->options[OPTION_POOL], state, &iterator);
	if (r == 0)
		r = context->options[OPTION_JSON] ? print_json(iterator) : print_table(iterator);
	return r < 0 ? failure(context, r) : STATUS_DONE;
}

static enum exit_status run(struct context *context)
{
	if (!context->options[OPTION_FOREIGN])
		return list_allocations(context);
	if (context->options[OPTION_STATE])
		return options_refuse(context->verb, "--foreign and --state exclude each other");
	return list_foreign(context);
}

const struct verb list_verb = {
	.name = "list",
	.arguments = "",
	.summary = "list the allocations",
	.help = "Lists the allocations in the order of their ranges. SINCE is when the pod got the range,\n"
		"of a released one when it gave it back.\n"
		"\n"
		"With --foreign: ranges of the pools that something uses which did not ask for them, and a\n"
		"process that does; nobody gets them meanwhile. Those without a PID stand in files of the\n"
		"kubelet.\n"
		"\n"
		"Options:\n"
		"  --pool POOL          only those of this pool\n"
		"  --state STATE        only those that are active, draining or released\n"
		"  --foreign            what is in use and was not asked for\n"
		"\n"
		"Example:\n"
		"  subidctl --json list --pool kubelet --state active\n",
	.options = OPTION_BIT(OPTION_POOL) | OPTION_BIT(OPTION_STATE) | OPTION_BIT(OPTION_FOREIGN),
	.run = run,
};
