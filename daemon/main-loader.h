/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reads the configuration and the node's files in a thread of its own, because getsubids(1) may
 * take seconds and no client should wait for it. One load runs at a time; what is asked for
 * meanwhile is done by one more load after it.
 */

#include "node/node.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

enum load_kind {
	LOAD_FILES,  /* the node's files, under the configuration in force */
	LOAD_CONFIG, /* the configuration as well */
};

/* What a load has found. What of it is wanted has to be taken out; the rest is freed. */
struct load_result {
	enum load_kind kind;
	int error;		     /* 0; -EINVAL: the configuration is wrong; or -ENOMEM */
	struct config_error refusal; /* of -EINVAL */
	struct config config;	     /* of LOAD_CONFIG */
	struct node_state state;
};

void load_result_done(struct load_result *result);

/* Logs why a configuration was refused, and TAIL behind it. */
void load_log_refusal(const struct config_error *refusal, const char *tail);

struct loader;

/*
 * CONFIG_FILE and ROOT are those of config_load(). CONFIG is the configuration in force, which may
 * be changed by LOADED alone; that is called from the event loop after each load. All must outlive
 * the loader.
 */
int loader_new(sd_event *event, const char *config_file, const char *root,
	       const struct config *config,
	       void (*loaded)(struct load_result *result, void *userdata), void *userdata,
	       struct loader **ret);

/* Waits for a load at work. */
void loader_free(struct loader *loader);

/* Asks for a load that begins after this call. Returns whether it has begun at once. */
bool loader_request(struct loader *loader, enum load_kind kind);

/* Will another load of that kind begin after the one at work? */
bool loader_is_wanted(const struct loader *loader, enum load_kind kind);

/* Loads at once, in this thread. */
void loader_run(enum load_kind kind, const char *config_file, const char *root,
		const struct config *config, struct load_result *ret);
