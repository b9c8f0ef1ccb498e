/* SPDX-License-Identifier: MIT */

/* Pools and what was found wrong with them. */

#include "cleanup.h"
#include "decode.h"

#include <errno.h>

struct finding_fields {
	struct subidd_finding finding; /* what needs no conversion */
	int level;
	int64_t line;
};

static const struct field finding_fields[] = {
	FIELD("rule", FIELD_STRING, finding_fields, finding.rule),
	FIELD_NAME_OF("level", finding_fields, level, level_names),
	FIELD("message", FIELD_STRING, finding_fields, finding.message),
	FIELD("file", FIELD_STRING, finding_fields, finding.file, .optional = true),
	FIELD_NUMBER_OR_NULL("line", finding_fields, line, ID_MAX),
};

/* The numbers of a pool. */
enum {
	START,
	COUNT,
	UNIT,
	MAX_PODS,
	CAPACITY,
	ACTIVE,
	DRAINING,
	RELEASED,
	FOREIGN,
	FREE,
	OUTSIDE,
	WAITING,
	N_NUMBERS
};

struct pool_fields {
	struct subidd_pool pool; /* what needs no conversion */
	int64_t numbers[N_NUMBERS];
	struct json_object *findings;
};

static const struct field pool_fields[] = {
	FIELD("name", FIELD_STRING, pool_fields, pool.name),
	FIELD("owner", FIELD_STRING, pool_fields, pool.owner),
	FIELD("valid", FIELD_BOOL, pool_fields, pool.valid),
	FIELD_NUMBER("start", pool_fields, numbers[START], ID_MAX),
	FIELD_NUMBER("count", pool_fields, numbers[COUNT], ID_MAX),
	FIELD_NUMBER("unit", pool_fields, numbers[UNIT], ID_MAX),
	FIELD_NUMBER("maxPods", pool_fields, numbers[MAX_PODS], ID_MAX),
	FIELD_NUMBER("capacity", pool_fields, numbers[CAPACITY], ID_MAX),
	FIELD_NUMBER("active", pool_fields, numbers[ACTIVE], ID_MAX),
	FIELD_NUMBER("draining", pool_fields, numbers[DRAINING], ID_MAX),
	FIELD_NUMBER("released", pool_fields, numbers[RELEASED], ID_MAX),
	FIELD_NUMBER("foreign", pool_fields, numbers[FOREIGN], ID_MAX),
	FIELD_NUMBER("free", pool_fields, numbers[FREE], ID_MAX),
	FIELD_NUMBER("outside", pool_fields, numbers[OUTSIDE], ID_MAX),
	FIELD_NUMBER_OR_NULL("waiting", pool_fields, numbers[WAITING], ID_MAX),
	FIELD("findings", FIELD_ARRAY, pool_fields, findings),
};

static int decode_finding(struct json_object *object, struct subidd_finding *ret,
			  const char **ret_wrong)
{
	struct finding_fields raw = {};
	int r;

	if (!json_object_is_type(object, json_type_object))
		return -EPROTO;
	r = decode(finding_fields, ELEMENTS_OF(finding_fields), object, &raw, ret_wrong);
	if (r < 0)
		return r;
	*ret = raw.finding;
	ret->level = (enum subidd_level)raw.level;
	ret->line = (uint32_t)raw.line;
	return 0;
}

static int decode_findings(struct arena *arena, struct json_object *array, struct subidd_pool *pool,
			   const char **ret_wrong)
{
	size_t n = json_object_array_length(array);
	const struct subidd_finding **pointers;
	struct subidd_finding *findings;
	int r;

	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it is made of */
	pointers = arena_alloc(arena, n, sizeof(*pointers));
	findings = arena_alloc(arena, n, sizeof(*findings));
	if (!pointers || !findings)
		return -ENOMEM;
	*ret_wrong = "findings";
	for (size_t i = 0; i < n; i++) {
		r = decode_finding(json_object_array_get_idx(array, i), &findings[i], ret_wrong);
		if (r < 0)
			return r;
		pointers[i] = &findings[i];
	}
	pool->findings = pointers;
	pool->n_findings = n;
	return 0;
}

static void set_numbers(struct subidd_pool *pool, const int64_t *numbers)
{
	pool->start = (uint32_t)numbers[START];
	pool->count = (uint32_t)numbers[COUNT];
	pool->unit = (uint32_t)numbers[UNIT];
	pool->max_pods = (uint32_t)numbers[MAX_PODS];
	pool->capacity = (uint32_t)numbers[CAPACITY];
	pool->active = (uint32_t)numbers[ACTIVE];
	pool->draining = (uint32_t)numbers[DRAINING];
	pool->released = (uint32_t)numbers[RELEASED];
	pool->foreign = (uint32_t)numbers[FOREIGN];
	pool->free = (uint32_t)numbers[FREE];
	pool->outside = (uint32_t)numbers[OUTSIDE];
	pool->waiting = (uint32_t)numbers[WAITING];
}

static int decode_pool(struct arena *arena, struct json_object *object, struct subidd_pool *ret,
		       const char **ret_wrong)
{
	struct pool_fields raw = {};
	int r;

	if (!json_object_is_type(object, json_type_object))
		return -EPROTO;
	r = decode(pool_fields, ELEMENTS_OF(pool_fields), object, &raw, ret_wrong);
	if (r < 0)
		return r;
	if (raw.numbers[COUNT] > (int64_t)UINT32_MAX - raw.numbers[START]) {
		*ret_wrong = "count";
		return -EPROTO;
	}
	r = decode_findings(arena, raw.findings, &raw.pool, ret_wrong);
	if (r < 0)
		return r;
	r = decode_json(object, &raw.pool.json);
	if (r < 0)
		return r;
	*ret = raw.pool;
	set_numbers(ret, raw.numbers);
	return 0;
}

int decode_pools(struct arena *arena, struct json_object *array,
		 const struct subidd_pool *const **ret, size_t *ret_n, const char **ret_wrong)
{
	size_t n = json_object_array_length(array);
	const struct subidd_pool **pointers;
	struct subidd_pool *pools;
	int r;

	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it is made of */
	pointers = arena_alloc(arena, n, sizeof(*pointers));
	pools = arena_alloc(arena, n, sizeof(*pools));
	if (!pointers || !pools)
		return -ENOMEM;
	*ret_wrong = "pools";
	for (size_t i = 0; i < n; i++) {
		r = decode_pool(arena, json_object_array_get_idx(array, i), &pools[i], ret_wrong);
		if (r < 0)
			return r;
		pointers[i] = &pools[i];
	}
	*ret = pointers;
	*ret_n = n;
	return 0;
}
