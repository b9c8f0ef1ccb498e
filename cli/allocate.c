/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"
#include "format.h"
#include "options.h"

static const struct column columns[] = {
	{ "POD" }, { "POOL" }, { "START", true }, { "COUNT", true }, { "OUTCOME" },
};

static void print_table(const struct subidd_result *result)
{
	_cleanup_(table_done) struct table table;

	table_init(&table, columns, ELEMENTS_OF(columns));
	table_add(&table, COLOUR_NONE, "%s", result->allocation->pod);
	table_add(&table, COLOUR_NONE, "%s", result->allocation->pool);
	table_add(&table, COLOUR_NONE, "%u", result->allocation->start);
	table_add(&table, COLOUR_NONE, "%u", result->allocation->count);
	table_add(&table, COLOUR_NONE, "%s", subidd_outcome_name(result->outcome));
	table_print(&table);
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	const char *count = context->options[OPTION_COUNT], *pid = context->options[OPTION_PID];
	const char *start = context->options[OPTION_START];
	const struct format *format;
	struct subidd_request request = {
		.pod = context->arguments[0],
		.pool = context->options[OPTION_POOL],
		.pod_namespace = context->options[OPTION_NAMESPACE],
		.pod_name = context->options[OPTION_NAME],
	};
	uint32_t number = 0, process = 0, first = 0;
	int r;

	format = format_find(context);
	if (!format || (count && !options_number(context->verb, "--count", count, 1, &number)) ||
	    (pid && !options_number(context->verb, "--pid", pid, 1, &process)) ||
	    (start && !options_number(context->verb, "--start", start, 1, &first)))
		return STATUS_USAGE;
	request.count = number;
	request.pid = process;
	request.start = first;
	r = subidd_allocate(context->client, &request, sizeof(request), &result);
	if (r < 0)
		return failure(context, r);
	switch (format->kind) {
	case FORMAT_TABLE:
		print_table(result);
		break;
	case FORMAT_JSON:
		puts(result->json);
		break;
	case FORMAT_PASTE:
		format_print(format, result->allocation);
		break;
	}
	return STATUS_DONE;
}

const struct verb allocate_verb = {
	.name = "allocate",
	.arguments = "POD",
	.summary = "give a pod its range, the same each time",
	.help = "Gives the pod a range of host IDs that no other pod has, or the one that it has: asking\n"
		"again changes nothing. A pod that comes back gets its old range if that is still free.\n"
		"\n"
		"With --start it records the range that the pod was started with already, and says what is\n"
		"in the way if that is in use; what lives there must be the pod's, as --pid shows.\n"
		"\n"
		"Options:\n"
		"  --namespace NAME     Kubernetes namespace of the pod, kept for people\n"
		"  --name NAME          name of the pod, kept for people\n"
		"  --pool POOL          may be left out where there is only one\n"
		"  --count N            number of IDs, a multiple of the pool's unit; else one unit\n"
		"  --pid PID            release the range when this process ends\n"
		"  --start ID           record this range, for root\n" FORMAT_HELP "\n"
		"Example:\n"
		"  ids=$(subidctl allocate web -o podman) && podman run $ids docker.io/library/nginx\n",
	.denied = "be root or named in AllowUsers= or AllowGroups= of subidd.conf",
	.options = OPTION_BIT(OPTION_POOL) | OPTION_BIT(OPTION_COUNT) |
		   OPTION_BIT(OPTION_NAMESPACE) | OPTION_BIT(OPTION_NAME) |
		   OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_PID) | OPTION_BIT(OPTION_START),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
