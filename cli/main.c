/* SPDX-License-Identifier: MIT */
#include "cleanup.h"
#include "options.h"
#include "text.h"
#include "verb.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct verb *const verbs[] = {
	&allocate_verb, &bind_verb,    &release_verb, &reconcile_verb, &show_verb,  &list_verb,
	&whois_verb,	&history_verb, &watch_verb,   &status_verb,    &check_verb, &backup_verb,
	&reload_verb,	NULL,
};

static void print_common_options(void)
{
	puts("  --socket PATH        the daemon's socket, else that of SUBIDD_SOCKET, else\n"
	     "                       " SUBIDD_SOCKET_PATH "\n"
	     "  --json               JSON for programs in place of tables\n"
	     "  -h, --help           this text");
}

static void print_help(void)
{
	puts("Usage: subidctl [--socket PATH] [--json] VERB [ARGUMENT...]\n"
	     "\n"
	     "Asks subidd, which hands out the subordinate IDs of this node.\n"
	     "\n"
	     "Verbs, each with a --help of its own:");
	for (size_t i = 0; verbs[i]; i++)
		printf("  %-9s %-8s %s\n", verbs[i]->name, verbs[i]->arguments, verbs[i]->summary);
	puts("\nOptions:");
	print_common_options();
	puts("  --version            the version\n"
	     "\n"
	     "Exit status: 0 done, 1 refused or found wrong, 2 bad usage, 3 the daemon cannot be reached.\n"
	     "\n"
	     "Example: subidctl allocate web -o range");
}

static void print_verb_help(const struct verb *verb)
{
	printf("Usage: subidctl %s [OPTION...]%s%s\n\n%s", verb->name, *verb->arguments ? " " : "",
	       verb->arguments, verb->help);
	puts("\nOptions of every verb:");
	print_common_options();
}

static enum exit_status run_verb(struct context *context)
{
	const char *path = context->options[OPTION_SOCKET];
	enum exit_status status;
	int r;

	if (!path)
		path = getenv("SUBIDD_SOCKET");
	if (path && !*path)
		path = NULL;
	r = subidd_client_new(&context->client, path);
	if (r < 0) {
		complain("cannot use the socket %s: %s", path ? path : SUBIDD_SOCKET_PATH,
			 strerror(-r));
		return r == -ENAMETOOLONG ? STATUS_USAGE : STATUS_REFUSED;
	}
	status = context->verb->run(context);
	subidd_client_free(context->client);
	return status;
}

static enum exit_status run(struct context *context)
{
	if (context->options[OPTION_VERSION])
		puts("subidctl " SUBIDD_VERSION);
	else if (context->options[OPTION_HELP] && context->verb)
		print_verb_help(context->verb);
	else if (context->options[OPTION_HELP])
		print_help();
	else
		return run_verb(context);
	return STATUS_DONE;
}

/* What was printed must have got to where it is wanted. */
static enum exit_status finish_output(enum exit_status status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (fclose(stdout) == 0 && !failed)
		return status;
	complain("cannot write the output: %s", errno ? strerror(errno) : "a write failed");
	return status > STATUS_REFUSED ? status : STATUS_REFUSED;
}

int main(int argc, char **argv)
{
	struct context context;

	/* a reader that leaves early ends the program, quietly, also where this was ignored */
	signal(SIGPIPE, SIG_DFL);
	if (!options_parse(argc, argv, verbs, &context))
		return STATUS_USAGE;
	return (int)finish_output(run(&context));
}
