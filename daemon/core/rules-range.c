/* SPDX-License-Identifier: MIT */
#include "core/rules-range.h"

#include "core/wellknown.h"

#include "cleanup.h"

#include <inttypes.h>

#define RESERVED_END ((uint64_t)RESERVED_START + RESERVED_COUNT)

typedef int (*range_rule)(const struct pool_settings *settings, const struct claim *claim,
			  struct findings *findings);

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Whole units of the claim that touch the reserved range. */
static uint64_t n_reserved_units(const struct claim *claim, uint64_t unit)
{
	uint64_t end = claim->start +
		       claim->count / unit * unit; /* used only if it does not wrap */
	uint64_t first, last;

	if (claim->count < unit || !claim_overlaps(claim, RESERVED_START, RESERVED_END))
		return 0;
	if (end < claim->start)
		end = RESERVED_END;
	if (end <= RESERVED_START)
		return 0;
	first = (max(claim->start, RESERVED_START) - claim->start) / unit;
	last = (min(end, RESERVED_END) - 1 - claim->start) / unit;
	return last - first + 1;
}

static int start_too_low(const struct pool_settings *settings, const struct claim *claim,
			 struct findings *findings)
{
	uint32_t lowest = settings->rules == RULES_KUBELET ? settings->unit : FIRST_FREE_ID;

	if (claim->start >= lowest)
		return 0;
	return findings_add(findings, RULE_START_TOO_LOW, LEVEL_ERROR, claim->file, claim->line,
			    "the %s of %s starts at %" PRIu64 ": start it at %" PRIu32 " or higher",
			    claim->noun, settings->owner, claim->start, lowest);
}

static int start_unaligned(const struct pool_settings *settings, const struct claim *claim,
			   struct findings *findings)
{
	uint64_t rest = claim->start % settings->unit;

	if (settings->rules != RULES_KUBELET || rest == 0)
		return 0;
	if (claim->start >= PAST_END_ID - settings->unit)
		return findings_add(
			findings, RULE_START_UNALIGNED, LEVEL_ERROR, claim->file, claim->line,
			"the %s of %s starts at %" PRIu64 ", which is no multiple of %" PRIu32
			": the one below is %" PRIu64,
			claim->noun, settings->owner, claim->start, settings->unit,
			claim->start - rest);
	return findings_add(findings, RULE_START_UNALIGNED, LEVEL_ERROR, claim->file, claim->line,
			    "the %s of %s starts at %" PRIu64 ", which is no multiple of %" PRIu32
			    ": the next one is %" PRIu64,
			    claim->noun, settings->owner, claim->start, settings->unit,
			    claim->start - rest + settings->unit);
}

static int count_unaligned(const struct pool_settings *settings, const struct claim *claim,
			   struct findings *findings)
{
	uint64_t rest = claim->count % settings->unit;

	if (rest == 0)
		return 0;
	if (settings->rules == RULES_BASIC)
		return findings_add(
			findings, RULE_COUNT_UNALIGNED, LEVEL_WARNING, claim->file, claim->line,
			"the %s of %s has %" PRIu64 " IDs, which is no multiple of %" PRIu32
			": the last %" PRIu64 " of them stay unused",
			claim->noun, settings->owner, claim->count, settings->unit, rest);
	return findings_add(findings, RULE_COUNT_UNALIGNED, LEVEL_ERROR, claim->file, claim->line,
			    "the %s of %s has %" PRIu64 " IDs, which is no multiple of %" PRIu32
			    ": the nearest one is %" PRIu64,
			    claim->noun, settings->owner, claim->count, settings->unit,
			    max(claim->count - rest, settings->unit));
}

static int too_small(const struct pool_settings *settings, const struct claim *claim,
		     struct findings *findings)
{
	uint64_t reserved = n_reserved_units(claim, settings->unit);
	uint64_t usable = claim->count / settings->unit - reserved;
	uint64_t wanted = settings->rules == RULES_KUBELET ? settings->max_pods : 1;

	if (usable >= wanted)
		return 0;
	return findings_add(findings, RULE_TOO_SMALL, LEVEL_ERROR, claim->file, claim->line,
			    "the %s of %s has room for %" PRIu64 " units of %" PRIu32
			    " IDs, and %" PRIu64 " are needed: that takes a count of %" PRIu64,
			    claim->noun, settings->owner, usable, settings->unit, wanted,
			    (wanted + reserved) * settings->unit);
}

static int past_end(const struct pool_settings *settings, const struct claim *claim,
		    struct findings *findings)
{
	if (claim->count == 0 || claim_end(claim) <= PAST_END_ID)
		return 0;
	if (claim->start >= PAST_END_ID)
		return findings_add(findings, RULE_PAST_END, LEVEL_ERROR, claim->file, claim->line,
				    "the %s of %s starts at %" PRIu64
				    ", past the last ID that can be used, %" PRIu32,
				    claim->noun, settings->owner, claim->start, PAST_END_ID - 1);
	return findings_add(findings, RULE_PAST_END, LEVEL_ERROR, claim->file, claim->line,
			    "the %s of %s, %" PRIu64 " IDs from %" PRIu64
			    ", runs past the last ID that can be used, %" PRIu32
			    ": with this start its count can be %" PRIu64 " at most",
			    claim->noun, settings->owner, claim->count, claim->start,
			    PAST_END_ID - 1, PAST_END_ID - claim->start);
}

static int reserved_range(const struct pool_settings *settings, const struct claim *claim,
			  struct findings *findings)
{
	if (!claim_overlaps(claim, RESERVED_START, RESERVED_END))
		return 0;
	return findings_add(
		findings, RULE_RESERVED_RANGE, LEVEL_WARNING, claim->file, claim->line,
		"the %s of %s touches %" PRIu32 "-%" PRIu64
		", which systemd keeps for foreign IDs: units there are never handed out",
		claim->noun, settings->owner, RESERVED_START, RESERVED_END - 1);
}

static int well_known_range(const struct pool_settings *settings, const struct claim *claim,
			    struct findings *findings)
{
	for (size_t i = 0; i < n_wellknown_ranges; i++) {
		const struct wellknown_range *known = &wellknown_ranges[i];
		int r;

		if (!claim_overlaps(claim, known->first, (uint64_t)known->last + 1))
			continue;
		r = findings_add(findings, RULE_WELL_KNOWN_RANGE, LEVEL_WARNING, claim->file,
				 claim->line,
				 "the %s of %s crosses %" PRIu32 "-%" PRIu32 ", used by %s (%s)",
				 claim->noun, settings->owner, known->first, known->last,
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

int rules_check_range(const struct pool_settings *settings, const struct claim *claim,
		      struct findings *findings)
{
	for (size_t i = 0; i < ELEMENTS_OF(range_rules); i++) {
		int r = range_rules[i](settings, claim, findings);

		if (r < 0)
			return r;
	}
	return 0;
}
