/* SPDX-License-Identifier: MIT */
#include "world-rows.h"

#include "fuzz.h"

#include <string.h>

struct look {
	struct allocator *allocator;
	uint32_t end; /* of the row before */
	struct pool_usage units[2];
	uint32_t n_draining; /* rows */
	FILE *out;
};

static size_t index_of(const struct pools *pools, const char *name)
{
	const struct pool *pool = pools_find(pools, name);

	CHECK(pool);
	return (size_t)(pool - pools->items);
}

static int look_at(const struct allocation *row, void *userdata)
{
	struct look *look = userdata;
	const struct pools *pools = allocator_pools(look->allocator);
	size_t i = index_of(pools, row->pool);
	uint32_t n = row->range.count / pools->items[i].unit;
	struct allocation found;

	CHECK(id_range_valid(row->range) && row->range.start >= look->end);
	look->end = id_range_end(row->range);
	CHECK(id_range_within(row->range, pools->items[i].range));
	CHECK(row->range.count % pools->items[i].unit == 0 && n > 0);
	if (*row->pod) {
		CHECK(pod_key_valid(row->pod));
		CHECK(allocator_get(look->allocator, row->pod, &found) == 0);
		CHECK(id_range_equal(found.range, row->range) && found.state == row->state);
	} else {
		CHECK(row->state != ALLOCATION_ACTIVE);
	}
	CHECK(!row->released_at == (row->state == ALLOCATION_ACTIVE));
	look->units[i].active += row->state == ALLOCATION_ACTIVE ? n : 0;
	look->units[i].draining += row->state == ALLOCATION_DRAINING ? n : 0;
	look->n_draining += row->state == ALLOCATION_DRAINING;
	if (look->out)
		fprintf(look->out, "%s %u %u %d %d %s %s %u %ju %ju\n", row->pod, row->range.start,
			row->range.count, row->state, row->origin, row->namespace, row->name,
			row->process.pid, (uintmax_t)row->created_at, (uintmax_t)row->released_at);
	return 0;
}

void rows_check(struct allocator *allocator, struct store *store, struct moment now)
{
	struct look look = { .allocator = allocator };

	CHECK(store_each_from(store, 0, look_at, &look) == 0);
	CHECK(allocator_n_draining(allocator) == look.n_draining);
	for (size_t i = 0; i < 2; i++) {
		struct pool_usage usage = allocator_usage(allocator, i, now);

		CHECK(usage.active == look.units[i].active);
		CHECK(usage.draining == look.units[i].draining);
		CHECK(usage.active + usage.draining + usage.foreign + usage.waiting + usage.free ==
		      usage.capacity);
		CHECK(usage.n_outside == 0);
	}
}

char *rows_dump(struct allocator *allocator, struct store *store)
{
	char *text = NULL;
	size_t size;
	struct look look = { .allocator = allocator, .out = open_memstream(&text, &size) };

	CHECK(look.out);
	CHECK(store_each_from(store, 0, look_at, &look) == 0);
	CHECK(fclose(look.out) == 0);
	return text;
}
