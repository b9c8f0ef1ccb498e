/* SPDX-License-Identifier: MIT */

/* Reconcile: releases what belongs to no pod of a list. */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"

#include <errno.h>
#include <string.h>

struct reconcile_parameters {
	struct json_object *pods;
	const char *pool;
	int64_t created_before;
	bool has_created_before, is_dry_run;
};

#define AT(member) .offset = offsetof(struct reconcile_parameters, member)

const struct field methods_reconcile_fields[N_RECONCILE_FIELDS] = {
	{ "pods", FIELD_STRINGS, AT(pods), .is_valid = pod_key_valid },
	{ "pool", FIELD_STRING, true, AT(pool) },
	{ "createdBefore", FIELD_INT, true, AT(created_before), .max = TIME_MAX,
	  .has = offsetof(struct reconcile_parameters, has_created_before) },
	{ "dryRun", FIELD_BOOL, true, AT(is_dry_run) },
};

/* The pods that live, each once, sorted by strcmp(). */
struct living {
	const char **pods; /* the texts belong to the call */
	bool *are_active;  /* has the pod of that index an active allocation? */
	size_t n_pods;
};

static void living_done(struct living *living)
{
	free(living->pods);
	free(living->are_active);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int living_init(struct living *living, struct json_object *list)
{
	size_t n = json_object_array_length(list);

	living->pods = calloc(n + 1, sizeof(*living->pods));
	living->are_active = calloc(n + 1, sizeof(*living->are_active));
	if (!living->pods || !living->are_active)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		living->pods[i] = json_object_get_string(json_object_array_get_idx(list, i));
	qsort(living->pods, n, sizeof(*living->pods), compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(living->pods[i], living->pods[living->n_pods - 1]) != 0)
			living->pods[living->n_pods++] = living->pods[i];
	return 0;
}

static int note_active(const struct allocation *row, void *userdata)
{
	struct living *living = userdata;
	const char *pod = row->pod, **found;

	if (row->state != ALLOCATION_ACTIVE)
		return 0;
	found = bsearch(&pod, living->pods, living->n_pods, sizeof(*living->pods), compare);
	if (found)
		living->are_active[found - living->pods] = true;
	return 0;
}

static struct json_object *new_missing(const struct living *living)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < living->n_pods && list; i++)
		if (!living->are_active[i] &&
		    json_append(list, json_object_new_string(living->pods[i])) < 0)
			return NULL;
	return take_ptr(list);
}

static int add_released(const struct allocation *row, void *userdata)
{
	return json_append(userdata, json_object_new_string(row->pod));
}

/* The rows are read before anything is changed, so that a failure leaves nothing behind. */
int methods_handle_reconcile(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct reconcile_parameters *p = parameters;
	struct methods *methods = userdata;
	_cleanup_(living_done) struct living living = {};
	_cleanup_(json_putp) struct json_object *released = json_object_new_array();
	struct reconcile_request request = {
		.pool = p->pool,
		.created_before = p->has_created_before ? (uint64_t)p->created_before : UINT64_MAX,
		.is_dry_run = p->is_dry_run,
		.by = methods_requester(call),
		.now = methods_now(),
	};
	int r = living_init(&living, p->pods);

	if (r < 0 || !released)
		return -ENOMEM;
	request.pods = living.pods;
	request.n_pods = living.n_pods;
	r = allocator_each(methods->allocator, 0, note_active, &living);
	if (r == 0)
		r = allocator_reconcile(methods->allocator, &request, add_released, released);
	if (r < 0)
		return methods_refuse_store(methods, call);
	if (r == ALLOCATOR_E_NO_SUCH_POOL)
		return methods_refuse_pool(call, p->pool);
	return methods_reply(call, json_pack(JSON_VALUE("released", take_ptr(released)),
					     JSON_VALUE("missing", new_missing(&living)), NULL));
}
