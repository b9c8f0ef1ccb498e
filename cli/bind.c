/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"
#include "options.h"

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	const char *pod = context->arguments[0];
	uint32_t pid;
	int r;

	if (!options_number(context->verb, "PID", context->arguments[1], 1, &pid))
		return STATUS_USAGE;
	r = subidd_bind(context->client, pod, pid, &result);
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON])
		puts(result->json);
	else
		printf("%s: %u:%u is released when the process %u ends\n", pod,
		       result->allocation->start, result->allocation->count, pid);
	return STATUS_DONE;
}

const struct verb bind_verb = {
	.name = "bind",
	.arguments = "POD PID",
	.summary = "release the range of a pod when a process ends",
	.help = "Ties the range of a pod to a process: when that ends, also while the daemon is down, the\n"
		"range is released. Takes the place of the process that it was tied to before.\n"
		"\n"
		"Example:\n"
		"  subidctl bind web $$\n",
	.denied = "root may; others bind only what they allocated themselves, if AllowUsers= or "
		  "AllowGroups= of subidd.conf names them",
	.min_arguments = 2,
	.max_arguments = 2,
	.run = run,
};
