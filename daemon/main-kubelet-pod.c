/* SPDX-License-Identifier: MIT */

/* One pod of the kubelet: from its file to its allocation. */

#include "main-kubelet-private.h"

#include "cleanup.h"
#include "node/clock.h"
#include "node/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static struct pod *pod_of(const char *name)
{
	return (struct pod *)(name - offsetof(struct pod, name));
}

int pods_folder_new(struct kubelet *kubelet, const char *pool, const char *path,
		    struct pods_folder **ret)
{
	struct pods_folder *folder = calloc(1, sizeof(*folder));

	if (!folder)
		return -ENOMEM;
	folder->kubelet = kubelet;
	folder->spot = (struct spot){ .wd = -1, .folder = folder };
	folder->error = 1;
	TAILQ_INIT(&folder->pods);
	TAILQ_INIT(&folder->troubles);
	folder->pool = strdup(pool);
	folder->path = strdup(path);
	if (!folder->pool || !folder->path) {
		pods_folder_free(folder);
		return -ENOMEM;
	}
	*ret = folder;
	return 0;
}

static void pod_unmark(struct pod *pod)
{
	if (pod->is_dirty)
		TAILQ_REMOVE(&pod->spot.folder->kubelet->dirty, pod, dirty_link);
	pod->is_dirty = false;
}

static void pod_free(struct pod *pod)
{
	struct pods_folder *folder = pod->spot.folder;

	trouble_clear(pod);
	spot_unwatch(&pod->spot);
	pod_unmark(pod);
	tdelete(pod->name, &folder->tree, compare_names);
	TAILQ_REMOVE(&folder->pods, pod, link);
	folder->n_pods--;
	free(pod);
}

void pods_folder_free(struct pods_folder *folder)
{
	if (!folder)
		return;
	while (!TAILQ_EMPTY(&folder->pods))
		pod_free(TAILQ_FIRST(&folder->pods));
	spot_unwatch(&folder->spot);
	findings_done(&folder->findings);
	free(folder->pool);
	free(folder->path);
	free(folder);
}

struct pods_folder *pods_folder_find(const struct kubelet *kubelet, const char *pool)
{
	struct pods_folder *folder;

	TAILQ_FOREACH(folder, &kubelet->folders, link)
	if (strcmp(folder->pool, pool) == 0)
		return folder;
	return NULL;
}

int pods_folder_check(const struct pods_folder *folder)
{
	struct stat status;

	if (stat(folder->path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

struct pod *pod_find(const struct pods_folder *folder, const char *name)
{
	char *const *found = tfind(name, &folder->tree, compare_names);

	return found ? pod_of(*found) : NULL;
}

int pod_get(struct pods_folder *folder, const char *name, struct pod **ret)
{
	struct pod *pod = pod_find(folder, name);

	if (!pod) {
		size_t size = strlen(name) + 1;

		pod = calloc(1, sizeof(*pod) + size);
		if (!pod)
			return -ENOMEM;
		memcpy(pod->name, name, size);
		pod->spot = (struct spot){ .wd = -1, .folder = folder, .pod = pod };
		pod->seen = folder->kubelet->scan;
		if (!tsearch(pod->name, &folder->tree, compare_names)) {
			free(pod);
			return -ENOMEM;
		}
		TAILQ_INSERT_TAIL(&folder->pods, pod, link);
		folder->n_pods++;
	}
	*ret = pod;
	return 0;
}

void pod_mark(struct pod *pod)
{
	struct kubelet *kubelet = pod->spot.folder->kubelet;

	if (!pod->is_dirty)
		TAILQ_INSERT_TAIL(&kubelet->dirty, pod, dirty_link);
	pod->is_dirty = true;
	kubelet_want_step(kubelet);
}

static void tell(struct kubelet *kubelet)
{
	if (allocator_is_pending(kubelet->allocator))
		kubelet->changed(kubelet->userdata);
}

/* A pod that another pool's folder has as well is that one's. */
static bool is_elsewhere(const struct pod *pod)
{
	const struct pods_folder *folder;
	const struct pod *other;

	TAILQ_FOREACH(folder, &pod->spot.folder->kubelet->folders, link)
	{
		other = folder == pod->spot.folder ? NULL : pod_find(folder, pod->name);
		if (other && other->has_row)
			return true;
	}
	return false;
}

static int vanish(struct pod *pod)
{
	struct kubelet *kubelet = pod->spot.folder->kubelet;
	struct moment now;
	int r = 0;

	if (!pod->has_row)
		return 0;
	clock_now(&now);
	if (!is_elsewhere(pod))
		r = allocator_vanish(kubelet->allocator, pod->name, now);
	if (r < 0)
		return r;
	pod->has_row = false;
	kubelet->must_retry = true;
	tell(kubelet);
	return 0;
}

/* An allocation that the pool has no place for is kept all the same. */
static int check_place(struct pod *pod)
{
	const struct pods_folder *folder = pod->spot.folder;
	const struct pool *pool = pools_find(allocator_pools(folder->kubelet->allocator),
					     folder->pool);
	struct trouble_facts facts = { .kind = N_TROUBLE_KINDS, .range = pod->range };
	int r = 0;

	if (pool && pool->valid && !id_range_within(pod->range, pool->range))
		facts.kind = TROUBLE_OUTSIDE;
	else if (pool && pool->valid &&
		 ((pod->range.start - pool->range.start) % pool->unit != 0 ||
		  pod->range.count % pool->unit != 0))
		facts.kind = TROUBLE_UNITS;
	if (facts.kind == N_TROUBLE_KINDS)
		trouble_clear(pod);
	else
		r = trouble_set(pod, &facts, NULL, 0);
	return r < 0 ? r : 0;
}

/*
 * The kubelet gives a range on as soon as it is free, and often the one that was just released:
 * that it still drains is nothing to be warned of, and mostly over with the next pass.
 */
static int take_conflict(struct pod *pod, const struct allocation *other, struct moment now)
{
	bool is_ours = other->state != ALLOCATION_DRAINING || other->origin != ORIGIN_KUBELET;
	struct trouble_facts facts = {
		.kind = is_ours ? TROUBLE_CONFLICT : TROUBLE_DRAINING,
		.range = pod->range,
		.other = other->range,
	};
	struct kubelet *kubelet = pod->spot.folder->kubelet;
	int r;

	memcpy(facts.other_pod, other->pod, sizeof(facts.other_pod));
	memcpy(facts.other_namespace, other->namespace, sizeof(facts.other_namespace));
	memcpy(facts.other_name, other->name, sizeof(facts.other_name));
	r = trouble_set(pod, &facts, &pod->range, 1);
	if (r <= 0 || !is_ours)
		return r < 0 ? r : 0;
	return allocator_report_conflict(kubelet->allocator, pod->spot.folder->pool, pod->name,
					 pod->range, other->pod, now);
}

static int adopt(struct pod *pod)
{
	struct kubelet *kubelet = pod->spot.folder->kubelet;
	struct allocation other;
	struct moment now;
	int r = 0;

	clock_now(&now);
	if (pod->has_row && !id_range_equal(pod->row, pod->range))
		r = vanish(pod);
	if (r < 0 || pod->has_row)
		return r < 0 ? r : check_place(pod);
	r = allocator_adopt(kubelet->allocator, pod->spot.folder->pool, pod->name, pod->range, now,
			    &other);
	if (r == ALLOCATOR_E_CONFLICT)
		r = take_conflict(pod, &other, now);
	else if (r == 0) {
		pod->has_row = true;
		pod->row = pod->range;
		r = check_place(pod);
	}
	tell(kubelet);
	return r;
}

/* There is no allocation for it, but what it uses is in use. */
static int take_bad_name(struct pod *pod, const struct podfile *file)
{
	const struct trouble_facts facts = { .kind = TROUBLE_NAME, .range = file->range };
	int r;

	if (file->kind == PODFILE_RANGE)
		r = trouble_set(pod, &facts, &file->range, 1);
	else
		r = trouble_set(pod, &facts, file->blocked, file->n_blocked);
	return r < 0 ? r : 0;
}

static int take_bad_file(struct pod *pod, const struct podfile *file)
{
	const struct trouble_facts facts = { .kind = TROUBLE_FILE, .reason = file->reason };
	int r;

	if (file->kind == PODFILE_ODD)
		r = trouble_set(pod, &facts, file->blocked, file->n_blocked);
	else
		r = trouble_set_only(pod, &facts);
	return r < 0 ? r : 0;
}

static int take_file(struct pod *pod, const struct podfile *file)
{
	pod->has_range = false;
	if (!pod_key_valid(pod->name))
		return take_bad_name(pod, file);
	switch (file->kind) {
	case PODFILE_NONE:
		trouble_clear(pod);
		return vanish(pod);
	case PODFILE_RANGE:
		pod->has_range = true;
		pod->range = file->range;
		return adopt(pod);
	case PODFILE_ODD:
	case PODFILE_MALFORMED:
	case PODFILE_UNREADABLE:
	case N_PODFILE_KINDS:
		break;
	}
	return take_bad_file(pod, file);
}

/* The pod's own folder cannot be opened. That of all pods may be gone: that says nothing of it. */
static int take_no_folder(struct pod *pod, int error)
{
	struct podfile unknown = { .kind = PODFILE_UNREADABLE, .reason = file_error_text(error) };
	struct pods_folder *folder = pod->spot.folder;
	int r;

	pod->stamp = (struct podfile_stamp){};
	if (pods_folder_check(folder) < 0) {
		kubelet_want_scan(folder->kubelet);
		return 0;
	}
	if (error != -ENOENT)
		return take_file(pod, &unknown);
	r = vanish(pod);
	if (r == 0)
		pod_free(pod);
	return r;
}

int pod_refresh(struct pod *pod)
{
	_cleanup_(podfile_done) struct podfile file = {};
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];
	int r;

	pod_unmark(pod);
	r = snprintf(path, sizeof(path), "%s/%s", pod->spot.folder->path, pod->name);
	if (r >= (int)sizeof(path))
		return take_no_folder(pod, -ENAMETOOLONG);
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return take_no_folder(pod, -errno);
	spot_watch(&pod->spot, path); /* first, so that no change falls between */
	r = podfile_read(fd, &pod->stamp, &file);
	if (r == PODFILE_SAME)
		return pod->has_range ? adopt(pod) : 0;
	return r < 0 ? r : take_file(pod, &file);
}
