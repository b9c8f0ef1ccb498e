/* SPDX-License-Identifier: MIT */
#include "core/podindex.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 128 /* a power of two, as all later sizes are */
#define NO_START UINT32_MAX

struct pod_slot {
	uint32_t hash;
	uint32_t start; /* NO_START: empty */
};

/* FNV-1a over a secret, with its upper bits folded into the lower ones. */
static uint32_t hash_pod(const struct pod_index *index, const char *pod)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ index->seed;

	for (; *pod; pod++)
		hash = (hash ^ (unsigned char)*pod) * UINT64_C(0x100000001b3);
	hash = (hash ^ (hash >> 32)) * (index->seed | 1);
	return (uint32_t)(hash ^ (hash >> 32));
}

/* Where the first look for a hash goes. */
static size_t home(const struct pod_index *index, uint32_t hash)
{
	return hash & (index->n_slots - 1);
}

static size_t next(const struct pod_index *index, size_t slot)
{
	return (slot + 1) & (index->n_slots - 1);
}

static void put(struct pod_index *index, struct pod_slot item)
{
	size_t slot = home(index, item.hash);

	while (index->slots[slot].start != NO_START)
		slot = next(index, slot);
	index->slots[slot] = item;
}

static int grow(struct pod_index *index)
{
	size_t n_slots = index->n_slots ? 2 * index->n_slots : FIRST_SLOTS;
	struct pod_index grown = { index->seed, index->n_items, n_slots,
				   malloc(n_slots * sizeof(*grown.slots)) };

	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < n_slots; i++)
		grown.slots[i].start = NO_START;
	for (size_t i = 0; i < index->n_slots; i++)
		if (index->slots[i].start != NO_START)
			put(&grown, index->slots[i]);
	free(index->slots);
	*index = grown;
	return 0;
}

void pod_index_done(struct pod_index *index)
{
	free(index->slots);
	*index = (struct pod_index){ .seed = index->seed };
}

int pod_index_add(struct pod_index *index, const char *pod, uint32_t start)
{
	if (index->n_items + 1 > index->n_slots / 4 * 3) {
		int r = grow(index);

		if (r < 0)
			return r;
	}
	put(index, (struct pod_slot){ hash_pod(index, pod), start });
	index->n_items++;
	return 0;
}

/* The slot of an item, n_slots if there is none. */
static size_t find(const struct pod_index *index, const char *pod, uint32_t start)
{
	uint32_t hash = hash_pod(index, pod);
	size_t slot;

	if (index->n_slots == 0)
		return 0;
	slot = home(index, hash);
	while (index->slots[slot].start != NO_START) {
		if (index->slots[slot].hash == hash && index->slots[slot].start == start)
			return slot;
		slot = next(index, slot);
	}
	return index->n_slots;
}

/* Closes the gap with items behind it that would otherwise no longer be found. */
void pod_index_remove(struct pod_index *index, const char *pod, uint32_t start)
{
	size_t gap = find(index, pod, start), mask = index->n_slots - 1;

	if (gap == index->n_slots)
		return;
	index->n_items--;
	for (size_t slot = next(index, gap); index->slots[slot].start != NO_START;
	     slot = next(index, slot)) {
		size_t distance = (slot - home(index, index->slots[slot].hash)) & mask;

		if (distance < ((slot - gap) & mask))
			continue;
		index->slots[gap] = index->slots[slot];
		gap = slot;
	}
	index->slots[gap].start = NO_START;
}

bool pod_index_has(const struct pod_index *index, const char *pod, uint32_t start)
{
	return find(index, pod, start) < index->n_slots;
}

bool pod_index_next(const struct pod_index *index, const char *pod, size_t *at, uint32_t *ret_start)
{
	uint32_t hash = hash_pod(index, pod);

	while (*at < index->n_slots) {
		struct pod_slot item =
			index->slots[(home(index, hash) + *at) & (index->n_slots - 1)];

		if (item.start == NO_START)
			return false;
		++*at;
		if (item.hash == hash) {
			*ret_start = item.start;
			return true;
		}
	}
	return false;
}
