/* SPDX-License-Identifier: MIT */
#include "node/node.h"

#include "node/accounts.h"
#include "node/file.h"
#include "node/getsubids.h"
#include "node/kubeletconfig.h"
#include "node/nsswitch.h"
#include "node/subidfile.h"

#include "core/rules.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_KUBELET_CONFIG "/var/lib/kubelet/config.yaml"
#define KUBELET_OWNER "kubelet"
#define HANGS "it did not answer a question before"
#define ASKS_US                                                                                    \
	"nsswitch.conf has `subid: subidd`, by which it would ask this daemon in turn: set "       \
	"Source=files"

/* All that is read for one call of node_load(). */
struct survey {
	const struct config *config;
	const char *root;
	struct node_state *state; /* being built */
	enum subid_source subid_source;
	bool getsubids_hangs; /* it did not answer in time, so it is not asked again */
	struct account_file users, groups;
	struct subid_file files[N_ID_KINDS];
	struct getsubids_answer (*answers)[N_ID_KINDS]; /* of each pool; empty where not asked */
	struct pool_settings *settings;			/* of each pool, with nothing left open */
	struct pool_facts *facts;			/* of each pool */
};

static void survey_donep(struct survey *survey)
{
	for (size_t i = 0; survey->answers && i < survey->config->n_pools; i++)
		for (int kind = 0; kind < N_ID_KINDS; kind++)
			getsubids_answer_done(&survey->answers[i][kind]);
	for (int kind = 0; kind < N_ID_KINDS; kind++)
		subidfile_done(&survey->files[kind]);
	accounts_done(&survey->users);
	accounts_done(&survey->groups);
	free(survey->answers);
	free(survey->settings);
	free(survey->facts);
}

/* The path of an input file, which the state then owns. */
static int add_input(struct survey *survey, const char *path, const char **ret)
{
	struct node_state *state = survey->state;
	_cleanup_(freep) char *full = NULL;
	char **grown;
	int r;

	r = path_under(survey->root, path, &full);
	if (r < 0)
		return r;
	for (size_t i = 0; i < state->n_inputs; i++)
		if (strcmp(state->inputs[i], full) == 0) {
			*ret = state->inputs[i];
			return 0;
		}
	grown = reallocarray(state->inputs, state->n_inputs + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	state->inputs = grown;
	*ret = grown[state->n_inputs++] = take_ptr(full);
	return 0;
}

static int read_files(struct survey *survey)
{
	const char *path;
	int r;

	if ((r = add_input(survey, "/etc/passwd", &path)) < 0 ||
	    (r = accounts_read_users(path, &survey->users)) < 0 ||
	    (r = add_input(survey, "/etc/group", &path)) < 0 ||
	    (r = accounts_read_groups(path, &survey->groups)) < 0 ||
	    (r = add_input(survey, "/etc/subuid", &path)) < 0 ||
	    (r = subidfile_read(path, &survey->files[ID_UID])) < 0 ||
	    (r = add_input(survey, "/etc/subgid", &path)) < 0 ||
	    (r = subidfile_read(path, &survey->files[ID_GID])) < 0 ||
	    (r = add_input(survey, "/etc/nsswitch.conf", &path)) < 0)
		return r;
	return nsswitch_subid_source(path, &survey->subid_source);
}

static int add_kubelet_finding(struct findings *findings, const char *path, bool is_default,
			       int error)
{
	if (is_default)
		return findings_add(
			findings, RULE_KUBELET_CONFIG, LEVEL_WARNING, path, 0,
			"the KubeletConfiguration cannot be read (%s), so %u pods of %u IDs "
			"are assumed where the pool does not say: set MaxPods= and IdsPerPod=",
			file_error_text(error), KUBELET_MAX_PODS_DEFAULT, UNIT_QUANTUM);
	return findings_add(findings, RULE_KUBELET_CONFIG, LEVEL_ERROR, path, 0,
			    "the KubeletConfiguration cannot be read: %s", file_error_text(error));
}

static int parse_kubelet_config(const char *path, const char *text, size_t size,
				struct findings *findings, struct kubelet_config *ret)
{
	struct kubelet_config_error error = { 0 };
	int r = kubelet_config_parse(text, size, ret, &error);

	if (r == -EINVAL)
		r = findings_add(findings, RULE_KUBELET_CONFIG, LEVEL_ERROR, path, error.line,
				 "the KubeletConfiguration cannot be used: %s", error.message);
	kubelet_config_error_done(&error);
	return r;
}

/* Leaves *ret as it is where the file has nothing to say. */
static int read_kubelet_config(struct survey *survey, const char *configured,
			       struct findings *findings, struct kubelet_config *ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *path;
	size_t size;
	int r;

	r = add_input(survey, configured ? configured : DEFAULT_KUBELET_CONFIG, &path);
	if (r < 0)
		return r;
	r = file_read(path, KUBELET_CONFIG_MAX, &text, &size);
	if (r == -ENOMEM)
		return r;
	if (!configured && (r == -ENOENT || r == -ENOTDIR))
		return 0;
	if (r < 0)
		return add_kubelet_finding(findings, path, !configured, r);
	return parse_kubelet_config(path, text, size, findings, ret);
}

/* What the configuration says wins over the KubeletConfiguration, and that over the defaults. */
static int settle(struct survey *survey, size_t i)
{
	struct pool_settings *settings = &survey->settings[i];
	struct pool *pool = &survey->state->pools.items[i];
	struct kubelet_config kubelet = { 0 };
	bool is_open = !settings->unit || !settings->max_pods;
	int r = 0;

	if (settings->kubelet_config || (is_open && strcmp(settings->owner, KUBELET_OWNER) == 0))
		r = read_kubelet_config(survey, settings->kubelet_config, &pool->findings,
					&kubelet);
	if (r == 0 && settings->kubelet_pods)
		r = path_under(survey->root, settings->kubelet_pods, &pool->kubelet_pods);
	if (!settings->unit)
		settings->unit = kubelet.ids_per_pod ? kubelet.ids_per_pod : UNIT_QUANTUM;
	if (!settings->max_pods)
		settings->max_pods = kubelet.max_pods ? kubelet.max_pods : KUBELET_MAX_PODS_DEFAULT;
	return r;
}

static int ask(struct survey *survey, size_t i, enum id_kind kind)
{
	struct getsubids_answer *answer = &survey->answers[i][kind];
	const char *program;
	int r;

	r = add_input(survey, "/usr/bin/getsubids", &program);
	if (r < 0)
		return r;
	if (survey->subid_source == SUBID_SUBIDD)
		r = getsubids_skip(program, survey->settings[i].owner, ASKS_US, answer);
	else if (survey->getsubids_hangs)
		r = getsubids_skip(program, survey->settings[i].owner, HANGS, answer);
	else
		r = getsubids_ask(program, survey->settings[i].owner, kind, GETSUBIDS_TIMEOUT_MS,
				  answer);
	if (r < 0)
		return r;
	survey->getsubids_hangs |= answer->timed_out;
	survey->facts[i].own[kind] = &answer->list;
	return 0;
}

static int find_facts(struct survey *survey, size_t i)
{
	struct pool_facts *facts = &survey->facts[i];
	enum pool_source source = survey->settings[i].source;
	bool asks = source == SOURCE_GETSUBIDS ||
		    (source == SOURCE_AUTO && survey->subid_source == SUBID_OTHER);

	facts->settings = &survey->settings[i];
	facts->users = &survey->users.list;
	facts->groups = &survey->groups.list;
	for (enum id_kind kind = 0; kind < N_ID_KINDS; kind++) {
		int r = 0;

		facts->own[kind] = &survey->files[kind].list;
		if (!asks || survey->subid_source != SUBID_OTHER)
			facts->others[kind] = &survey->files[kind].list;
		if (asks)
			r = ask(survey, i, kind);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_pools(struct survey *survey)
{
	size_t n_pools = survey->config->n_pools;
	struct pools *pools = &survey->state->pools;

	pools->items = calloc(n_pools, sizeof(*pools->items));
	survey->answers = calloc(n_pools, sizeof(*survey->answers));
	survey->settings = calloc(n_pools, sizeof(*survey->settings));
	survey->facts = calloc(n_pools, sizeof(*survey->facts));
	if (!pools->items || !survey->answers || !survey->settings || !survey->facts)
		return -ENOMEM;
	pools->n_items = n_pools;
	memcpy(survey->settings, survey->config->pools, n_pools * sizeof(*survey->settings));
	for (size_t i = 0; i < n_pools; i++) {
		int r = settle(survey, i);

		if (r == 0)
			r = find_facts(survey, i);
		if (r < 0)
			return r;
	}
	return rules_check(survey->facts, pools->items, n_pools);
}

static int add_unknown_writer(struct node_state *state, const char *name)
{
	char **grown = reallocarray(state->unknown_writers, state->n_unknown_writers + 1,
				    sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	state->unknown_writers = grown;
	grown[state->n_unknown_writers] = strdup(name);
	if (!grown[state->n_unknown_writers])
		return -ENOMEM;
	state->n_unknown_writers++;
	return 0;
}

/* A number is an ID, whether or not there is an account. */
static int resolve_writers(struct node_state *state, char *const *names, size_t n_names,
			   const struct account_list *accounts, uint32_t **ret_ids,
			   size_t *ret_n_ids)
{
	*ret_n_ids = 0;
	*ret_ids = calloc(n_names ? n_names : 1, sizeof(**ret_ids));
	if (!*ret_ids)
		return -ENOMEM;
	for (size_t i = 0; i < n_names; i++) {
		const struct account *account = accounts_find_name(accounts, names[i]);
		uint64_t id;

		if (decimal_parse(names[i], strlen(names[i]), UINT32_MAX - 1, &id) == 0)
			(*ret_ids)[(*ret_n_ids)++] = (uint32_t)id;
		else if (account)
			(*ret_ids)[(*ret_n_ids)++] = account->id;
		else if (add_unknown_writer(state, names[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void state_donep(struct node_state *state)
{
	node_state_done(state);
}

int node_load(const struct config *config, const char *root, struct node_state *ret)
{
	_cleanup_(state_donep) struct node_state state = { 0 };
	_cleanup_(survey_donep) struct survey survey = {
		.config = config,
		.root = root,
		.state = &state,
	};
	int r;

	if ((r = read_files(&survey)) < 0 || (r = load_pools(&survey)) < 0 ||
	    (r = resolve_writers(&state, config->allow_users, config->n_allow_users,
				 &survey.users.list, &state.writer_uids, &state.n_writer_uids)) <
		    0 ||
	    (r = resolve_writers(&state, config->allow_groups, config->n_allow_groups,
				 &survey.groups.list, &state.writer_gids, &state.n_writer_gids)) <
		    0)
		return r;
	*ret = state;
	state = (struct node_state){ 0 };
	return 0;
}

static void free_names(char **names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++)
		free(names[i]);
	free(names);
}

void node_state_done(struct node_state *state)
{
	pools_done(&state->pools);
	free(state->writer_uids);
	free(state->writer_gids);
	free_names(state->unknown_writers, state->n_unknown_writers);
	free_names(state->inputs, state->n_inputs);
	*state = (struct node_state){ 0 };
}
