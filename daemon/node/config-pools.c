/* SPDX-License-Identifier: MIT */
#include "node/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define POOL_PREFIX "Pool "
#define DEFAULT_POOL "kubelet"
#define KUBELET_OWNER "kubelet"

/* The pool of that name, a new one if need be. */
static int enter_pool(struct config_draft *draft, const char *name)
{
	struct config *config = &draft->config;
	struct pool_settings *grown;

	for (size_t i = 0; i < config->n_pools; i++)
		if (strcmp(config->pools[i].name, name) == 0) {
			draft->pool = &config->pools[i];
			return 0;
		}
	if (config->n_pools == CONFIG_POOLS_MAX)
		return config_refuse(draft, "there can be %d pools at most", CONFIG_POOLS_MAX);
	grown = reallocarray(config->pools, config->n_pools + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	config->pools = grown;
	draft->pool = &grown[config->n_pools++];
	*draft->pool = (struct pool_settings){ 0 };
	snprintf(draft->pool->name, sizeof(draft->pool->name), "%s", name);
	return 0;
}

int config_begin_section(struct config_draft *draft, const char *text)
{
	const char *name = text + strlen(POOL_PREFIX);

	if (strcmp(text, "Daemon") == 0) {
		draft->section = SECTION_DAEMON;
		return 0;
	}
	if (strncmp(text, POOL_PREFIX, strlen(POOL_PREFIX)) != 0)
		return config_refuse(draft, "there is no section [%s]: use [Daemon] or [Pool NAME]",
				     text);
	if (strspn(name, LETTERS DIGITS) == 0 || name[strspn(name, LETTERS DIGITS "._-")] ||
	    strlen(name) > POOL_NAME_MAX)
		return config_refuse(
			draft,
			"a pool's name is 1 to %d of A-Z a-z 0-9 . _ - with a letter or "
			"digit first, not '%s'",
			POOL_NAME_MAX, name);
	draft->section = SECTION_POOL;
	return enter_pool(draft, name);
}

/* Do the paths name the same, however many slashes part their words or follow the last one? */
static bool paths_equal(const char *a, const char *b)
{
	while (*a || *b) {
		size_t a_slashes = strspn(a, "/"), b_slashes = strspn(b, "/"), length;

		a += a_slashes;
		b += b_slashes;
		length = strcspn(a, "/");
		if (length != strcspn(b, "/") || strncmp(a, b, length) != 0)
			return false;
		a += length;
		b += length;
	}
	return true;
}

/* A folder's pods have their ranges from one pool: two would take them from each other. */
static int check_kubelet_pods(struct config_draft *draft)
{
	const struct config *config = &draft->config;

	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t j = 0; config->pools[i].kubelet_pods && j < i; j++)
			if (config->pools[j].kubelet_pods &&
			    paths_equal(config->pools[i].kubelet_pods,
					config->pools[j].kubelet_pods))
				return config_refuse(
					draft,
					"the pools %s and %s have the same KubeletPodsDirectory=: "
					"leave it to one of them",
					config->pools[j].name, config->pools[i].name);
	return 0;
}

int config_finish(struct config_draft *draft)
{
	struct config *config = &draft->config;
	int r = config->n_pools == 0 ? enter_pool(draft, DEFAULT_POOL) : 0;

	for (size_t i = 0; r == 0 && i < config->n_pools; i++) {
		struct pool_settings *pool = &config->pools[i];

		if (!*pool->owner)
			snprintf(pool->owner, sizeof(pool->owner), "%s", pool->name);
		if (!draft->has_rules[i])
			pool->rules = strcmp(pool->owner, KUBELET_OWNER) == 0 ? RULES_KUBELET
									      : RULES_BASIC;
	}
	return r < 0 ? r : check_kubelet_pods(draft);
}
