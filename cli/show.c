/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"
#include "format.h"

static void print_table(const struct subidd_allocation *allocation)
{
	_cleanup_(table_done) struct table table;

	table_init(&table, fact_columns, ELEMENTS_OF(fact_columns));
	add_allocation_facts(&table, allocation);
	table_print(&table);
}

/* What is pasted into a runtime's configuration must be the pod's own. */
static enum exit_status print_paste(const struct format *format,
				    const struct subidd_allocation *allocation)
{
	if (allocation->state != SUBIDD_STATE_ACTIVE) {
		complain("the pod %s does not have %u:%u any more, it is %s; to get a range again: "
			 "subidctl allocate %s",
			 allocation->pod, allocation->start, allocation->count,
			 subidd_state_name(allocation->state), allocation->pod);
		return STATUS_REFUSED;
	}
	format_print(format, allocation);
	return STATUS_DONE;
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	const struct format *format = format_find(context);
	int r;

	if (!format)
		return STATUS_USAGE;
	r = subidd_get(context->client, context->arguments[0], &result);
	if (r < 0)
		return failure(context, r);
	switch (format->kind) {
	case FORMAT_TABLE:
		print_table(result->allocation);
		break;
	case FORMAT_JSON:
		puts(result->json);
		break;
	case FORMAT_PASTE:
		return print_paste(format, result->allocation);
	}
	return STATUS_DONE;
}

const struct verb show_verb = {
	.name = "show",
	.arguments = "POD",
	.summary = "show the range of a pod",
	.help = "Shows the range of a pod; a released one as well, until another pod has got it. The\n"
		"formats that are to be pasted are for active ones only.\n"
		"\n"
		"Options:\n" FORMAT_HELP "\n"
		"Example:\n"
		"  subidctl show web -o range\n",
	.options = OPTION_BIT(OPTION_OUTPUT),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
