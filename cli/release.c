/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"

static void print_text(const char *pod, const struct subidd_result *result)
{
	const struct subidd_allocation *allocation = result->allocation;

	print_escaped(stdout, pod);
	if (result->released && allocation)
		printf(": released %u:%u\n", allocation->start, allocation->count);
	else if (result->released)
		puts(": released");
	else
		puts(allocation ? ": was released before" : ": was not held");
}

static enum exit_status release(struct context *context, const char *pod)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	int r;

	r = subidd_release(context->client, pod, &result);
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON])
		puts(result->json);
	else
		print_text(pod, result);
	return STATUS_DONE;
}

/* Goes on after a refusal, but not without a daemon. */
static enum exit_status run(struct context *context)
{
	enum exit_status status = STATUS_DONE;

	for (int i = 0; i < context->n_arguments && status != STATUS_UNREACHABLE; i++) {
		enum exit_status one = release(context, context->arguments[i]);

		status = one > status ? one : status;
	}
	return status;
}

const struct verb release_verb = {
	.name = "release",
	.arguments = "POD...",
	.summary = "give the ranges of pods back",
	.help = "Gives the ranges of the pods back. A pod that has none, or had it released before, is no\n"
		"error. After a refusal the other pods are released all the same. A range drains until nothing\n"
		"alive maps it; only then can another pod have it.\n"
		"\n"
		"With --json: the reply of each call, one in a line, in the order of the pods.\n"
		"\n"
		"Example:\n"
		"  subidctl release 8f1f5d3a-7a3e-4a5e-9f0e-2d7a1c9b4e11\n",
	.denied = "root may; others release only what they allocated themselves, if AllowUsers= or "
		  "AllowGroups= of subidd.conf names them",
	.min_arguments = 1,
	.max_arguments = ARGUMENTS_MAX,
	.run = run,
};
