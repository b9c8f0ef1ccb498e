/* SPDX-License-Identifier: MIT */
#include "core/rules-range.h"

#include "core/wellknown.h"

#include "cleanup.h"

#include <inttypes.h>

#define RESERVED_END ((uint64_t)RESERVED_START + RESERVED_COUNT)

typedef int (*range_rule)(const struct pool_settings *settings, const struct entry_range *range,
			  struct findings *findings);

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Whole units of the range that touch the reserved range. */
static uint64_t n_reserved_units(const struct entry_range *range, uint64_t unit)
{
	uint64_t end = range->start +
		       range->count / unit * unit; /* used only if it does not wrap */
	uint64_t first, last;

	if (range->count < unit || !entry_range_overlaps(range, RESERVED_START, RESERVED_END))
		return 0;
	if (end < range->start)
		end = RESERVED_END;
	if (end <= RESERVED_START)
		return 0;
	first = (max(range->start, RESERVED_START) - range->start) / unit;
	last = (min(end, RESERVED_END) - 1 - range->start) / unit;
	return last - first + 1;
}

static int start_too_low(const struct pool_settings *settings, const struct entry_range *range,
			 struct findings *findings)
{
	uint32_t lowest = settings->rules == RULES_KUBELET ? settings->unit : FIRST_FREE_ID;

	if (range->start >= lowest)
		return 0;
	return findings_add(findings, RULE_START_TOO_LOW, LEVEL_ERROR, range->file, range->line,
			    "the %s of %s starts at %" PRIu64 ": start it at %" PRIu32 " or higher",
			    range->noun, settings->owner, range->start, lowest);
}

static int start_unaligned(const struct pool_settings *settings, const struct entry_range *range,
			   struct findings *findings)
{
	uint64_t rest = range->start % settings->unit;

	if (settings->rules != RULES_KUBELET || rest == 0)
		return 0;
	if (range->start >= PAST_END_ID - settings->unit)
		return findings_add(
			findings, RULE_START_UNALIGNED, LEVEL_ERROR, range->file, range->line,
			"the %s of %s starts at %" PRIu64 ", which is no multiple of %" PRIu32
			": the one below is %" PRIu64,
			range->noun, settings->owner, range->start, settings->unit,
			range->start - rest);
	return findings_add(findings, RULE_START_UNALIGNED, LEVEL_ERROR, range->file, range->line,
			    "the %s of %s starts at %" PRIu64 ", which is no multiple of %" PRIu32
			    ": the next one is %" PRIu64,
			    range->noun, settings->owner, range->start, settings->unit,
			    range->start - rest + settings->unit);
}

static int count_unaligned(const struct pool_settings *settings, const struct entry_range *range,
			   struct findings *findings)
{
	uint64_t rest = range->count % settings->unit;

	if (rest == 0)
		return 0;
	if (settings->rules == RULES_BASIC)
		return findings_add(
			findings, RULE_COUNT_UNALIGNED, LEVEL_WARNING, range->file, range->line,
			"the %s of %s has %" PRIu64 " IDs, which is no multiple of %" PRIu32
			": the last %" PRIu64 " of them stay unused",
			range->noun, settings->owner, range->count, settings->unit, rest);
	return findings_add(findings, RULE_COUNT_UNALIGNED, LEVEL_ERROR, range->file, range->line,
			    "the %s of %s has %" PRIu64 " IDs, which is no multiple of %" PRIu32
			    ": the nearest one is %" PRIu64,
			    range->noun, settings->owner, range->count, settings->unit,
			    max(range->count - rest, settings->unit));
}

static int too_small(const struct pool_settings *settings, const struct entry_range *range,
		     struct findings *findings)
{
	uint64_t reserved = n_reserved_units(range, settings->unit);
	uint64_t usable = range->count / settings->unit - reserved;
	uint64_t wanted = settings->rules == RULES_KUBELET ? settings->max_pods : 1;

	if (usable >= wanted)
		return 0;
	return findings_add(findings, RULE_TOO_SMALL, LEVEL_ERROR, range->file, range->line,
			    "the %s of %s has room for %" PRIu64 " units of %" PRIu32
			    " IDs, and %" PRIu64 " are needed: that takes a count of %" PRIu64,
			    range->noun, settings->owner, usable, settings->unit, wanted,
			    (wanted + reserved) * settings->unit);
}

static int past_end(const struct pool_settings *settings, const struct entry_range *range,
		    struct findings *findings)
{
	if (range->count == 0 || entry_range_end(range) <= PAST_END_ID)
		return 0;
	if (range->start >= PAST_END_ID)
		return findings_add(findings, RULE_PAST_END, LEVEL_ERROR, range->file, range->line,
				    "the %s of %s starts at %" PRIu64
				    ", past the last ID that can be used, %" PRIu32,
				    range->noun, settings->owner, range->start, PAST_END_ID - 1);
	return findings_add(findings, RULE_PAST_END, LEVEL_ERROR, range->file, range->line,
			    "the %s of %s, %" PRIu64 " IDs from %" PRIu64
			    ", runs past the last ID that can be used, %" PRIu32
			    ": with this start its count can be %" PRIu64 " at most",
			    range->noun, settings->owner, range->count, range->start,
			    PAST_END_ID - 1, PAST_END_ID - range->start);
}

static int reserved_range(const struct pool_settings *settings, const struct entry_range *range,
			  struct findings *findings)
{
	if (!entry_range_overlaps(range, RESERVED_START, RESERVED_END))
		return 0;
	return findings_add(
		findings, RULE_RESERVED_RANGE, LEVEL_WARNING, range->file, range->line,
		"the %s of %s touches %" PRIu32 "-%" PRIu64
		", which systemd keeps for foreign IDs: units there are never handed out",
		range->noun, settings->owner, RESERVED_START, RESERVED_END - 1);
}

static int well_known_range(const struct pool_settings *settings, const struct entry_range *range,
			    struct findings *findings)
{
	for (size_t i = 0; i < n_wellknown_ranges; i++) {
		const struct wellknown_range *known = &wellknown_ranges[i];
		int r;

		if (!entry_range_overlaps(range, known->first, (uint64_t)known->last + 1))
			continue;
		r = findings_add(findings, RULE_WELL_KNOWN_RANGE, LEVEL_WARNING, range->file,
				 range->line,
				 "the %s of %s crosses %" PRIu32 "-%" PRIu32 ", used by %s (%s)",
				 range->noun, settings->owner, known->first, known->last,
				 known->user, known->source);
		if (r < 0)
			return r;
	}
	return 0;
}

static const range_rule range_rules[] = {
	start_too_low, start_unaligned, count_unaligned,  too_small,
	past_end,      reserved_range,	well_known_range,
};

int rules_check_range(const struct pool_settings *settings, const struct entry_range *range,
		      struct findings *findings)
{
	for (size_t i = 0; i < ELEMENTS_OF(range_rules); i++) {
		int r = range_rules[i](settings, range, findings);

		if (r < 0)
			return r;
	}
	return 0;
}
