/* SPDX-License-Identifier: MIT */

/* What is wrong with the kubelet's files: told once in the log, and in findings while it lasts. */

#include "main-kubelet-private.h"

#include "cleanup.h"
#include "log.h"
#include "node/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMMAND "kubelet" /* who uses ranges that are claimed here */

static const enum finding_rule rules[] = {
	[TROUBLE_NAME] = RULE_KUBELET_PODS,	    [TROUBLE_FILE] = RULE_KUBELET_PODS,
	[TROUBLE_OUTSIDE] = RULE_KUBELET_PODS,	    [TROUBLE_UNITS] = RULE_KUBELET_PODS,
	[TROUBLE_CONFLICT] = RULE_KUBELET_CONFLICT, [TROUBLE_DRAINING] = RULE_KUBELET_CONFLICT,
};
_Static_assert(ELEMENTS_OF(rules) == N_TROUBLE_KINDS, "a rule for each");

static int describe_conflict(const struct pod *pod, const struct trouble_facts *facts, char **ret)
{
	bool has_name = *facts->other_namespace || *facts->other_name;

	if (!*facts->other_pod)
		return asprintf(ret,
				"the kubelet gave %" PRIu32 ":%" PRIu32 " to pod %s, but %" PRIu32
				":%" PRIu32 " is still in use by a pod that has gone",
				facts->range.start, facts->range.count, pod->name,
				facts->other.start, facts->other.count);
	return asprintf(ret,
			"the kubelet gave %" PRIu32 ":%" PRIu32 " to pod %s, but pod %s%s%s%s%s%s"
			" has %" PRIu32 ":%" PRIu32,
			facts->range.start, facts->range.count, pod->name, facts->other_pod,
			has_name ? " (" : "", facts->other_namespace,
			*facts->other_namespace && *facts->other_name ? "/" : "", facts->other_name,
			has_name ? ")" : "", facts->other.start, facts->other.count);
}

static int describe(const struct pod *pod, char **ret)
{
	const struct trouble_facts *facts = &pod->trouble->facts;

	switch (facts->kind) {
	case TROUBLE_NAME:
		return asprintf(ret, "the folder's name is no pod's: only letters, digits and, "
				     "behind the first, '.', '_' and '-', at most 128");
	case TROUBLE_OUTSIDE:
		return asprintf(ret, "the range %" PRIu32 ":%" PRIu32 " does not lie in the pool",
				facts->range.start, facts->range.count);
	case TROUBLE_UNITS:
		return asprintf(ret,
				"the range %" PRIu32 ":%" PRIu32 " is no run of whole units of "
				"the pool",
				facts->range.start, facts->range.count);
	case TROUBLE_CONFLICT:
		return describe_conflict(pod, facts, ret);
	case TROUBLE_DRAINING:
		return asprintf(ret,
				"the kubelet gave %" PRIu32 ":%" PRIu32 " to pod %s at once after "
				"another one, and %" PRIu32 ":%" PRIu32 " still drains",
				facts->range.start, facts->range.count, pod->name,
				facts->other.start, facts->other.count);
	case TROUBLE_FILE:
	case N_TROUBLE_KINDS:
		break;
	}
	return asprintf(ret, "%s", facts->reason);
}

static int find_path(const struct pod *pod, char **ret)
{
	return asprintf(ret, "%s/%s%s", pod->spot.folder->path, pod->name,
			pod->trouble->facts.kind == TROUBLE_NAME ? "" : "/" PODFILE_NAME);
}

/* The first ones only: what is wrong with one file may be wrong with all of them. */
static void log_trouble(const struct pod *pod)
{
	struct kubelet *kubelet = pod->spot.folder->kubelet;
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *path = NULL;

	if (kubelet->n_logged++ >= FINDINGS_PER_RULE)
		return;
	if (find_path(pod, &path) >= 0 && describe(pod, &message) >= 0)
		log_line(LOG_LEVEL_WARNING, "%s: %s", path, message);
}

static void log_rest(struct kubelet *kubelet)
{
	if (kubelet->n_logged > FINDINGS_PER_RULE)
		log_line(LOG_LEVEL_WARNING,
			 "there is as much wrong with %zu more of the kubelet's files",
			 kubelet->n_logged - FINDINGS_PER_RULE);
	kubelet->n_logged = 0;
}

/* What a conflict is about, but for names that a client may give at any time. */
static bool is_same(const struct trouble_facts *a, const struct trouble_facts *b)
{
	return a->kind == b->kind && a->reason == b->reason && id_range_equal(a->range, b->range) &&
	       id_range_equal(a->other, b->other) && strcmp(a->other_pod, b->other_pod) == 0;
}

static void set_blocked(struct trouble *trouble, struct id_range *blocked, size_t n_blocked)
{
	struct kubelet *kubelet = trouble->pod->spot.folder->kubelet;

	if (trouble->n_blocked != n_blocked ||
	    (n_blocked > 0 && memcmp(trouble->blocked, blocked, n_blocked * sizeof(*blocked)) != 0))
		kubelet->has_claims = true;
	free(trouble->blocked);
	trouble->blocked = blocked;
	trouble->n_blocked = n_blocked;
}

int trouble_set_only(struct pod *pod, const struct trouble_facts *facts)
{
	bool is_new = !pod->trouble || !is_same(&pod->trouble->facts, facts);

	if (!pod->trouble) {
		pod->trouble = calloc(1, sizeof(*pod->trouble));
		if (!pod->trouble)
			return -ENOMEM;
		pod->trouble->pod = pod;
		TAILQ_INSERT_TAIL(&pod->spot.folder->troubles, pod->trouble, link);
	}
	pod->trouble->facts = *facts;
	if (is_new && facts->kind != TROUBLE_DRAINING)
		log_trouble(pod);
	return is_new;
}

int trouble_set(struct pod *pod, const struct trouble_facts *facts, const struct id_range *blocked,
		size_t n_blocked)
{
	struct id_range *copy = NULL;
	int r;

	if (n_blocked > 0) {
		copy = calloc(n_blocked, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, blocked, n_blocked * sizeof(*copy));
	}
	r = trouble_set_only(pod, facts);
	if (r < 0)
		free(copy);
	else
		set_blocked(pod->trouble, copy, n_blocked);
	return r;
}

void trouble_clear(struct pod *pod)
{
	if (!pod->trouble)
		return;
	set_blocked(pod->trouble, NULL, 0);
	TAILQ_REMOVE(&pod->spot.folder->troubles, pod->trouble, link);
	free(pod->trouble);
	pod->trouble = NULL;
}

void report_folder(struct pods_folder *folder, int error)
{
	if (folder->error == error)
		return;
	folder->error = error;
	folder->kubelet->must_await = true;
	if (error < 0)
		log_line(LOG_LEVEL_WARNING,
			 "%s: the kubelet's pods folder cannot be read: %s; what pool %s knows of "
			 "its pods stays as it is",
			 folder->path, file_error_text(error), folder->pool);
	else
		log_line(LOG_LEVEL_INFO, "%s: the kubelet's pods folder is there, for pool %s",
			 folder->path, folder->pool);
}

static int add_finding(struct findings *findings, const struct pod *pod)
{
	enum finding_rule rule = rules[pod->trouble->facts.kind];
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *path = NULL;

	if (findings->n_of_rule[rule][LEVEL_WARNING] >= FINDINGS_PER_RULE)
		return findings_add(findings, rule, LEVEL_WARNING, NULL, 0, "%s", "");
	if (find_path(pod, &path) < 0 || describe(pod, &message) < 0)
		return -ENOMEM;
	return findings_add(findings, rule, LEVEL_WARNING, path, 0, "%s", message);
}

static int make_findings(const struct pods_folder *folder, struct findings *findings)
{
	const struct trouble *trouble;
	int r = 0;

	if (folder->error < 0)
		r = findings_add(findings, RULE_KUBELET_PODS, LEVEL_WARNING, folder->path, 0,
				 "the folder cannot be read, and what is known of its pods stays "
				 "as it is: %s",
				 file_error_text(folder->error));
	TAILQ_FOREACH(trouble, &folder->troubles, link)
	if (r == 0)
		r = add_finding(findings, trouble->pod);
	return r == 0 ? findings_finish(findings) : r;
}

static int claim(struct claims_draft *draft, const struct trouble *trouble)
{
	for (size_t i = 0; i < trouble->n_blocked; i++) {
		struct claim *made;
		bool is_new;
		int r = claims_draft_add(draft, trouble->blocked[i], 0, &made, &is_new);

		if (r < 0)
			return r;
		strcpy(made->command, COMMAND);
	}
	return 0;
}

static int report_claims(struct kubelet *kubelet)
{
	_cleanup_(claims_draft_done) struct claims_draft draft = {};
	_cleanup_(claims_done) struct claims claims = {};
	const struct pods_folder *folder;
	const struct trouble *trouble;
	int r = 0;

	TAILQ_FOREACH(folder, &kubelet->folders, link)
	TAILQ_FOREACH(trouble, &folder->troubles, link)
	if (r == 0)
		r = claim(&draft, trouble);
	if (r == 0)
		r = claims_draft_finish(&draft, &claims);
	if (r == 0)
		r = allocator_take_kubelet_claims(kubelet->allocator, &claims);
	if (r == 0)
		kubelet->has_claims = false;
	return r;
}

int report_all(struct kubelet *kubelet)
{
	struct pods_folder *folder;

	log_rest(kubelet);
	TAILQ_FOREACH(folder, &kubelet->folders, link)
	{
		struct findings findings = {};
		int r = make_findings(folder, &findings);

		if (r < 0) {
			findings_done(&findings);
			return r;
		}
		findings_done(&folder->findings);
		folder->findings = findings;
	}
	return kubelet->has_claims ? report_claims(kubelet) : 0;
}
