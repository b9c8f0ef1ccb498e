/* SPDX-License-Identifier: MIT */
#include "failure.h"
#include "pools.h"
#include "text.h"

#include <errno.h>
#include <string.h>

static void print_finding(const struct subidd_finding *finding)
{
	enum colour colour = finding->level == SUBIDD_LEVEL_ERROR ? COLOUR_RED : COLOUR_YELLOW;

	printf("  %s%s%s ", colour_begin(colour), subidd_level_name(finding->level),
	       colour_end(colour));
	print_escaped(stdout, finding->rule);
	if (finding->file) {
		putchar(' ');
		print_escaped(stdout, finding->file);
	}
	if (finding->file && finding->line > 0)
		printf(":%u", finding->line);
	fputs(": ", stdout);
	print_escaped(stdout, finding->message);
	putchar('\n');
}

static void print_pool(const struct subidd_pool *pool)
{
	fputs("pool ", stdout);
	print_escaped(stdout, pool->name);
	fputs(" (owner ", stdout);
	print_escaped(stdout, pool->owner);
	if (pool->valid)
		printf("): %svalid%s, %u:%u, %u units of %u for %u pods\n",
		       colour_begin(COLOUR_GREEN), colour_end(COLOUR_GREEN), pool->start,
		       pool->count, pool->capacity, pool->unit, pool->max_pods);
	else
		printf("): %sinvalid%s\n", colour_begin(COLOUR_RED), colour_end(COLOUR_RED));
	for (size_t i = 0; i < pool->n_findings; i++)
		print_finding(pool->findings[i]);
}

static void print_json(const struct subidd_status *status)
{
	fputs("{\"pools\":[", stdout);
	for (size_t i = 0; i < status->n_pools; i++)
		printf("%s%s", i > 0 ? "," : "", status->pools[i]->json);
	puts("]}");
}

static enum exit_status print_findings(const struct context *context,
				       const struct subidd_status *status)
{
	enum exit_status result = STATUS_DONE;

	if (context->options[OPTION_JSON])
		print_json(status);
	for (size_t i = 0; i < status->n_pools; i++) {
		if (!context->options[OPTION_JSON])
			print_pool(status->pools[i]);
		if (!status->pools[i]->valid)
			result = STATUS_REFUSED;
	}
	return result;
}

/* Becomes the daemon's own check of the files. Returns only if there is no such program. */
static void check_files(const struct context *context, const char *daemon)
{
	const char *root = context->options[OPTION_ROOT], *config = context->options[OPTION_CONFIG];
	const char *arguments[8] = { daemon, "--check" };
	size_t n = 2;

	if (context->options[OPTION_JSON])
		arguments[n++] = "--json";
	if (root) {
		arguments[n++] = "--root";
		arguments[n++] = root;
	}
	if (config) {
		arguments[n++] = "--config";
		arguments[n++] = config;
	}
	execv(daemon, (char *const *)arguments);
	if (errno == ENOENT && strcmp(daemon, SUBIDD_DAEMON_PATH) == 0)
		execvp("subidd", (char *const *)arguments); /* not installed, but built */
	complain("cannot run %s: %s", daemon, strerror(errno));
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	const char *daemon = getenv("SUBIDD_DAEMON");
	int r;

	if (!daemon)
		daemon = SUBIDD_DAEMON_PATH;
	if (context->options[OPTION_ROOT] || context->options[OPTION_CONFIG]) {
		check_files(context, daemon);
		return STATUS_REFUSED;
	}
	r = subidd_get_status(context->client, &status);
	if (r == 0)
		return print_findings(context, status);
	if (!is_unreachable(context, r))
		return failure(context, r);
	complain("%s; checking the files without it", subidd_client_error_message(context->client));
	check_files(context, daemon);
	return STATUS_UNREACHABLE;
}

const struct verb check_verb = {
	.name = "check",
	.arguments = "",
	.summary = "show what is wrong with the pools",
	.help = "Shows what is wrong with each pool, by the rules in subidd.conf(5). Asks the daemon; where\n"
		"there is none, or with an option, the files are checked without it. Exit status 1 if a pool\n"
		"is invalid.\n"
		"\n"
		"Options:\n"
		"  --root DIR           read the files under DIR\n"
		"  --config FILE        read this configuration\n"
		"\n"
		"Example:\n"
		"  subidctl check\n",
	.options = OPTION_BIT(OPTION_ROOT) | OPTION_BIT(OPTION_CONFIG),
	.run = run,
};
