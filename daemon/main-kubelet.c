/* SPDX-License-Identifier: MIT */
#include "main-kubelet-private.h"

#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ACCURACY_USEC (100 * UINT64_C(1000))
#define INTERVAL_USEC (10 * UINT64_C(1000000)) /* as long as nobody sets it */

DEFINE_CLEANUP(struct kubelet *, kubelet_free)

static uint64_t now_usec(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static int arm(struct kubelet *kubelet, uint64_t usec)
{
	int r = sd_event_source_set_time(kubelet->timer, usec);

	if (r >= 0)
		r = sd_event_source_set_enabled(kubelet->timer, SD_EVENT_ONESHOT);
	return r < 0 ? r : 0;
}

void kubelet_want_step(struct kubelet *kubelet)
{
	int r = pacer_start(kubelet->pacer);

	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot look at the kubelet's files: %s", strerror(-r));
}

void kubelet_want_scan(struct kubelet *kubelet)
{
	kubelet->is_wanted = true;
	if (!kubelet->is_scanning && !kubelet->is_due)
		arm(kubelet, kubelet->earliest);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct kubelet *kubelet = userdata;

	(void)source;
	(void)usec;
	kubelet->is_due = true;
	kubelet_want_step(kubelet);
	return 0;
}

static void retry_conflicts(struct kubelet *kubelet)
{
	const struct pods_folder *folder;
	const struct trouble *trouble;

	kubelet->must_retry = false;
	TAILQ_FOREACH(folder, &kubelet->folders, link)
	TAILQ_FOREACH(trouble, &folder->troubles, link)
	if (trouble->facts.kind >= TROUBLE_CONFLICT)
		pod_mark(trouble->pod);
}

static int step(void *userdata)
{
	struct kubelet *kubelet = userdata;
	struct pod *pod = TAILQ_FIRST(&kubelet->dirty);

	if (kubelet->is_due)
		return scan_begin(kubelet);
	if (pod) {
		int r = pod_refresh(pod);

		return r < 0 ? r : 1;
	}
	if (kubelet->is_scanning)
		return scan_step(kubelet);
	if (!kubelet->must_retry)
		return 0;
	retry_conflicts(kubelet);
	return 1;
}

/* After it is set, a folder may have come that was missing when it was looked for. */
static void await_missing(struct kubelet *kubelet)
{
	_cleanup_(freep) char **paths = NULL;
	struct pods_folder *folder;
	size_t n_paths = 0, n_folders = 0;

	if (!kubelet->must_await)
		return;
	TAILQ_FOREACH(folder, &kubelet->folders, link)
	n_folders++;
	paths = calloc(n_folders + 1, sizeof(*paths));
	if (!paths)
		return;
	TAILQ_FOREACH(folder, &kubelet->folders, link)
	if (folder->error != 0)
		paths[n_paths++] = folder->path;
	kubelet->must_await = false;
	watch_set(kubelet->missing, paths, n_paths);
	if (n_paths > 0)
		kubelet_want_scan(kubelet);
}

static void on_missing_changed(void *userdata)
{
	struct kubelet *kubelet = userdata;

	kubelet->must_await = true;
	kubelet_want_scan(kubelet);
}

static void schedule(struct kubelet *kubelet, uint64_t cost)
{
	uint64_t now = now_usec(), usec = now + kubelet->interval;

	kubelet->is_finished = false;
	kubelet->earliest = now + KUBELET_SHARE * cost;
	if (kubelet->is_wanted || usec < kubelet->earliest)
		usec = kubelet->earliest;
	arm(kubelet, usec);
}

static void finish(struct kubelet *kubelet, int r, uint64_t cost)
{
	int q;

	if (r < 0) {
		scan_stop(kubelet);
		kubelet->is_due = kubelet->is_wanted = false;
		kubelet->must_read_rows = kubelet->is_finished = true;
	}
	if (kubelet->is_finished)
		schedule(kubelet, cost);
	await_missing(kubelet);
	q = report_all(kubelet);
	if (r < 0 || q < 0)
		log_line(LOG_LEVEL_ERROR, "cannot take the kubelet's files over: %s",
			 strerror(r < 0 ? -r : -q));
}

static void on_done(int r, void *userdata)
{
	struct kubelet *kubelet = userdata;

	finish(kubelet, r, pacer_cost(kubelet->pacer));
}

int kubelet_scan(struct kubelet *kubelet)
{
	uint64_t began = now_usec();
	int r;

	kubelet->is_due = true;
	do
		r = step(kubelet);
	while (r > 0);
	pacer_stop(kubelet->pacer);
	finish(kubelet, r, now_usec() - began);
	return r;
}

int kubelet_new(sd_event *event, struct allocator *allocator, void (*changed)(void *userdata),
		void *userdata, struct kubelet **ret)
{
	_cleanup_(kubelet_freep) struct kubelet *kubelet = calloc(1, sizeof(*kubelet));
	int r;

	if (!kubelet)
		return -ENOMEM;
	kubelet->event = sd_event_ref(event);
	kubelet->allocator = allocator;
	kubelet->changed = changed;
	kubelet->userdata = userdata;
	kubelet->interval = INTERVAL_USEC;
	kubelet->must_read_rows = true;
	TAILQ_INIT(&kubelet->folders);
	TAILQ_INIT(&kubelet->dirty);
	r = spots_open(kubelet);
	if (r >= 0)
		r = pacer_new(event, SD_EVENT_PRIORITY_IMPORTANT, step, on_done, kubelet,
			      &kubelet->pacer);
	if (r >= 0)
		r = watch_new(event, on_missing_changed, kubelet, &kubelet->missing);
	if (r >= 0)
		r = sd_event_add_time(event, &kubelet->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
				      on_timer, kubelet);
	if (r < 0)
		return r;
	*ret = take_ptr(kubelet);
	return 0;
}

void kubelet_free(struct kubelet *kubelet)
{
	struct pods_folder *folder;

	if (!kubelet)
		return;
	scan_stop(kubelet);
	while ((folder = TAILQ_FIRST(&kubelet->folders))) {
		TAILQ_REMOVE(&kubelet->folders, folder, link);
		pods_folder_free(folder);
	}
	watch_free(kubelet->missing);
	pacer_free(kubelet->pacer);
	sd_event_source_disable_unref(kubelet->timer);
	spots_close(kubelet);
	sd_event_unref(kubelet->event);
	free(kubelet);
}

int kubelet_set_interval(struct kubelet *kubelet, uint64_t usec)
{
	kubelet->interval = usec;
	if (kubelet->is_scanning || kubelet->is_due || kubelet->is_wanted)
		return 0;
	return arm(kubelet, now_usec() + usec);
}

static bool is_listed(const struct pods_folder *folder, const struct kubelet_folder *folders,
		      size_t n_folders)
{
	for (size_t i = 0; i < n_folders; i++)
		if (strcmp(folders[i].pool, folder->pool) == 0 &&
		    strcmp(folders[i].path, folder->path) == 0)
			return true;
	return false;
}

static void distrust(struct kubelet *kubelet)
{
	scan_stop(kubelet);
	kubelet->must_read_rows = kubelet->has_claims = true;
}

int kubelet_set_folders(struct kubelet *kubelet, const struct kubelet_folder *folders,
			size_t n_folders)
{
	struct pods_folder *folder, *next;
	bool is_changed = false;

	for (folder = TAILQ_FIRST(&kubelet->folders); folder; folder = next) {
		next = TAILQ_NEXT(folder, link);
		if (is_listed(folder, folders, n_folders))
			continue;
		scan_stop(kubelet);
		TAILQ_REMOVE(&kubelet->folders, folder, link);
		pods_folder_free(folder);
		is_changed = true;
	}
	for (size_t i = 0; i < n_folders; i++) {
		if (pods_folder_find(kubelet, folders[i].pool))
			continue;
		if (pods_folder_new(kubelet, folders[i].pool, folders[i].path, &folder) < 0)
			return -ENOMEM;
		TAILQ_INSERT_TAIL(&kubelet->folders, folder, link);
		is_changed = true;
	}
	if (!is_changed)
		return 0;
	distrust(kubelet);
	kubelet->must_await = true;
	kubelet->earliest = 0;
	kubelet_want_scan(kubelet);
	return 1;
}

void kubelet_retry(struct kubelet *kubelet)
{
	const struct pods_folder *folder;

	TAILQ_FOREACH(folder, &kubelet->folders, link)
	if (!TAILQ_EMPTY(&folder->troubles)) {
		kubelet->must_retry = true;
		kubelet_want_step(kubelet);
	}
}

/* Not at once: what could not be written may not be writable for long. */
void kubelet_distrust(struct kubelet *kubelet)
{
	distrust(kubelet);
	kubelet->is_wanted = false;
	schedule(kubelet, 0);
}

const struct findings *kubelet_findings(const struct kubelet *kubelet, const char *pool)
{
	const struct pods_folder *folder = pods_folder_find(kubelet, pool);

	return folder ? &folder->findings : NULL;
}
