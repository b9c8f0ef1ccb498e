/* SPDX-License-Identifier: MIT */
#include "main-options.h"

#include "cleanup.h"
#include "log.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: subidd [OPTION...]\n"
	"\n"
	"Owns the subordinate IDs of a node and gives each pod a range of its own.\n"
	"\n"
	"  --config FILE      read FILE and FILE.d/*.conf, not /etc/subidd/subidd.conf\n"
	"  --root DIR         read every file under DIR, put socket and state there\n"
	"  --socket PATH      listen on PATH, not /run/subidd/io.subidd.Allocator\n"
	"  --state-dir DIR    keep the database in DIR, not /var/lib/subidd\n"
	"  --log-level LEVEL  error, warning, info (default) or debug\n"
	"  --check            print what is wrong with the pools and exit: 0 no error, 1 errors\n"
	"  --json             with --check: print it as JSON\n"
	"  --restore FILE     put a backup in the place of the database and exit\n"
	"  --version          print the version and exit\n"
	"  -h, --help         print this and exit\n";

enum {
	OPTION_CONFIG = 256,
	OPTION_ROOT,
	OPTION_SOCKET,
	OPTION_STATE_DIR,
	OPTION_LOG_LEVEL,
	OPTION_CHECK,
	OPTION_JSON,
	OPTION_RESTORE,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "state-dir", required_argument, NULL, OPTION_STATE_DIR },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "restore", required_argument, NULL, OPTION_RESTORE },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{},
};

/* What the command line said, before the defaults. */
struct raw {
	struct options *options;
	const char *root, *socket, *state_dir;
};

/* Returns -1 to go on, or the status to exit with. */
static int take_option(int option, struct raw *raw)
{
	switch (option) {
	case OPTION_CONFIG:
		raw->options->config = optarg;
		return -1;
	case OPTION_ROOT:
		raw->root = optarg;
		return -1;
	case OPTION_SOCKET:
		raw->socket = optarg;
		return -1;
	case OPTION_STATE_DIR:
		raw->state_dir = optarg;
		return -1;
	case OPTION_LOG_LEVEL:
		if (log_set_level(optarg))
			return -1;
		fprintf(stderr, "subidd: there is no log level '%s': error, warning, info, debug\n",
			optarg);
		return STATUS_USAGE;
	case OPTION_CHECK:
		raw->options->check = true;
		return -1;
	case OPTION_JSON:
		raw->options->json = true;
		return -1;
	case OPTION_RESTORE:
		raw->options->restore = optarg;
		return -1;
	case OPTION_VERSION:
		puts("subidd " VERSION);
		return STATUS_OK;
	case 'h':
		fputs(help, stdout);
		return STATUS_OK;
	}
	fputs("subidd: see subidd --help\n", stderr);
	return STATUS_USAGE;
}

/* Without a slash at the end; "/" becomes "". */
static char *copy_root(const char *root)
{
	size_t length = strlen(root);

	while (length > 0 && root[length - 1] == '/')
		length--;
	return strndup(root, length);
}

static char *default_to(const char *given, const char *root, const char *path)
{
	char *joined;

	if (given)
		return strdup(given);
	return asprintf(&joined, "%s%s", root, path) < 0 ? NULL : joined;
}

static int complete(struct raw *raw)
{
	struct options *o = raw->options;

	o->root = copy_root(raw->root ? raw->root : "");
	if (!o->root)
		return -1;
	o->socket = default_to(raw->socket, o->root, "/run/subidd/io.subidd.Allocator");
	o->state_dir = default_to(raw->state_dir, o->root, "/var/lib/subidd");
	return o->socket && o->state_dir ? 0 : -1;
}

bool options_parse(int argc, char **argv, struct options *ret, int *ret_status)
{
	_cleanup_(options_done) struct options options = {};
	struct raw raw = { .options = &options };
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "h", long_options, &index)) >= 0) {
		if (optarg && !*optarg) {
			fprintf(stderr, "subidd: --%s needs a value that is not empty\n",
				long_options[index].name);
			*ret_status = STATUS_USAGE;
			return false;
		}
		*ret_status = take_option(option, &raw);
		if (*ret_status >= 0)
			return false;
	}
	*ret_status = STATUS_USAGE;
	if (optind < argc) {
		fprintf(stderr, "subidd: '%s' is not understood; see subidd --help\n",
			argv[optind]);
		return false;
	}
	if (options.json && !options.check) {
		fputs("subidd: --json goes with --check\n", stderr);
		return false;
	}
	if (options.restore && options.check) {
		fputs("subidd: --restore does not go with --check\n", stderr);
		return false;
	}
	if (raw.root && access(raw.root, F_OK) < 0) {
		fprintf(stderr, "subidd: --root %s: %m\n", raw.root);
		return false;
	}
	if (complete(&raw) < 0) {
		*ret_status = STATUS_FAILURE;
		log_line(LOG_LEVEL_ERROR, "out of memory");
		return false;
	}
	*ret = options;
	options = (struct options){};
	return true;
}

void options_done(struct options *options)
{
	free(options->root);
	free(options->socket);
	free(options->state_dir);
	*options = (struct options){};
}
