/* SPDX-License-Identifier: MIT */
#pragma once

/* The daemon as a whole: main-daemon.c puts it together, main-daemon-hooks.c connects its parts. */

#include "main-life.h"
#include "main-options.h"
#include "main-reload.h"
#include "methods.h"
#include "server.h"

struct daemon {
	const struct options *options;
	sd_event *event;
	struct in_force in_force;
	struct allocator *allocator;
	struct methods methods;
	struct varlink_service service;
	struct varlink_interface interfaces[2];
	const struct varlink_interface *interface_list[2];
	struct life *life;
	struct reload *reload;
	struct server *server;
	bool has_commit_failed; /* the last one */
	bool is_one_shot;	/* a connected socket was passed: leave when it closes */
	bool has_socket;	/* of its own, to be removed */
};

/* Fill in what the server and the methods ask of the daemon. */
struct server_hooks daemon_server_hooks(struct daemon *d);
void daemon_set_method_hooks(struct daemon *d, struct methods *methods);

/* There are changes to commit that no client has made. */
void daemon_changed(void *userdata);

/* The pools, and what goes with them, are other ones. */
void daemon_loaded(void *userdata);
