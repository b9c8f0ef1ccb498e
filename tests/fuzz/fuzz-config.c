/* SPDX-License-Identifier: MIT */

/*
 * The configuration, as a file: an error has a place in it; what was understood, written out and
 * read again, is the same.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "node/node.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Reads the text from a file in memory. */
static int load(const char *text, size_t size, struct config *ret, struct config_error *ret_error)
{
	static int fd = -1;
	char path[64];

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
	CHECK(pwrite(fd, text, size, 0) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return config_load(path, "", ret, ret_error);
}

static void check_error(const struct config_error *error, const uint8_t *data, size_t size)
{
	size_t n_lines = 1;

	for (size_t i = 0; i < size; i++)
		n_lines += data[i] == '\n';
	CHECK(error->message && *error->message && !strchr(error->message, '\n'));
	CHECK(error->line <= n_lines && (error->line == 0 || error->file));
}

static void print_words(FILE *out, const char *key, char *const *words, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++)
		fprintf(out, "%s=%s\n", key, words[i]);
}

static void print_pool(FILE *out, const struct pool_settings *pool)
{
	static const char *const rules[] = { "kubelet", "basic" };
	static const char *const sources[] = { "auto", "files", "getsubids" };

	CHECK(*pool->name && *pool->owner && pool->rules < N_RULE_SETS && pool->source < N_SOURCES);
	fprintf(out, "[Pool %s]\nOwner=%s\nRules=%s\nSource=%s\n", pool->name, pool->owner,
		rules[pool->rules], sources[pool->source]);
	if (pool->unit)
		fprintf(out, "IdsPerPod=%u\n", pool->unit);
	if (pool->max_pods)
		fprintf(out, "MaxPods=%u\n", pool->max_pods);
	if (pool->kubelet_config)
		fprintf(out, "KubeletConfig=%s\n", pool->kubelet_config);
	if (pool->kubelet_pods)
		fprintf(out, "KubeletPodsDirectory=%s\n", pool->kubelet_pods);
	fprintf(out, "AllowAccountOverlap=%s\n", pool->allow_account_overlap ? "yes" : "no");
}

/* To be freed. */
static char *print(const struct config *config, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	CHECK(out && config->n_pools > 0);
	fputs("[Daemon]\n", out);
	print_words(out, "AllowUsers", config->allow_users, config->n_allow_users);
	print_words(out, "AllowGroups", config->allow_groups, config->n_allow_groups);
	fprintf(out, "MaxAllocationsPerUser=%u\n", config->max_allocations_per_user);
	fprintf(out, "ReuseDelaySec=%u\n", config->reuse_delay_sec);
	fprintf(out, "ScanIntervalSec=%u\n", config->scan_interval_sec);
	fprintf(out, "BlindDrainSec=%u\n", config->blind_drain_sec);
	fprintf(out, "HistoryDays=%u\n", config->history_days);
	fprintf(out, "HistoryEvents=%u\n", config->history_events);
	for (size_t i = 0; i < config->n_pools; i++)
		print_pool(out, &config->pools[i]);
	CHECK(fclose(out) == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(config_error_done) struct config_error error = {};
	_cleanup_(config_done) struct config config = {};
	_cleanup_(config_done) struct config again = {};
	_cleanup_(freep) char *text = NULL;
	_cleanup_(freep) char *again_text = NULL;
	size_t length;
	int r = load((const char *)data, size, &config, &error);

	CHECK(r == 0 || r == -EINVAL);
	if (r < 0) {
		check_error(&error, data, size);
		return 0;
	}
	text = print(&config, &length);
	CHECK(load(text, length, &again, &error) == 0);
	again_text = print(&again, &length);
	CHECK(strcmp(text, again_text) == 0);
	return 0;
}
