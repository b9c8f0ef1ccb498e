/* SPDX-License-Identifier: MIT */
#include "failure.h"
#include "pools.h"

#include <stdio.h>

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	int r;

	r = subidd_reload(context->client, &status);
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON]) {
		puts(status->json);
		return STATUS_DONE;
	}
	print_pools(status);
	point_to_findings(status);
	return STATUS_DONE;
}

const struct verb reload_verb = {
	.name = "reload",
	.arguments = "",
	.summary = "let the daemon read its configuration again",
	.help = "Lets the daemon read its configuration and the node's files again and shows the pools\n"
		"after that. Changes to the node's files are seen without it. For root.\n"
		"\n"
		"Example:\n"
		"  subidctl reload\n",
	.denied = "be root",
	.run = run,
};
