/* SPDX-License-Identifier: MIT */

/* The pure core alone: linked with nothing else, so that a call out of it does not link. */

#include "core/rules.h"

#include "cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(finding_rule_name(RULE_NO_OWNER_ACCOUNT), "no-owner-account");
	assert_string_equal(finding_rule_name(RULE_WELL_KNOWN_RANGE), "well-known-range");
	assert_string_equal(finding_level_name(LEVEL_ERROR), "error");
	assert_string_equal(finding_level_name(LEVEL_WARNING), "warning");
}

static void test_order(void **state)
{
	static const struct {
		enum finding_level level;
		const char *text;
	} added[] = {
		{ LEVEL_WARNING, "c" }, { LEVEL_ERROR, "a" }, { LEVEL_WARNING, "d" },
		{ LEVEL_WARNING, "e" }, { LEVEL_ERROR, "b" }, { LEVEL_WARNING, "f" },
	};
	struct findings findings = { 0 };

	(void)state;
	assert_null(findings_first_error(&findings));
	for (size_t i = 0; i < ELEMENTS_OF(added); i++)
		assert_int_equal(findings_add(&findings, RULE_NO_ENTRY, added[i].level, NULL, 0,
					      "%s", added[i].text),
				 0);
	assert_int_equal(findings_finish(&findings), 0);
	for (size_t i = 0; i < findings.n_items; i++)
		assert_int_equal(findings.items[i].message[0], "abcdef"[i]);
	assert_int_equal(findings.n_errors, 2);
	assert_string_equal(findings_first_error(&findings)->message, "a");
	findings_done(&findings);
	assert_int_equal(findings.n_items, 0);
}

static void test_cap(void **state)
{
	for (int n = FINDINGS_PER_RULE - 1; n <= FINDINGS_PER_RULE + 1; n++) {
		struct findings findings = { 0 };

		(void)state;
		for (int i = 0; i < n; i++)
			findings_add(&findings, RULE_NO_ENTRY, LEVEL_ERROR, "file", 1, "%d", i);
		findings_add(&findings, RULE_NO_ENTRY, LEVEL_WARNING, "file", 1, "other");
		assert_int_equal(findings_finish(&findings), 0);
		assert_int_equal(findings.n_items, n + 1);
		assert_int_equal(findings.n_errors, n);
		if (n > FINDINGS_PER_RULE)
			assert_string_equal(findings.items[FINDINGS_PER_RULE].message,
					    "more findings like these are not shown: 1");
		findings_done(&findings);
	}
}

static void test_printable(void **state)
{
	struct findings findings = { 0 };

	(void)state;
	findings_add(&findings, RULE_NO_ENTRY, LEVEL_ERROR, NULL, 0, "%s",
		     "a\x01\x1b\x7f\xff\n~ b");
	assert_string_equal(findings.items[0].message, "a?????~ b");
	findings_done(&findings);
}

/* Looks at every ID and unit, one by one. */
static size_t count_usable(uint32_t start, uint32_t count, uint32_t unit, bool *ret_reserved)
{
	size_t n = 0;

	*ret_reserved = false;
	for (uint64_t unit_start = start; unit_start + unit <= (uint64_t)start + count;
	     unit_start += unit) {
		bool reserved = unit_start < RESERVED_START + RESERVED_COUNT &&
				RESERVED_START < unit_start + unit;

		n += !reserved;
	}
	for (uint32_t id = 0; id < count; id++)
		*ret_reserved |= start + id >= RESERVED_START &&
				 start + id < RESERVED_START + RESERVED_COUNT;
	return n;
}

static bool has(const struct pool *pool, enum finding_rule rule)
{
	return pool->findings.n_of_rule[rule][LEVEL_ERROR] ||
	       pool->findings.n_of_rule[rule][LEVEL_WARNING];
}

static void judge(struct subid_entry entry, uint32_t max_pods, enum rule_set rules,
		  struct pool *pool)
{
	struct account account = { "kubelet", 998, 998, 1 };
	struct account_list users = { "passwd", NULL, &account, 1 }, groups = { "group" };
	struct subid_list list = { "subuid", NULL, &entry, 1 };
	struct pool_settings settings = {
		.name = "p", .owner = "kubelet", .rules = rules, .unit = 65536, .max_pods = max_pods
	};
	struct pool_facts facts = {
		&settings, &users, &groups, { &list, &list }, { &list, &list }
	};

	assert_int_equal(rules_check(&facts, pool, 1), 0);
}

/* Ranges around the reserved one, against a model that counts. */
static void test_random_walk(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t start = RESERVED_START - 4 * 65536 +
				 (uint32_t)(rand_r(&seed) % (7 * 65536));
		uint32_t count = (uint32_t)(rand_r(&seed) % (6 * 65536));
		uint32_t max_pods = 1 + (uint32_t)(rand_r(&seed) % 5);
		enum rule_set rules = rand_r(&seed) % 2 ? RULES_KUBELET : RULES_BASIC;
		struct subid_entry entry = { "kubelet", 7, start, count, 1, ENTRY_GOOD };
		struct pool pool = { 0 };
		size_t n_usable;
		bool reserved;

		if (rand_r(&seed) % 2)
			entry.start = start -= start % 65536;
		if (rand_r(&seed) % 2)
			entry.count = count -= count % 65536;
		n_usable = count_usable(start, count, 65536, &reserved);
		judge(entry, max_pods, rules, &pool);
		assert_int_equal(has(&pool, RULE_RESERVED_RANGE), reserved);
		assert_int_equal(has(&pool, RULE_TOO_SMALL),
				 n_usable < (rules == RULES_KUBELET ? max_pods : 1));
		assert_int_equal(has(&pool, RULE_COUNT_UNALIGNED), count % 65536 != 0);
		assert_int_equal(has(&pool, RULE_START_UNALIGNED),
				 rules == RULES_KUBELET && start % 65536 != 0);
		assert_false(has(&pool, RULE_PAST_END));
		assert_int_equal(pool.range.count, pool.valid ? count / 65536 * 65536 : 0);
		findings_done(&pool.findings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_order),
		cmocka_unit_test(test_cap),	    cmocka_unit_test(test_printable),
		cmocka_unit_test(test_random_walk),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
