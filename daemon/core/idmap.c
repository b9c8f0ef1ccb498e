/* SPDX-License-Identifier: MIT */
#include "core/idmap.h"

#include "decimal.h"

#include <stdlib.h>
#include <string.h>

/* Reads a number and the blanks before it. */
static int read_number(const char **text, const char *end, uint32_t *ret)
{
	const char *first = *text, *last;
	uint64_t number;
	int r;

	while (first < end && *first == ' ')
		first++;
	for (last = first; last < end && *last >= '0' && *last <= '9'; last++)
		;
	r = decimal_parse(first, (size_t)(last - first), UINT32_MAX, &number);
	if (r < 0)
		return -EINVAL;
	*text = last;
	*ret = (uint32_t)number;
	return 0;
}

static int read_extent(const char **text, const char *end, struct id_range *ret_host)
{
	uint32_t inside;

	if (read_number(text, end, &inside) < 0 || read_number(text, end, &ret_host->start) < 0 ||
	    read_number(text, end, &ret_host->count) < 0 || ret_host->count == 0 || *text == end ||
	    **text != '\n')
		return -EINVAL;
	++*text;
	return 0;
}

static int compare_starts(const void *left, const void *right)
{
	const struct id_range *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* Is there no ID that the extents leave out? Their counts tell at once that nearly all maps do. */
static bool covers_all(const struct id_range *hosts, size_t n_hosts)
{
	struct id_range sorted[IDMAP_EXTENTS_MAX];
	uint64_t n_ids = 0;
	uint32_t end = 0;

	for (size_t i = 0; i < n_hosts; i++)
		n_ids += hosts[i].count;
	if (n_ids < UINT32_MAX)
		return false;
	memcpy(sorted, hosts, n_hosts * sizeof(*hosts));
	qsort(sorted, n_hosts, sizeof(*sorted), compare_starts);
	for (size_t i = 0; i < n_hosts && sorted[i].start <= end; i++)
		if (id_range_end(sorted[i]) > end)
			end = id_range_end(sorted[i]);
	return end == UINT32_MAX;
}

int idmap_parse(const char *text, size_t size, struct idmap *ret)
{
	const char *const end = text + size;
	struct id_range hosts[IDMAP_EXTENTS_MAX];
	size_t n_lines = 0, n_hosts = 0;

	while (text < end) {
		struct id_range host;

		if (n_lines++ == IDMAP_EXTENTS_MAX || read_extent(&text, end, &host) < 0)
			return -EINVAL;
		if (host.count > UINT32_MAX - host.start)
			host.count = UINT32_MAX - host.start;
		if (host.count > 0)
			hosts[n_hosts++] = host;
	}
	memcpy(ret->hosts, hosts, n_hosts * sizeof(*hosts));
	ret->n_hosts = n_hosts;
	ret->is_empty = n_lines == 0;
	ret->is_full = covers_all(hosts, n_hosts);
	return 0;
}

bool idmap_contains(const struct idmap *map, uint32_t id)
{
	for (size_t i = 0; i < map->n_hosts; i++)
		if (id_range_contains(map->hosts[i], id))
			return true;
	return false;
}

bool idmap_overlaps(const struct idmap *map, struct id_range range)
{
	for (size_t i = 0; i < map->n_hosts; i++)
		if (id_range_overlaps(map->hosts[i], range))
			return true;
	return false;
}
