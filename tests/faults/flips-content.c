/* SPDX-License-Identifier: MIT */
#include "flips-content.h"

#include "cleanup.h"
#include "flips-work.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define N_MOMENTS 2 /* at which each unit is looked up */

/* FNV-1a (Fowler, Noll, Vo) */
__attribute__((format(printf, 2, 3))) static void add(struct content *content, const char *format,
						      ...)
{
	char text[2048];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (int i = 0; i <= n; i++)
		content->hash = (content->hash ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
}

static int add_row(const struct allocation *a, void *userdata)
{
	add(userdata, "%s %s %u:%u %u %u %d %s %s %u", a->pod, a->pool, a->range.start,
	    a->range.count, a->state, a->origin, a->in_pool, a->namespace, a->name, a->client_uid);
	add(userdata, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, a->created_at, a->released_at,
	    a->release_order, a->clock);
	add(userdata, "%u %" PRIu64 " %s", a->process.pid, a->process.start, a->process.boot);
	return 0;
}

static int add_event(const struct event *e, void *userdata)
{
	add(userdata, "%" PRIu64 " %" PRIu64 " %u %u %s %s %u:%u", e->sequence, e->time, e->kind,
	    e->cause, e->pod, e->pool, e->range.start, e->range.count);
	add(userdata, "%s %s %d %u %u %u %s", e->namespace, e->name, e->has_client, e->client_uid,
	    e->client_pid, e->pid, e->other_pod);
	return 0;
}

/* What no request asks for. */
static int read_store(struct store *store, struct content *content)
{
	struct store_clock clock = {};
	struct store_pool pool = {};
	struct store_facts facts = {};
	int r = store_each_from(store, 0, add_row, content);

	if (r >= 0)
		r = store_get_clock(store, &clock);
	if (r >= 0)
		r = store_get_pool(store, "kubelet", &pool);
	if (r >= 0)
		r = store_get_facts(store, &facts);
	add(content, "%s %" PRId64 " %" PRIu64, clock.boot, clock.offset, clock.last);
	add(content, "%s %u:%u %u", pool.name, pool.range.start, pool.range.count, pool.unit);
	add(content, "%d %" PRIu64 " %" PRIu64, facts.schema, facts.n_allocations, facts.n_events);
	return r;
}

static int read_pods(struct allocator *allocator, struct content *content)
{
	int r = 0;

	for (uint32_t i = 0; i < WORK_PODS && r >= 0; i++) {
		struct event_query query = { .until = UINT64_MAX, .before = UINT64_MAX };
		struct allocation found = {};
		char pod[32];

		snprintf(pod, sizeof(pod), "0c1f7e42-%u", i);
		query.pod = pod;
		r = allocator_get(allocator, pod, &found);
		add(content, "get %d", r);
		if (r == 0)
			add_row(&found, content);
		if (r >= 0)
			r = allocator_each_event(allocator, &query, add_event, content);
	}
	return r;
}

static int read_units(struct allocator *allocator, struct content *content)
{
	int r = 0;

	for (uint32_t i = 0; i < WORK_UNITS * (N_MOMENTS + 1) && r >= 0; i++) {
		uint32_t id = (1 + i / (N_MOMENTS + 1)) * WORK_UNIT + i;
		uint32_t moment = i % (N_MOMENTS + 1);
		struct event_query query = {
			.has_id = true, .id = id, .until = UINT64_MAX, .before = UINT64_MAX
		};
		struct allocation found = {};

		if (moment == 0)
			r = allocator_each_event(allocator, &query, add_event, content);
		if (r >= 0 && moment == 0)
			r = allocator_lookup(allocator, id, &found);
		else if (r >= 0)
			r = allocator_lookup_at(allocator, id, work_moment(moment * 37).wall,
						&found);
		add(content, "lookup %d", r);
		if (r == 0)
			add_row(&found, content);
	}
	return r;
}

static int read_allocator(struct allocator *allocator, struct content *content)
{
	struct event_query all = { .until = UINT64_MAX, .before = UINT64_MAX };
	struct event_query some = { .since = work_moment(20).wall,
				    .until = work_moment(90).wall,
				    .before = UINT64_MAX };
	struct pool_usage usage = allocator_usage(allocator, 0, work_moment(1u << 30));
	int r = allocator_each(allocator, 0, add_row, content);

	if (r >= 0)
		r = allocator_each_bound(allocator, add_row, content);
	if (r >= 0)
		r = allocator_each_kubelet(allocator, add_row, content);
	if (r >= 0)
		r = allocator_each_event(allocator, &all, add_event, content);
	if (r >= 0)
		r = allocator_each_event(allocator, &some, add_event, content);
	if (r >= 0)
		r = allocator_events_after(allocator, 0, add_event, content);
	if (r >= 0)
		r = read_pods(allocator, content);
	if (r >= 0)
		r = read_units(allocator, content);
	add(content, "%u %u %u %u %u %u %u %u", usage.capacity, usage.active, usage.draining,
	    usage.released, usage.foreign, usage.waiting, usage.free, usage.n_outside);
	return r;
}

/* Some changes that leave events. */
static int go_on(struct allocator *allocator, struct content *content)
{
	int r = 0;

	for (uint32_t i = 0; i < 5 && r >= 0; i++) {
		char pod[32];

		snprintf(pod, sizeof(pod), "0c1f7e42-%u", i * 17);
		r = work_allocate(allocator, pod, work_moment((1u << 20) + i));
		add(content, "allocate %d", r);
	}
	return r < 0 ? r : work_commit(allocator);
}

static void note(struct content *content, const char *message)
{
	snprintf(content->message, sizeof(content->message), "%s", message ? message : "");
}

/* One life of the store in that folder. */
static void open_and_read(const char *folder, bool works, struct content *content)
{
	struct moment now = work_moment(1u << 20);
	_cleanup_(freep) char *message = NULL;
	struct allocator *allocator;
	struct store *store;
	int r = work_open(folder, now, &store, &allocator, &message);

	if (r != 0) {
		content->is_refused = true;
		note(content, message);
		return;
	}
	r = read_store(store, content);
	if (r >= 0)
		r = work_set_pool(allocator, WORK_UNITS, now);
	if (r >= 0)
		r = read_allocator(allocator, content);
	if (r >= 0)
		r = work_commit(allocator);
	if (r >= 0 && works)
		r = go_on(allocator, content);
	if (r < 0) {
		content->is_told = true;
		note(content, allocator_message(allocator));
	}
	allocator_free(allocator);
}

bool content_read(const struct image *image, bool works, struct content *ret)
{
	char folder[64];
	bool is_written;

	*ret = (struct content){ .hash = UINT64_C(14695981039346656037) };
	if (!image_make_folder(&folder))
		return false;
	is_written = image_write(image, folder);
	if (is_written)
		open_and_read(folder, works, ret);
	if (is_written && works && !ret->is_refused && !ret->is_told)
		open_and_read(folder, false, ret);
	image_remove_folder(folder);
	return is_written;
}
