/* SPDX-License-Identifier: MIT */
#include "main-restore.h"

#include "cleanup.h"
#include "log.h"
#include "main-socket.h"
#include "node/clock.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const enum exit_status statuses[] = {
	[STORE_E_LOCKED] = STATUS_IN_USE,   [STORE_E_NEWER] = STATUS_NEWER,
	[STORE_E_FOREIGN] = STATUS_FOREIGN, [STORE_E_CORRUPT] = STATUS_CORRUPT,
	[STORE_E_LOST] = STATUS_LOST,
};

enum exit_status restore_status(int r)
{
	if (r == 0)
		return STATUS_OK;
	return r < 0 ? STATUS_FAILURE : statuses[r];
}

enum exit_status restore_run(const struct options *options)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *kept = NULL;
	struct moment now;
	int r;

	umask(0077);
	clock_now(&now);
	r = make_parents(options->state_dir);
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "%s: %s", options->state_dir, strerror(-r));
		return STATUS_FAILURE;
	}
	r = store_restore(options->state_dir, options->restore, now.wall, &kept, &message);
	if (r != 0) {
		log_line(LOG_LEVEL_ERROR, "nothing was restored: %s%s",
			 message ? message : strerror(r < 0 ? -r : ENOMEM),
			 r == -EACCES ? ": be root, or try --root DIR" : "");
		return restore_status(r);
	}
	log_line(LOG_LEVEL_INFO, "restored %s%s%s", options->restore,
		 kept ? "; the database before is kept as " : "", kept ? kept : "");
	return STATUS_OK;
}
