/* SPDX-License-Identifier: MIT */
#include "pools.h"

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	int r = subidd_reload(context->client, &status);

	return print_answer(context, r, status, NULL);
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
