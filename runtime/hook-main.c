/* SPDX-License-Identifier: MIT */
#include "hook-stages.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define NAME "subidd-oci-hook"
#define RUN_DIR "/run/subidd-oci"
#define TIMEOUT UINT64_C(20000000) /* us, of each call */

enum { STATUS_DONE, STATUS_REFUSED, STATUS_USAGE };

static const struct stage {
	const char *name;
	int (*run)(struct hook *hook);
} stages[] = {
	{ "precreate", stage_precreate },
	{ "createRuntime", stage_create_runtime },
	{ "poststop", stage_poststop },
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' }, { "run-dir", required_argument, NULL, 'r' },
	{ "id", required_argument, NULL, 'i' },	    { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },	    {},
};

struct command {
	const char *socket;
	const char *run_dir;
	const char *id;
	const struct stage *stage; /* NULL: there is nothing to do */
};

static void print_help(void)
{
	puts("Usage: " NAME " [--socket PATH] [--run-dir DIR] [--id ID] STAGE\n"
	     "\n"
	     "An OCI hook, to be called by container runtimes: gives containers ranges of subidd's.\n"
	     "\n"
	     "Stages:\n"
	     "  precreate      reads a container's configuration and prints it with a range\n"
	     "  createRuntime  reads a container's state and records its range, or refuses it\n"
	     "  poststop       reads a container's state and gives its range back\n"
	     "\n"
	     "Options:\n"
	     "  --socket PATH  the daemon's socket, else " SUBIDD_SOCKET_PATH "\n"
	     "  --run-dir DIR  where root filesystems are mounted, else " RUN_DIR "\n"
	     "  --id ID        the container's ID at precreate, where its configuration does not tell it\n"
	     "  -h, --help     this text\n"
	     "  --version      the version\n"
	     "\n"
	     "Exit status: 0 done, 1 refused or failed, 2 bad usage.");
}

static int refuse_usage(const char *what, const char *argument)
{
	fprintf(stderr, NAME ": %s%s; see " NAME " --help\n", what, argument);
	return STATUS_USAGE;
}

static int find_stage(int argc, char **argv, struct command *command)
{
	if (optind == argc)
		return refuse_usage("a stage is missing", "");
	if (optind + 1 < argc)
		return refuse_usage("there is one stage, and no argument ", argv[optind + 1]);
	for (size_t i = 0; i < ELEMENTS_OF(stages); i++)
		if (strcmp(stages[i].name, argv[optind]) == 0) {
			command->stage = &stages[i];
			return STATUS_DONE;
		}
	return refuse_usage("there is no stage ", argv[optind]);
}

static int parse(int argc, char **argv, struct command *command)
{
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, ":h", long_options, NULL)) >= 0) {
		switch (code) {
		case 's':
			command->socket = optarg;
			break;
		case 'r':
			command->run_dir = optarg;
			break;
		case 'i':
			command->id = optarg;
			break;
		case 'h':
			print_help();
			return STATUS_DONE;
		case 'v':
			puts(NAME " " SUBIDD_VERSION);
			return STATUS_DONE;
		case ':':
			return refuse_usage("a value is missing behind ", argv[optind - 1]);
		default:
			return refuse_usage("there is no option ", argv[optind - 1]);
		}
	}
	return find_stage(argc, argv, command);
}

/*
 * Runtimes throw away what some hooks print, so the reason is for the journal as well. What it
 * quotes of annotations must not end the line.
 */
static void complain(const char *stage, char *reason)
{
	for (char *c = reason; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	fprintf(stderr, NAME ": %s: %s\n", stage, reason);
	(void)sd_journal_send("MESSAGE=%s: %s", stage, reason, "PRIORITY=3",
			      "SYSLOG_IDENTIFIER=" NAME, NULL);
}

static int run_stage(const struct stage *stage, struct subidd_client *client, struct hook *hook)
{
	subidd_client_set_timeout(client, TIMEOUT);
	hook->client = client;
	return stage->run(hook);
}

static int run(const struct command *command)
{
	struct hook hook = { .stage = command->stage->name,
			     .run_dir = command->run_dir,
			     .id = command->id };
	_cleanup_(subidd_client_freep) struct subidd_client *client = NULL;
	int r = subidd_client_new(&client, command->socket);

	if (r == -ENAMETOOLONG)
		return refuse_usage("the path of the socket is too long: ", command->socket);
	if (r < 0)
		hook_fail(&hook.failure, r, "out of memory");
	else
		r = run_stage(command->stage, client, &hook);
	if (r == 0)
		return STATUS_DONE;
	complain(hook.stage, hook.failure.text);
	return STATUS_REFUSED;
}

int main(int argc, char **argv)
{
	struct command command = { .run_dir = RUN_DIR };
	int status;

	/* a runtime that has gone must not keep us from giving back what it would have had */
	signal(SIGPIPE, SIG_IGN);
	status = parse(argc, argv, &command);
	if (status != STATUS_DONE || !command.stage)
		return status;
	return run(&command);
}
