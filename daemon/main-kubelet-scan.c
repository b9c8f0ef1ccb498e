/* SPDX-License-Identifier: MIT */

/* A look at everything: the allocations that the kubelet has, its pods folders, the folders in
 * them. */

#include "main-kubelet-private.h"

#include "cleanup.h"
#include "node/clock.h"

#include <errno.h>
#include <string.h>

void scan_stop(struct kubelet *kubelet)
{
	if (kubelet->dir)
		closedir(kubelet->dir);
	kubelet->dir = NULL;
	kubelet->at = NULL;
	kubelet->is_scanning = false;
}

/* Pods whose pool has no folder any more. */
struct orphans {
	struct kubelet *kubelet;
	char **names;
	size_t n_names;
};

static void orphans_done(struct orphans *orphans)
{
	for (size_t i = 0; i < orphans->n_names; i++)
		free(orphans->names[i]);
	free(orphans->names);
}

static int add_orphan(struct orphans *orphans, const char *name)
{
	char **names = reallocarray(orphans->names, orphans->n_names + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	orphans->names = names;
	names[orphans->n_names] = strdup(name);
	if (!names[orphans->n_names])
		return -ENOMEM;
	orphans->n_names++;
	return 0;
}

/* The pod is not among those that the scan has seen, so it will be looked at. */
static int on_row(const struct allocation *row, void *userdata)
{
	struct orphans *orphans = userdata;
	struct pods_folder *folder = pods_folder_find(orphans->kubelet, row->pool);
	struct pod *pod;
	int r;

	if (!folder)
		return add_orphan(orphans, row->pod);
	r = pod_get(folder, row->pod, &pod);
	if (r < 0)
		return r;
	pod->has_row = true;
	pod->row = row->range;
	return 0;
}

static int read_rows(struct kubelet *kubelet)
{
	_cleanup_(orphans_done) struct orphans orphans = { .kubelet = kubelet };
	struct pods_folder *folder;
	struct moment now;
	struct pod *pod;
	int r;

	TAILQ_FOREACH(folder, &kubelet->folders, link)
	TAILQ_FOREACH(pod, &folder->pods, link)
	pod->has_row = false;
	r = allocator_each_kubelet(kubelet->allocator, on_row, &orphans);
	clock_now(&now);
	for (size_t i = 0; i < orphans.n_names && r >= 0; i++)
		r = allocator_vanish(kubelet->allocator, orphans.names[i], now);
	if (r < 0)
		return r;
	kubelet->must_read_rows = false;
	if (allocator_is_pending(kubelet->allocator))
		kubelet->changed(kubelet->userdata);
	return 0;
}

int scan_begin(struct kubelet *kubelet)
{
	int r = 0;

	scan_stop(kubelet);
	kubelet->is_due = kubelet->is_wanted = false;
	if (kubelet->must_read_rows)
		r = read_rows(kubelet);
	if (r < 0)
		return r;
	kubelet->is_scanning = true;
	kubelet->scan++;
	kubelet->at = TAILQ_FIRST(&kubelet->folders);
	kubelet->rewatches = kubelet->is_deaf;
	kubelet->is_deaf = kubelet->lacks_watches = false;
	return 1;
}

static void next_folder(struct kubelet *kubelet, int error)
{
	report_folder(kubelet->at, error);
	if (kubelet->dir)
		closedir(kubelet->dir);
	kubelet->dir = NULL;
	kubelet->at = TAILQ_NEXT(kubelet->at, link);
}

/* Watched anew each time: its path may lead elsewhere than before. */
static void open_folder(struct kubelet *kubelet)
{
	struct pods_folder *folder = kubelet->at;

	spot_unwatch(&folder->spot);
	spot_watch(&folder->spot, folder->path);
	kubelet->dir = opendir(folder->path);
	if (!kubelet->dir)
		next_folder(kubelet, -errno);
}

static void see(struct pod *pod)
{
	struct pods_folder *folder = pod->spot.folder;

	pod->seen = folder->kubelet->scan;
	TAILQ_REMOVE(&folder->pods, pod, link);
	TAILQ_INSERT_TAIL(&folder->pods, pod, link);
	pod_mark(pod);
}

/* Those that were not seen have come to stand first. */
static void mark_unseen(struct pods_folder *folder)
{
	struct pod *pod;

	while ((pod = TAILQ_FIRST(&folder->pods)) && pod->seen != folder->kubelet->scan)
		see(pod);
}

static int read_entry(struct kubelet *kubelet)
{
	const struct dirent *entry;
	struct pod *pod;
	int r;

	errno = 0;
	entry = readdir(kubelet->dir);
	if (!entry) {
		r = -errno;
		if (r == 0)
			mark_unseen(kubelet->at);
		next_folder(kubelet, r);
		return 1;
	}
	if (entry->d_name[0] == '.')
		return 1;
	r = pod_get(kubelet->at, entry->d_name, &pod);
	if (r < 0)
		return r;
	if (kubelet->rewatches)
		spot_unwatch(&pod->spot);
	see(pod);
	return 1;
}

int scan_step(struct kubelet *kubelet)
{
	if (!kubelet->at) {
		kubelet->is_scanning = false;
		kubelet->is_finished = true;
		return 1;
	}
	if (kubelet->dir)
		return read_entry(kubelet);
	open_folder(kubelet);
	return 1;
}
