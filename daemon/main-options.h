/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line of the daemon. */

#include <stdbool.h>

/* Exit statuses; subidd(8) and the service unit name them as well. */
enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1,
	STATUS_USAGE = 2,
	STATUS_CONFIGURATION = 3,
	STATUS_IN_USE = 4,  /* another daemon has the state folder or the socket */
	STATUS_NEWER = 5,   /* database of a later version */
	STATUS_FOREIGN = 6, /* database of another program */
	STATUS_CORRUPT = 7, /* damaged database */
	STATUS_LOST = 8,    /* the database is gone */
};

struct options {
	const char *config;  /* NULL: not given */
	char *root;	     /* without a slash at its end; "" for the real root */
	char *socket;	     /* path */
	char *state_dir;     /* path */
	const char *restore; /* FILE; NULL: not given */
	bool check;
	bool json;
};

/*
 * Reads the command line. Returns true if the daemon is to go on; or false and what to exit with in
 * *ret_status, after having printed the help, the version or what is wrong.
 */
bool options_parse(int argc, char **argv, struct options *ret, int *ret_status);

void options_done(struct options *options);
