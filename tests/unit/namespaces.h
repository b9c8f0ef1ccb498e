/* SPDX-License-Identifier: MIT */
#pragma once

/* Children in user namespaces of their own, for tests that look at them. A failure ends it all. */

#include "core/range.h"

#include <stdint.h>
#include <sys/types.h>

/* 112 units for this process alone: tests run side by side and see each other's processes. */
struct id_range namespaces_range(void);

/* What a child does once its maps are written; then it sleeps until it is killed. */
typedef void (*namespaces_act_fn)(void *userdata);

/*
 * Forks a child. With UIDS it makes a user namespace, whose maps become the texts, and becomes root
 * in there; an empty text leaves that map unwritten. Returns once ACT (NULL: nothing) is done.
 */
pid_t namespaces_fork(const char *uids, const char *gids, namespaces_act_fn act, void *userdata);

/* Writes a map: PROCESS's uid_map or gid_map. */
void namespaces_write_map(pid_t process, const char *name, const char *text);

/* Kills a child and waits for it. */
void namespaces_kill(pid_t child);

/* Waits until a child is a zombie, and leaves it one. */
void namespaces_await_zombie(pid_t child);

/* Skips the test unless it runs as root on a machine where user namespaces can be made. */
void namespaces_need(void);

/* Processes in the range that each fork the next one and exit at once, zombies that nobody sees. */
struct chain {
	pid_t keeper;
	int stop, ended; /* descriptors */
	uint64_t *n;	 /* how many there were so far */
};

struct chain chain_start(struct id_range range);

/* Ends it; none of them is left. */
void chain_stop(struct chain *chain);
