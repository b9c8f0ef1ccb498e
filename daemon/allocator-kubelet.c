/* SPDX-License-Identifier: MIT */

/* What the kubelet allocated by itself: taken over while its file stands, never handed out. */

#include "allocator-private.h"

#include "cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What stands where the kubelet's range is to be. */
struct scene {
	const char *pod;
	struct id_range range;
	struct allocation own; /* the pod's row */
	bool has_own;
	bool has_vanished;	 /* it is of a file that names another range now */
	struct allocation other; /* a row in the way */
	bool has_other;
	bool is_empty; /* no row at all */
};

/* Rows that are only kept for somebody to come back give way. */
static int look(const struct allocation *row, void *userdata)
{
	struct scene *scene = userdata;
	bool is_same = strcmp(row->pod, scene->pod) == 0 &&
		       id_range_equal(row->range, scene->range);

	scene->is_empty = false;
	if (row->state == ALLOCATION_RELEASED || is_same)
		return 0;
	scene->other = *row;
	scene->has_other = true;
	return 1;
}

static int find(struct allocator *allocator, struct scene *scene)
{
	int r = store_get(allocator->store, scene->pod, &scene->own);

	scene->has_own = r == 0;
	if (r >= 0)
		r = store_each_in(allocator->store, scene->range, look, scene);
	if (r < 0)
		return allocator_failed(allocator, r);
	if (!scene->has_own || scene->own.state != ALLOCATION_ACTIVE ||
	    id_range_equal(scene->own.range, scene->range))
		return 0;
	scene->has_vanished = scene->own.origin == ORIGIN_KUBELET;
	if (!scene->has_vanished && !scene->has_other) {
		scene->other = scene->own;
		scene->has_other = true;
	}
	return 0;
}

static int take(struct allocator *allocator, struct scene *scene, struct allocation *row,
		struct moment now)
{
	bool is_same = scene->has_own && id_range_equal(scene->own.range, scene->range);
	struct event event;
	int r = 0;

	/* what the pod had before drains or is released: nobody comes back to it */
	if (scene->has_own && !is_same)
		r = allocator_disown(allocator, &scene->own);
	if (r == 0 && !is_same && !scene->is_empty)
		r = allocator_clear_range(allocator, scene->range, scene->pod, NULL, now);
	if (r == 0)
		r = allocator_change_row(allocator, is_same ? &scene->own : NULL, row);
	if (r != 0)
		return r;
	event = allocator_event(EVENT_ADOPTED, row, NULL, now);
	return allocator_add_event(allocator, &event);
}

static bool is_known(const struct scene *scene, const char *pool)
{
	return scene->has_own && scene->own.state == ALLOCATION_ACTIVE &&
	       scene->own.origin == ORIGIN_KUBELET &&
	       id_range_equal(scene->own.range, scene->range) && strcmp(scene->own.pool, pool) == 0;
}

/* What is in the way of the new range does not bring the one before back. */
static int move(struct allocator *allocator, struct scene *scene, struct allocation *row,
		struct moment now)
{
	int r = 0;

	if (scene->has_vanished)
		r = allocator_begin_drain(allocator, &scene->own, EVENT_VANISHED, CAUSE_NONE, NULL,
					  now);
	if (r == 0 && !scene->has_other)
		r = take(allocator, scene, row, now);
	return r;
}

int allocator_adopt(struct allocator *allocator, const char *pool, const char *pod,
		    struct id_range range, struct moment now, struct allocation *ret_other)
{
	struct scene scene = { .pod = pod, .range = range, .is_empty = true };
	struct allocation row = {
		.range = range,
		.state = ALLOCATION_ACTIVE,
		.origin = ORIGIN_KUBELET,
		.created_at = now.wall,
	};
	int r = allocator_ready(allocator);

	if (r == 0)
		r = find(allocator, &scene);
	if (r < 0)
		return r;
	if (scene.has_other)
		*ret_other = scene.other;
	if (scene.has_other && !scene.has_vanished)
		return ALLOCATOR_E_CONFLICT;
	if (is_known(&scene, pool))
		return 0;
	snprintf(row.pod, sizeof(row.pod), "%s", pod);
	snprintf(row.pool, sizeof(row.pool), "%s", pool);
	if (scene.has_own) {
		memcpy(row.namespace, scene.own.namespace, sizeof(row.namespace));
		memcpy(row.name, scene.own.name, sizeof(row.name));
	}
	r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	r = allocator_end_change(allocator, move(allocator, &scene, &row, now));
	return r == 0 && scene.has_other ? (int)ALLOCATOR_E_CONFLICT : r;
}

int allocator_report_conflict(struct allocator *allocator, const char *pool, const char *pod,
			      struct id_range range, const char *other_pod, struct moment now)
{
	struct event event = { .time = now.wall, .kind = EVENT_CONFLICT, .range = range };
	int r = allocator_ready(allocator);

	if (r == 0)
		r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	snprintf(event.pod, sizeof(event.pod), "%s", pod);
	snprintf(event.pool, sizeof(event.pool), "%s", pool);
	snprintf(event.other_pod, sizeof(event.other_pod), "%s", other_pod);
	return allocator_end_change(allocator, allocator_add_event(allocator, &event));
}

int allocator_vanish(struct allocator *allocator, const char *pod, struct moment now)
{
	struct allocation row;
	int r = allocator_get(allocator, pod, &row);

	if (r < 0)
		return r;
	if (r > 0 || row.state != ALLOCATION_ACTIVE || row.origin != ORIGIN_KUBELET)
		return 0;
	r = allocator_begin_change(allocator);
	if (r < 0)
		return r;
	r = allocator_begin_drain(allocator, &row, EVENT_VANISHED, CAUSE_NONE, NULL, now);
	return allocator_end_change(allocator, r);
}

int allocator_each_kubelet(struct allocator *allocator, store_row_fn row, void *userdata)
{
	return allocator_each_found(allocator, store_each_kubelet, 0, row, userdata);
}
