/* SPDX-License-Identifier: MIT */
#include "main-life.h"

#include "cleanup.h"
#include "main-bonds.h"
#include "main-kubelet.h"

#include <errno.h>

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_DAY (USEC_PER_SEC * 60 * 60 * 24)

struct life {
	struct allocator *allocator;
	struct upkeep *upkeep;
	struct bonds *bonds;
	struct kubelet *kubelet;
	bool has_begun;
};

DEFINE_CLEANUP(struct life *, life_free)

static void on_round(void *userdata)
{
	struct life *life = userdata;

	bonds_poll(life->bonds);
	kubelet_retry(life->kubelet);
}

int life_new(sd_event *event, struct allocator *allocator, size_t most_processes,
	     void (*changed)(void *userdata), void *userdata, struct life **ret)
{
	_cleanup_(life_freep) struct life *life = calloc(1, sizeof(*life));
	int r;

	if (!life)
		return -ENOMEM;
	life->allocator = allocator;
	r = upkeep_new(event, allocator, changed, userdata, &life->upkeep);
	if (r >= 0)
		r = bonds_new(event, allocator, most_processes, changed, userdata, &life->bonds);
	if (r >= 0)
		r = kubelet_new(event, allocator, changed, userdata, &life->kubelet);
	if (r < 0)
		return r;
	upkeep_on_round(life->upkeep, on_round, life);
	*ret = take_ptr(life);
	return 0;
}

void life_free(struct life *life)
{
	if (!life)
		return;
	upkeep_free(life->upkeep);
	bonds_free(life->bonds);
	kubelet_free(life->kubelet);
	free(life);
}

static int set_folders(struct life *life)
{
	const struct pools *pools = allocator_pools(life->allocator);
	_cleanup_(freep) struct kubelet_folder *folders = calloc(pools->n_items + 1,
								 sizeof(*folders));
	size_t n = 0;

	if (!folders)
		return -ENOMEM;
	for (size_t i = 0; i < pools->n_items; i++)
		if (pools->items[i].kubelet_pods)
			folders[n++] = (struct kubelet_folder){
				pools->items[i].name,
				pools->items[i].kubelet_pods,
			};
	return kubelet_set_folders(life->kubelet, folders, n);
}

int life_configure(struct life *life, const struct config *config)
{
	const struct allocator_settings settings = {
		.quota = config->max_allocations_per_user,
		.reuse_delay = config->reuse_delay_sec * USEC_PER_SEC,
		.blind_drain = config->blind_drain_sec * USEC_PER_SEC,
		.history_age = config->history_days * USEC_PER_DAY,
		.history_events = config->history_events,
	};
	uint64_t interval = config->scan_interval_sec * USEC_PER_SEC;
	int r;

	allocator_set_settings(life->allocator, &settings);
	upkeep_set_interval(life->upkeep, interval);
	r = kubelet_set_interval(life->kubelet, interval);
	if (r >= 0)
		r = set_folders(life);
	/* at once: nothing may be handed out that the kubelet has in a folder that is new to us */
	if (r > 0 && life->has_begun)
		r = kubelet_scan(life->kubelet);
	return r < 0 ? r : 0;
}

/* The kubelet's files come before the processes, which they explain. */
int life_begin(struct life *life)
{
	int r = kubelet_scan(life->kubelet);

	life->has_begun = true;
	if (r >= 0)
		r = bonds_begin(life->bonds);
	if (r >= 0)
		upkeep_begin(life->upkeep);
	return r;
}

void life_committed(struct life *life, bool has_failed)
{
	if (has_failed) {
		bonds_distrust(life->bonds);
		kubelet_distrust(life->kubelet);
	}
	bonds_wake(life->bonds);
	upkeep_wake(life->upkeep);
}

struct upkeep_facts life_get_scan(const struct life *life)
{
	return upkeep_get_facts(life->upkeep);
}

const struct findings *life_findings(const struct life *life, const char *pool)
{
	return kubelet_findings(life->kubelet, pool);
}
