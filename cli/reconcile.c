/* SPDX-License-Identifier: MIT */
#include "cleanup.h"
#include "failure.h"
#include "options.h"
#include "podlist.h"
#include "text.h"

DEFINE_CLEANUP(struct subidd_reconciliation *, subidd_reconciliation_free)

/*
 * Makes the list of the pods that live. An empty one would release everything: a list whose
 * program failed is empty as well, so it must be said that none is alive.
 */
static enum exit_status make_list(const struct context *context, struct podlist *list)
{
	bool none_alive = context->options[OPTION_NONE_ALIVE];
	bool is_terminal = isatty(STDIN_FILENO);

	if (context->n_arguments > 0)
		return podlist_add_arguments(list, context->arguments, context->n_arguments)
			       ? STATUS_DONE
			       : STATUS_USAGE;
	if (is_terminal && !none_alive)
		return options_refuse(context->verb, "standard input is a terminal: name the pods "
						     "that live, or pipe them in");
	if (!is_terminal && !podlist_read(list, stdin))
		return ferror(stdin) ? STATUS_REFUSED : STATUS_USAGE;
	if (list->n == 0 && !none_alive)
		return options_refuse(context->verb,
				      "the list of pods is empty, which would release everything: "
				      "say --none-alive if that is meant");
	return STATUS_DONE;
}

static void print_pods(const char *const *pods, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		print_escaped(stdout, pods[i]);
		printf(": %s\n", what);
	}
}

static void print_text(const struct subidd_reconciliation *done, bool dry_run)
{
	print_pods(done->released, done->n_released, dry_run ? "would be released" : "released");
	print_pods(done->missing, done->n_missing, "has no active range");
	if (done->n_released == 0)
		puts("nothing to release");
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_reconciliation_freep) struct subidd_reconciliation *done = NULL;
	_cleanup_(podlist_done) struct podlist list = {};
	const char *before = context->options[OPTION_CREATED_BEFORE];
	uint64_t now = when_now(); /* before the list is read */
	struct when when = { now, now };
	struct subidd_reconcile_request request = {
		.pool = context->options[OPTION_POOL],
		.dry_run = context->options[OPTION_DRY_RUN],
	};
	enum exit_status status;
	int r;

	if (before && !options_time(context->verb, "--created-before", before, now, &when))
		return STATUS_USAGE;
	status = make_list(context, &list);
	if (status != STATUS_DONE)
		return status;
	request.pods = (const char *const *)list.pods;
	request.n_pods = list.n;
	request.created_before = when.first;
	r = subidd_reconcile(context->client, &request, sizeof(request), &done);
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON])
		puts(done->json);
	else
		print_text(done, request.dry_run);
	return STATUS_DONE;
}

const struct verb reconcile_verb = {
	.name = "reconcile",
	.arguments = "[POD...]",
	.summary = "release the ranges of all pods but those that live",
	.help = "Releases the ranges of all pods but those in the list: the arguments or, without any, the\n"
		"lines of standard input, where blank lines and those that begin with # are skipped. An\n"
		"empty list is refused. Pods of the kubelet are left alone.\n"
		"\n"
		"What was allocated after the command was started is kept, so the list may be taken while\n"
		"pods start. If it is older than the command, say when it was taken: --created-before.\n"
		"\n"
		"Options:\n"
		"  --dry-run            only say what would be released\n"
		"  --pool POOL          only what is in this pool\n"
		"  --created-before T   only what was allocated before this time; else: the start of the command\n"
		"  --none-alive         an empty list is meant so: release everything\n"
		"\n" TIME_HELP "\n"
		"Example:\n"
		"  crictl pods --state ready -o json | jq -r '.items[].metadata.uid' | subidctl reconcile\n",
	.denied = "root or a user that AllowUsers= or AllowGroups= of subidd.conf names may",
	.options = OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_POOL) |
		   OPTION_BIT(OPTION_CREATED_BEFORE) | OPTION_BIT(OPTION_NONE_ALIVE),
	.max_arguments = ARGUMENTS_MAX,
	.run = run,
};
