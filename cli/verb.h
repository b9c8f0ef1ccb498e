/* SPDX-License-Identifier: MIT */
#pragma once

/* What a verb is, and what it runs in. */

#include "subidd.h"

#include <stdbool.h>
#include <stdint.h>

enum exit_status {
	STATUS_DONE = 0,
	STATUS_REFUSED = 1, /* or found wrong */
	STATUS_USAGE = 2,
	STATUS_UNREACHABLE = 3,
};

enum option_name {
	OPTION_SOCKET,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_POOL,
	OPTION_COUNT,
	OPTION_NAMESPACE,
	OPTION_NAME,
	OPTION_OUTPUT,
	OPTION_STATE,
	OPTION_ROOT,
	OPTION_CONFIG,
	OPTION_POD,
	OPTION_ID,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_LIMIT,
	OPTION_PID,
	OPTION_CREATED_BEFORE,
	OPTION_DRY_RUN,
	OPTION_NONE_ALIVE,
	OPTION_FOREIGN,
	OPTION_FILE,
	OPTION_AT,
	OPTION_START,
	N_OPTIONS
};

struct context {
	const struct verb *verb;	/* NULL if there is none */
	const char *options[N_OPTIONS]; /* values; NULL where one was not given */
	char **arguments;		/* what stands behind the verb */
	int n_arguments;
	struct subidd_client *client;
};

struct verb {
	const char *name;
	const char *arguments; /* for people */
	const char *summary;   /* a line */
	const char *help;      /* options, example */
	const char *denied;    /* what to do when the daemon does not permit it; may be NULL */
	unsigned int options;  /* bits, besides those that every verb takes */
	int min_arguments, max_arguments;
	enum exit_status (*run)(struct context *context);
};

#define OPTION_BIT(option) (1u << (option))
#define ARGUMENTS_MAX 65536

extern const struct verb allocate_verb, release_verb, show_verb, list_verb, whois_verb, status_verb,
	check_verb, reload_verb, backup_verb, history_verb, watch_verb, bind_verb, reconcile_verb;
