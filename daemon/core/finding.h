/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the validation of a pool found: a rule, a level, a message and, where it can, file and line.
 * The rules are those of the contract; rules.h says when each applies.
 */

#include <stddef.h>
#include <stdint.h>

enum finding_rule {
	RULE_NO_OWNER_ACCOUNT,
	RULE_NO_ENTRY,
	RULE_MULTIPLE_ENTRIES,
	RULE_MALFORMED_ENTRY,
	RULE_UID_GID_MISMATCH,
	RULE_START_TOO_LOW,
	RULE_START_UNALIGNED,
	RULE_COUNT_UNALIGNED,
	RULE_TOO_SMALL,
	RULE_PAST_END,
	RULE_RESERVED_RANGE,
	RULE_OVERLAPS_ENTRY,
	RULE_OVERLAPS_ACCOUNT,
	RULE_WELL_KNOWN_RANGE,
	RULE_KUBELET_CONFIG,   /* the KubeletConfiguration cannot be read or has a bad value */
	RULE_KUBELET_PODS,     /* the kubelet's folder of pods, or a file in it, is of no use */
	RULE_KUBELET_CONFLICT, /* the kubelet gave a pod a range that another pod has */
	N_RULES
};

enum finding_level { LEVEL_ERROR, LEVEL_WARNING, N_LEVELS };

struct finding {
	enum finding_rule rule;
	enum finding_level level;
	char *message;
	char *file;    /* NULL if it concerns no file */
	uint32_t line; /* counted from 1; 0 if it concerns no line */
};

/* A growing list, owned by the one who embeds it; all zero is an empty list. */
struct findings {
	struct finding *items;
	size_t n_items;
	size_t n_errors;
	/*
	 * Findings beyond FINDINGS_PER_RULE of one rule and level are counted here and not kept, so
	 * that a broken file of 100,000 lines cannot fill the daemon's memory or a reply. Levels
	 * are counted apart: no number of warnings may hide an error.
	 */
	size_t n_of_rule[N_RULES][N_LEVELS];
};

#define FINDINGS_PER_RULE 64

/* The names of the contract: "no-owner-account", ...; "error", "warning". */
const char *finding_rule_name(enum finding_rule rule);
const char *finding_level_name(enum finding_level level);

/*
 * Adds a finding; FILE may be NULL, LINE 0. Returns 0 or -ENOMEM. An error always counts in
 * n_errors, also where only the count of its rule grows. Bytes of the message that are not
 * printable ASCII (names come from files) become question marks.
 */
int findings_add(struct findings *findings, enum finding_rule rule, enum finding_level level,
		 const char *file, uint32_t line, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/*
 * To be called once, after the last finding: says in one more finding of each rule and level how
 * many were counted only, and puts errors first, otherwise in the order in which they were added.
 * Returns 0 or -ENOMEM.
 */
int findings_finish(struct findings *findings);

/* The finding as one line, FILE:LINE: MESSAGE as far as it has them, to be freed. 0 or -ENOMEM. */
int finding_describe(const struct finding *finding, char **ret);

/* The first error in the list, NULL if there is none. */
const struct finding *findings_first_error(const struct findings *findings);

/* Frees what the list holds and leaves it empty. */
void findings_done(struct findings *findings);
