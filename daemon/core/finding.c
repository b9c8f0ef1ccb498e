/* SPDX-License-Identifier: MIT */
#include "core/finding.h"

#include "cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define GROWTH 16 /* items that the list grows by */

static const char *const rule_names[] = {
	[RULE_NO_OWNER_ACCOUNT] = "no-owner-account",
	[RULE_NO_ENTRY] = "no-entry",
	[RULE_MULTIPLE_ENTRIES] = "multiple-entries",
	[RULE_MALFORMED_ENTRY] = "malformed-entry",
	[RULE_UID_GID_MISMATCH] = "uid-gid-mismatch",
	[RULE_START_TOO_LOW] = "start-too-low",
	[RULE_START_UNALIGNED] = "start-unaligned",
	[RULE_COUNT_UNALIGNED] = "count-unaligned",
	[RULE_TOO_SMALL] = "too-small",
	[RULE_PAST_END] = "past-end",
	[RULE_RESERVED_RANGE] = "reserved-range",
	[RULE_OVERLAPS_ENTRY] = "overlaps-entry",
	[RULE_OVERLAPS_ACCOUNT] = "overlaps-account",
	[RULE_WELL_KNOWN_RANGE] = "well-known-range",
	[RULE_KUBELET_CONFIG] = "kubelet-config",
	[RULE_KUBELET_PODS] = "kubelet-pods",
	[RULE_KUBELET_CONFLICT] = "kubelet-conflict",
};
_Static_assert(ELEMENTS_OF(rule_names) == N_RULES, "each rule has a name");

static const char *const level_names[] = {
	[LEVEL_ERROR] = "error",
	[LEVEL_WARNING] = "warning",
};
_Static_assert(ELEMENTS_OF(level_names) == N_LEVELS, "each level has a name");

const char *finding_rule_name(enum finding_rule rule)
{
	return rule_names[rule];
}

const char *finding_level_name(enum finding_level level)
{
	return level_names[level];
}

static void finding_done(struct finding *finding)
{
	free(finding->message);
	free(finding->file);
	*finding = (struct finding){ 0 };
}

static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

/* Takes over what FINDING holds, also on failure. */
static int append(struct findings *findings, struct finding *finding)
{
	if (findings->n_items % GROWTH == 0) {
		struct finding *grown = reallocarray(findings->items, findings->n_items + GROWTH,
						     sizeof(*grown));

		if (!grown) {
			finding_done(finding);
			return -ENOMEM;
		}
		findings->items = grown;
	}
	findings->items[findings->n_items++] = *finding;
	return 0;
}

int findings_add(struct findings *findings, enum finding_rule rule, enum finding_level level,
		 const char *file, uint32_t line, const char *format, ...)
{
	struct finding finding = { .rule = rule, .level = level, .line = line };
	va_list arguments;
	int r;

	findings->n_errors += level == LEVEL_ERROR;
	if (findings->n_of_rule[rule][level]++ >= FINDINGS_PER_RULE)
		return 0;
	va_start(arguments, format);
	r = vasprintf(&finding.message, format, arguments);
	va_end(arguments);
	if (r < 0)
		return -ENOMEM;
	make_printable(finding.message);
	if (file && !(finding.file = strdup(file))) {
		finding_done(&finding);
		return -ENOMEM;
	}
	return append(findings, &finding);
}

static int add_summary(struct findings *findings, enum finding_rule rule, enum finding_level level)
{
	struct finding summary = { .rule = rule, .level = level };
	size_t n = findings->n_of_rule[rule][level];

	if (n <= FINDINGS_PER_RULE)
		return 0;
	if (asprintf(&summary.message, "more findings like these are not shown: %zu",
		     n - FINDINGS_PER_RULE) < 0)
		return -ENOMEM;
	return append(findings, &summary);
}

static void sort_errors_first(struct findings *findings)
{
	struct finding *items = findings->items;
	size_t n_sorted = 0;

	for (size_t i = 0; i < findings->n_items; i++) {
		struct finding item = items[i];

		if (item.level != LEVEL_ERROR)
			continue;
		memmove(&items[n_sorted + 1], &items[n_sorted], (i - n_sorted) * sizeof(item));
		items[n_sorted++] = item;
	}
}

int findings_finish(struct findings *findings)
{
	for (int rule = 0; rule < N_RULES; rule++)
		for (int level = 0; level < N_LEVELS; level++) {
			int r = add_summary(findings, rule, level);

			if (r < 0)
				return r;
		}
	sort_errors_first(findings);
	return 0;
}

int finding_describe(const struct finding *finding, char **ret)
{
	char *text;
	int r;

	if (finding->file && finding->line)
		r = asprintf(&text, "%s:%" PRIu32 ": %s", finding->file, finding->line,
			     finding->message);
	else if (finding->file)
		r = asprintf(&text, "%s: %s", finding->file, finding->message);
	else
		r = asprintf(&text, "%s", finding->message);
	if (r < 0)
		return -ENOMEM;
	*ret = text;
	return 0;
}

const struct finding *findings_first_error(const struct findings *findings)
{
	for (size_t i = 0; i < findings->n_items; i++)
		if (findings->items[i].level == LEVEL_ERROR)
			return &findings->items[i];
	return NULL;
}

void findings_done(struct findings *findings)
{
	for (size_t i = 0; i < findings->n_items; i++)
		finding_done(&findings->items[i]);
	free(findings->items);
	*findings = (struct findings){ 0 };
}
