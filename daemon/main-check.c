/* SPDX-License-Identifier: MIT */
#include "main-check.h"

#include "cleanup.h"
#include "log.h"
#include "main-loader.h"
#include "methods.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A full disk under standard output must not pass as success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_line(LOG_LEVEL_ERROR, "cannot write: %s", strerror(errno));
	return STATUS_FAILURE;
}

static void print_finding(const struct finding *finding)
{
	printf("  %s %s", finding_level_name(finding->level), finding_rule_name(finding->rule));
	if (finding->file)
		printf(" %s", finding->file);
	if (finding->file && finding->line)
		printf(":%" PRIu32, finding->line);
	printf(": %s\n", finding->message);
}

static void print_pool(const struct pool *pool)
{
	printf("pool %s (owner %s): ", pool->name, pool->owner);
	if (pool->valid)
		printf("valid, %" PRIu32 ":%" PRIu32 ", %" PRIu32 " units of %" PRIu32
		       " for %" PRIu32 " pods\n",
		       pool->range.start, pool->range.count, pool_capacity(pool), pool->unit,
		       pool->max_pods);
	else
		puts("invalid");
	for (size_t i = 0; i < pool->findings.n_items; i++)
		print_finding(&pool->findings.items[i]);
}

static int print_pools(const struct pools *pools, bool json)
{
	_cleanup_(freep) char *text = NULL;

	if (!json) {
		for (size_t i = 0; i < pools->n_items; i++)
			print_pool(&pools->items[i]);
		return 0;
	}
	text = methods_describe_pools(pools);
	if (!text)
		return -ENOMEM;
	puts(text);
	return 0;
}

int check_run(const struct options *options)
{
	_cleanup_(load_result_done) struct load_result result = {};
	const struct pools *pools = &result.state.pools;
	bool has_errors = false;

	loader_run(LOAD_CONFIG, options->config, options->root, NULL, &result);
	if (result.error == -EINVAL) {
		load_log_refusal(&result.refusal, "");
		return STATUS_FAILURE;
	}
	if (result.error < 0 || print_pools(pools, options->json) < 0) {
		log_line(LOG_LEVEL_ERROR, "out of memory");
		return STATUS_FAILURE;
	}
	for (size_t i = 0; i < pools->n_items; i++)
		has_errors |= !pools->items[i].valid;
	return finish(has_errors ? STATUS_FAILURE : STATUS_OK);
}
