/* SPDX-License-Identifier: MIT */

/* subidd: from the command line to the event loop, and out again. */

#include "cleanup.h"
#include "log.h"
#include "main-check.h"
#include "main-daemon.h"
#include "main-options.h"
#include "main-restore.h"

int main(int argc, char **argv)
{
	_cleanup_(options_done) struct options options = {};
	int status;

	if (!options_parse(argc, argv, &options, &status))
		return status;
	if (options.restore)
		return restore_run(&options);
	return options.check ? check_run(&options) : daemon_run(&options);
}
