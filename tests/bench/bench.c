/* SPDX-License-Identifier: MIT */

/*
 * How fast is the daemon, beside what the machine itself takes? tools/bench builds and runs this.
 *
 * The work is done by a child. This process only waits for it, ends all that it has started and
 * removes the scratch folder, however the child ends. Exit status: 0 if all rows are reached, 1 if
 * some are not, 2 if it could not be measured.
 */

#include "bench.h"

#include "cleanup.h"

#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct options {
	const char *program;
	const char *folder;
	bool as_json;
};

static const char usage[] =
	"Usage: subidd-bench [--json] [--daemon FILE] [--dir FOLDER]\n"
	"Measures the daemon FILE in a scratch folder that is made in FOLDER.\n";

static struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "daemon", required_argument, NULL, 'd' },
		{ "dir", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct options options = { BUILD_FOLDER "/daemon/subidd", BUILD_FOLDER, false };
	int option;

	while ((option = getopt_long(argc, argv, "h", names, NULL)) >= 0) {
		if (option == 'd')
			options.program = optarg;
		else if (option == 'f')
			options.folder = optarg;
		else if (option == 'j')
			options.as_json = true;
		else
			exit(fputs(usage, option == 'h' ? stdout : stderr) < 0 || option != 'h'
				     ? 2
				     : 0);
	}
	if (optind < argc)
		exit(fputs(usage, stderr) < 0 ? 2 : 2);
	return options;
}

void bench_say(const char *text)
{
	fprintf(stderr, "# %s\n", text);
}

/* The child's part. */
static int work(const struct options *options, const char *folder)
{
	struct bench bench;
	bool are_reached;

	bench_run(&bench, options->program, folder);
	are_reached = rows_print(&bench, options->as_json);
	bench_done(&bench);
	return are_reached ? 0 : 1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Waits for the child or a signal that ends it all; returns the exit status. */
static int wait_end(pid_t child, const sigset_t *signals)
{
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		int number = sigwaitinfo(signals, NULL);

		if (number < 0 || number == SIGCHLD)
			continue;
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return 128 + number;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* The daemons get SIGKILL when the child has ended, and become children of this process. */
static void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static int guard(const struct options *options, const char *folder)
{
	sigset_t signals, before;
	pid_t child;
	int status;

	sigemptyset(&signals);
	for (size_t i = 0; i < 4; i++)
		sigaddset(&signals, ((int[]){ SIGCHLD, SIGINT, SIGTERM, SIGHUP })[i]);
	sigprocmask(SIG_BLOCK, &signals, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		exit(work(options, folder));
	}
	status = child < 0 ? 2 : wait_end(child, &signals);
	reap_all();
	return status;
}

int main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);
	_cleanup_(freep) char *place = realpath(options.folder, NULL);
	_cleanup_(freep) char *folder = NULL;
	int status;

	if (!place || asprintf(&folder, "%s/bench-XXXXXX", place) < 0 || !mkdtemp(folder))
		err(2, "%s", options.folder);
	status = guard(&options, folder);
	if (nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0)
		warn("%s", folder);
	return status;
}
