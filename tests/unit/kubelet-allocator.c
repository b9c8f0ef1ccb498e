/* SPDX-License-Identifier: MIT */
#include "kubelet-allocator.h"

#include "node/clock.h"

#include <errno.h>
#include <search.h>

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->allocation.pod, y->allocation.pod);
}

struct row *find_row(const struct allocator *allocator, const char *pod)
{
	struct row key = {};
	struct row **found;

	snprintf(key.allocation.pod, sizeof(key.allocation.pod), "%s", pod);
	found = tfind(&key, &allocator->rows, compare_rows);
	return found ? *found : NULL;
}

static void set_blocks(struct allocator *allocator, struct id_range range, struct row *row)
{
	for (uint32_t block = range.start / UNIT; block <= (id_range_end(range) - 1) / UNIT;
	     block++)
		allocator->blocks[block] = row;
}

static struct row *find_in_way(const struct allocator *allocator, struct id_range range)
{
	for (uint32_t block = range.start / UNIT; block <= (id_range_end(range) - 1) / UNIT;
	     block++)
		if (allocator->blocks[block])
			return allocator->blocks[block];
	return NULL;
}

void add_row(struct allocator *allocator, const char *pool, const char *pod, struct id_range range,
	     enum allocation_origin origin)
{
	struct row *row = calloc(1, sizeof(*row));

	assert_non_null(row);
	snprintf(row->allocation.pod, sizeof(row->allocation.pod), "%s", pod);
	snprintf(row->allocation.pool, sizeof(row->allocation.pool), "%s", pool);
	row->allocation.range = range;
	row->allocation.origin = origin;
	assert_non_null(tsearch(row, &allocator->rows, compare_rows));
	set_blocks(allocator, range, row);
	allocator->n_active++;
}

void drop_row(struct allocator *allocator, struct row *row)
{
	set_blocks(allocator, row->allocation.range, NULL);
	tdelete(row, &allocator->rows, compare_rows);
	allocator->n_active--;
	free(row);
}

static bool breaks(struct allocator *allocator)
{
	bool is_broken = allocator->is_broken;

	allocator->counts.n_calls++;
	allocator->is_broken = false;
	return is_broken;
}

int allocator_adopt(struct allocator *allocator, const char *pool, const char *pod,
		    struct id_range range, struct moment now, struct allocation *ret_other)
{
	struct row *own = find_row(allocator, pod), *other = find_in_way(allocator, range);

	(void)now;
	assert_true(pod_key_valid(pod));
	assert_true(id_range_valid(range));
	if (breaks(allocator))
		return -EIO;
	if (own && own->allocation.origin == ORIGIN_KUBELET &&
	    id_range_equal(own->allocation.range, range) && strcmp(own->allocation.pool, pool) == 0)
		return 0;
	if (other && other != own) {
		*ret_other = other->allocation;
		return ALLOCATOR_E_CONFLICT;
	}
	if (own)
		drop_row(allocator, own);
	add_row(allocator, pool, pod, range, ORIGIN_KUBELET);
	allocator->counts.n_adopted++;
	return 0;
}

int allocator_report_conflict(struct allocator *allocator, const char *pool, const char *pod,
			      struct id_range range, const char *other_pod, struct moment now)
{
	struct rig_counts *counts = &allocator->counts;

	(void)pool;
	(void)range;
	(void)now;
	counts->n_conflicts++;
	snprintf(counts->last_conflict[0], sizeof(counts->last_conflict[0]), "%s", pod);
	snprintf(counts->last_conflict[1], sizeof(counts->last_conflict[1]), "%s", other_pod);
	return 0;
}

int allocator_vanish(struct allocator *allocator, const char *pod, struct moment now)
{
	struct row *row = find_row(allocator, pod);

	(void)now;
	if (breaks(allocator))
		return -EIO;
	if (!row || row->allocation.origin != ORIGIN_KUBELET)
		return 0;
	drop_row(allocator, row);
	allocator->counts.n_vanished++;
	return 0;
}

struct listing {
	store_row_fn row;
	void *userdata;
	int r;
};

static void list_row(const void *node, VISIT which, void *userdata)
{
	const struct row *row = *(struct row *const *)node;
	struct listing *listing = userdata;

	if ((which == postorder || which == leaf) && listing->r == 0 &&
	    row->allocation.origin == ORIGIN_KUBELET)
		listing->r = listing->row(&row->allocation, listing->userdata);
}

int allocator_each_kubelet(struct allocator *allocator, store_row_fn row, void *userdata)
{
	struct listing listing = { row, userdata, 0 };

	twalk_r(allocator->rows, list_row, &listing);
	return listing.r;
}

int allocator_take_kubelet_claims(struct allocator *allocator, struct claims *claims)
{
	claims_done(&allocator->claims);
	allocator->claims = *claims;
	*claims = (struct claims){};
	for (size_t i = 0; i < allocator->claims.n_items; i++)
		assert_string_equal(allocator->claims.items[i].command, "kubelet");
	return 0;
}

const struct pools *allocator_pools(const struct allocator *allocator)
{
	return &allocator->pools;
}

bool allocator_is_pending(const struct allocator *allocator)
{
	(void)allocator;
	return true;
}

void clock_now(struct moment *ret)
{
	*ret = (struct moment){ 1, 1 };
}

struct allocator *allocator_make(void)
{
	struct allocator *allocator = calloc(1, sizeof(*allocator));

	assert_non_null(allocator);
	allocator->pool_items[0] = (struct pool){
		.name = POOL, .valid = true, .range = { UNIT, 4294836224 }, .unit = UNIT
	};
	allocator->pool_items[1] = (struct pool){
		.name = OTHER_POOL, .valid = true, .range = { 2 * UNIT, UNIT }, .unit = 2 * UNIT
	};
	allocator->pools = (struct pools){ allocator->pool_items, 2 };
	return allocator;
}

void allocator_drop(struct allocator *allocator)
{
	claims_done(&allocator->claims);
	tdestroy(allocator->rows, free);
	free(allocator);
}
