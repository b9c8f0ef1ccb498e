/* SPDX-License-Identifier: MIT */
#include "node/config.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct key {
	enum config_section section;
	const char *name;
	int (*set)(struct config_draft *draft, const struct key *key, const char *value);
	size_t offset; /* of a number in struct config */
	uint32_t min, max, otherwise;
};

static const char *const rule_set_names[] = {
	[RULES_KUBELET] = "kubelet",
	[RULES_BASIC] = "basic",
};
_Static_assert(ELEMENTS_OF(rule_set_names) == N_RULE_SETS, "each rule set has a name");

static const char *const source_names[] = {
	[SOURCE_AUTO] = "auto",
	[SOURCE_FILES] = "files",
	[SOURCE_GETSUBIDS] = "getsubids",
};
_Static_assert(ELEMENTS_OF(source_names) == N_SOURCES, "each source has a name");

static const char *const bool_names[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

int config_refuse(struct config_draft *draft, const char *format, ...)
{
	_cleanup_(freep) char *refusal = NULL;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&refusal, format, arguments);
	va_end(arguments);
	if (r < 0) {
		refusal = NULL;
		return -ENOMEM;
	}
	free(draft->refusal);
	draft->refusal = take_ptr(refusal);
	return -EINVAL;
}

static int find_name(const char *const *names, size_t n_names, const char *name, unsigned int *ret)
{
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (unsigned int)i;
			return 0;
		}
	return -EINVAL;
}

static int set_number(struct config_draft *draft, const struct key *key, const char *value,
		      uint32_t max, uint32_t quantum, uint32_t *field)
{
	uint64_t number = 0;

	if (*value &&
	    (decimal_parse(value, strlen(value), max, &number) < 0 || number % quantum != 0))
		return quantum == 1
			       ? config_refuse(draft,
					       "%s= must be a decimal number up to %u, not '%s'",
					       key->name, max, value)
			       : config_refuse(draft,
					       "%s= must be a multiple of %u up to %u, not '%s'",
					       key->name, quantum, max, value);
	*field = (uint32_t)number;
	return 0;
}

/* A number of [Daemon]: where it stands, its bounds and its default are those of the key. */
static int set_daemon_number(struct config_draft *draft, const struct key *key, const char *value)
{
	uint64_t number = key->otherwise;

	if (*value &&
	    (decimal_parse(value, strlen(value), key->max, &number) < 0 || number < key->min))
		return config_refuse(draft, "%s= must be a decimal number from %u to %u, not '%s'",
				     key->name, key->min, key->max, value);
	*(uint32_t *)((char *)&draft->config + key->offset) = (uint32_t)number;
	return 0;
}

static void free_list(char **list, size_t n_list)
{
	for (size_t i = 0; i < n_list; i++)
		free(list[i]);
	free(list);
}

/* Adds the words of VALUE to the list, or empties it if there are none. */
static int set_words(const char *value, char ***list, size_t *n_list)
{
	_cleanup_(freep) char *copy = strdup(value);
	char *rest = copy, *word;

	if (!copy)
		return -ENOMEM;
	if (!*value) {
		free_list(*list, *n_list);
		*list = NULL;
		*n_list = 0;
	}
	while ((word = strtok_r(rest, " \t", &rest))) {
		char **grown = reallocarray(*list, *n_list + 1, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*list = grown;
		grown[*n_list] = strdup(word);
		if (!grown[*n_list])
			return -ENOMEM;
		++*n_list;
	}
	return 0;
}

static int set_allow_users(struct config_draft *draft, const struct key *key, const char *value)
{
	(void)key;
	return set_words(value, &draft->config.allow_users, &draft->config.n_allow_users);
}

static int set_allow_groups(struct config_draft *draft, const struct key *key, const char *value)
{
	(void)key;
	return set_words(value, &draft->config.allow_groups, &draft->config.n_allow_groups);
}

static int set_max_allocations(struct config_draft *draft, const struct key *key, const char *value)
{
	return set_number(draft, key, value, UINT32_MAX, 1,
			  &draft->config.max_allocations_per_user);
}

static int set_owner(struct config_draft *draft, const struct key *key, const char *value)
{
	if (*value &&
	    (strlen(value) > POOL_OWNER_MAX || strpbrk(value, ": \t") || strchr("-+#", *value)))
		return config_refuse(draft, "%s= must be an account's name or UID, not '%s'",
				     key->name, value);
	snprintf(draft->pool->owner, sizeof(draft->pool->owner), "%s", value);
	return 0;
}

static int set_rules(struct config_draft *draft, const struct key *key, const char *value)
{
	unsigned int found = RULES_KUBELET;

	if (*value && find_name(rule_set_names, N_RULE_SETS, value, &found) < 0)
		return config_refuse(draft, "%s= must be kubelet or basic, not '%s'", key->name,
				     value);
	draft->has_rules[draft->pool - draft->config.pools] = *value;
	draft->pool->rules = found;
	return 0;
}

static int set_source(struct config_draft *draft, const struct key *key, const char *value)
{
	unsigned int found = SOURCE_AUTO;

	if (*value && find_name(source_names, N_SOURCES, value, &found) < 0)
		return config_refuse(draft, "%s= must be auto, files or getsubids, not '%s'",
				     key->name, value);
	draft->pool->source = found;
	return 0;
}

static int set_ids_per_pod(struct config_draft *draft, const struct key *key, const char *value)
{
	if (strcmp(value, "0") == 0)
		return config_refuse(draft, "%s= must not be 0", key->name);
	return set_number(draft, key, value, PAST_END_ID, UNIT_QUANTUM, &draft->pool->unit);
}

static int set_max_pods(struct config_draft *draft, const struct key *key, const char *value)
{
	if (strcmp(value, "0") == 0)
		return config_refuse(draft, "%s= must not be 0", key->name);
	return set_number(draft, key, value, INT32_MAX, 1, &draft->pool->max_pods);
}

static int set_path(struct config_draft *draft, const struct key *key, const char *value,
		    char **field)
{
	char *path = NULL;

	if (*value && *value != '/')
		return config_refuse(draft, "%s= must be an absolute path, not '%s'", key->name,
				     value);
	if (*value && !(path = strdup(value)))
		return -ENOMEM;
	free(*field);
	*field = path;
	return 0;
}

static int set_kubelet_config(struct config_draft *draft, const struct key *key, const char *value)
{
	return set_path(draft, key, value, &draft->pool->kubelet_config);
}

static int set_kubelet_pods(struct config_draft *draft, const struct key *key, const char *value)
{
	return set_path(draft, key, value, &draft->pool->kubelet_pods);
}

static int set_account_overlap(struct config_draft *draft, const struct key *key, const char *value)
{
	unsigned int found = 0;

	if (*value && find_name(bool_names, ELEMENTS_OF(bool_names), value, &found) < 0)
		return config_refuse(draft, "%s= must be yes or no, not '%s'", key->name, value);
	draft->pool->allow_account_overlap = found % 2 == 1;
	return 0;
}

#define DAEMON_NUMBER(name, field, min, max, otherwise)                                            \
	{                                                                                          \
		SECTION_DAEMON, name, set_daemon_number, offsetof(struct config, field), min, max, \
			otherwise                                                                  \
	}

static const struct key keys[] = {
	{ SECTION_DAEMON, "AllowUsers", set_allow_users },
	{ SECTION_DAEMON, "AllowGroups", set_allow_groups },
	{ SECTION_DAEMON, "MaxAllocationsPerUser", set_max_allocations },
	DAEMON_NUMBER("ReuseDelaySec", reuse_delay_sec, 0, 31536000, 0),
	DAEMON_NUMBER("ScanIntervalSec", scan_interval_sec, 1, 86400, 10),
	DAEMON_NUMBER("BlindDrainSec", blind_drain_sec, 1, 31536000, 600),
	DAEMON_NUMBER("HistoryDays", history_days, 1, 36500, 90),
	DAEMON_NUMBER("HistoryEvents", history_events, 1, 100000000, 1000000),
	{ SECTION_POOL, "Owner", set_owner },
	{ SECTION_POOL, "Rules", set_rules },
	{ SECTION_POOL, "Source", set_source },
	{ SECTION_POOL, "IdsPerPod", set_ids_per_pod },
	{ SECTION_POOL, "MaxPods", set_max_pods },
	{ SECTION_POOL, "KubeletConfig", set_kubelet_config },
	{ SECTION_POOL, "KubeletPodsDirectory", set_kubelet_pods },
	{ SECTION_POOL, "AllowAccountOverlap", set_account_overlap },
};

static int refuse_key(struct config_draft *draft, const char *name)
{
	switch (draft->section) {
	case SECTION_NONE:
		return config_refuse(draft, "the key %s stands before the first section", name);
	case SECTION_DAEMON:
		return config_refuse(draft, "there is no key %s in [Daemon]", name);
	case SECTION_POOL:
		return config_refuse(draft, "there is no key %s in [Pool NAME]", name);
	case N_SECTIONS:
		break;
	}
	return -EINVAL;
}

int config_set_key(struct config_draft *draft, const char *name, const char *value)
{
	for (const char *c = value; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			return config_refuse(draft, "%s= must be printable ASCII", name);
	for (size_t i = 0; i < ELEMENTS_OF(keys); i++)
		if (keys[i].section == draft->section && strcmp(keys[i].name, name) == 0)
			return keys[i].set(draft, &keys[i], value);
	return refuse_key(draft, name);
}

int config_begin(struct config_draft *draft)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS_OF(keys); i++)
		if (keys[i].section == SECTION_DAEMON)
			r = keys[i].set(draft, &keys[i], "");
	return r;
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		free(config->pools[i].kubelet_config);
		free(config->pools[i].kubelet_pods);
	}
	free(config->pools);
	free_list(config->allow_users, config->n_allow_users);
	free_list(config->allow_groups, config->n_allow_groups);
	*config = (struct config){ 0 };
}
