/* SPDX-License-Identifier: MIT */
#pragma once

/* A list of pods that stands on the command line, or a line each in a file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* All zero is an empty one. */
struct podlist {
	char **pods;
	size_t n;
};

/* Add pods. Return true; false after a complaint about one that is none, or a failed read. */
bool podlist_add_arguments(struct podlist *list, char *const *arguments, int n);
bool podlist_read(struct podlist *list, FILE *in);

void podlist_done(struct podlist *list);
