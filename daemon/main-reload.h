/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Taking over what has changed: loads are asked for by clients, by SIGHUP and by the watch over the
 * node's files, and their results become the pools, the writers and the configuration in force.
 */

#include "allocator.h"
#include "main-loader.h"
#include "methods.h"

#include <systemd/sd-event.h>

struct reload;

/* What is in force besides the pools, which the allocator has. */
struct in_force {
	struct config config;
	struct node_state state; /* without its pools */
};

void in_force_done(struct in_force *in_force);

/*
 * Puts the result of a load in force: pools into the allocator, the rest into IN_FORCE. Returns 0
 * or a negative errno, after which all is as it was.
 */
int in_force_take(struct in_force *in_force, struct allocator *allocator,
		  struct load_result *result);

/*
 * All must outlive the reload. Begins to watch the files that IN_FORCE depends on. LOADED is called
 * after each load that was put in force.
 */
int reload_new(sd_event *event, const char *config_file, const char *root,
	       struct in_force *in_force, struct methods *methods, void (*loaded)(void *userdata),
	       void *userdata, struct reload **ret);

void reload_free(struct reload *reload);

/* Reads configuration and files again, as SIGHUP asks for. */
void reload_start(struct reload *reload);

/* The same for a client, who is answered when it is done. Returns 0 or a negative errno. */
int reload_for_call(struct reload *reload, struct varlink_call *call);
