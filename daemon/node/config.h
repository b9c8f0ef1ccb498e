/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The configuration while it is read, private to the node layer: config.c reads the files,
 * config-keys.c knows what may stand in them, config-pools.c what makes a pool of it.
 */

#include "node/node.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_POOLS_MAX 64

enum config_section { SECTION_NONE, SECTION_DAEMON, SECTION_POOL, N_SECTIONS };

struct config_draft {
	struct config config;
	bool has_rules[CONFIG_POOLS_MAX]; /* is Rules= set? else they follow from the owner */
	enum config_section section;
	struct pool_settings *pool; /* of the current section */
	char *refusal;		    /* why -EINVAL was returned */
};

/*
 * Sets what is not of a pool to its default. *draft must be empty (all zero) before. Returns 0 or
 * -ENOMEM.
 */
int config_begin(struct config_draft *draft);

/*
 * The words between the brackets of a section line, and a key of that section; a repeated key
 * replaces what was set before, an empty value sets it back to its default.
 * Return 0; -EINVAL and set draft->refusal; or -ENOMEM.
 */
int config_begin_section(struct config_draft *draft, const char *text);
int config_set_key(struct config_draft *draft, const char *name, const char *value);

/*
 * Fills in the pools' defaults, once all files are read, and looks at what concerns several pools.
 * Returns 0; -EINVAL and sets draft->refusal; or -ENOMEM.
 */
int config_finish(struct config_draft *draft);

/* Sets draft->refusal. Returns -EINVAL or -ENOMEM. */
int config_refuse(struct config_draft *draft, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
