/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The node as subidd sees it: the configuration, and what the node's files make of it.
 *
 * Everything here reads and never writes. The functions block (a child process is waited for, up to
 * its time limit) and keep no state, so they may run in any thread.
 */

#include "core/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why the configuration was refused. */
struct config_error {
	char *message;
	char *file;    /* NULL if it concerns no file */
	uint32_t line; /* counted from 1; 0 if it concerns no line */
};

void config_error_done(struct config_error *error);

struct config {
	char **allow_users; /* names or numeric UIDs, in the order of the files */
	size_t n_allow_users;
	char **allow_groups; /* names or numeric GIDs */
	size_t n_allow_groups;
	uint32_t max_allocations_per_user; /* 0: no limit */
	uint32_t reuse_delay_sec;	   /* that a released unit waits */
	uint32_t scan_interval_sec;
	uint32_t blind_drain_sec;
	uint32_t history_days;
	uint32_t history_events;
	struct pool_settings *pools; /* at least one */
	size_t n_pools;
};

/*
 * Reads the configuration: FILE and the *.conf of the folder FILE.d in the order of their names, or
 * where FILE is NULL ROOT/etc/subidd/subidd.conf and its folder, which need not exist. ROOT is ""
 * for the real root. Returns 0 and fills *ret; -EINVAL and fills *ret_error if the configuration is
 * wrong or cannot be read; -ENOMEM.
 */
int config_load(const char *file, const char *root, struct config *ret,
		struct config_error *ret_error);

/* Frees what it holds and leaves it empty. */
void config_done(struct config *config);

/* What the node's files make of a configuration. */
struct node_state {
	struct pools pools; /* in the order of the configuration */
	uint32_t *writer_uids;
	size_t n_writer_uids;
	uint32_t *writer_gids;
	size_t n_writer_gids;
	char **unknown_writers; /* names of AllowUsers= and AllowGroups= that no account has */
	size_t n_unknown_writers;
	char **inputs; /* paths of all files that this state depends on, missing ones as well */
	size_t n_inputs;
};

/*
 * Reads the accounts, the subordinate ID files or getsubids(1) and the KubeletConfigurations, and
 * validates every pool. What is wrong with the node's files is a finding of the pool, never an
 * error of this function. Returns 0 or -ENOMEM.
 */
int node_load(const struct config *config, const char *root, struct node_state *ret);

/* Frees what it holds and leaves it empty. */
void node_state_done(struct node_state *state);
