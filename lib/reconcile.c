/* SPDX-License-Identifier: MIT */

/* Reconcile. */

#include "arena.h"
#include "call.h"
#include "cleanup.h"
#include "decode.h"

#include <errno.h>
#include <string.h>

/* A reconciliation and what it is made of; the pointer that goes to the caller is that of the first
 * member. */
struct reconciliation_box {
	struct subidd_reconciliation reconciliation;
	struct arena arena;
};

struct reconcile_fields {
	struct json_object *released, *missing;
};

static const struct field reconcile_fields[] = {
	FIELD("released", FIELD_ARRAY, reconcile_fields, released),
	FIELD("missing", FIELD_ARRAY, reconcile_fields, missing),
};

static struct reconciliation_box *box_free(struct reconciliation_box *box)
{
	if (box)
		arena_done(&box->arena);
	free(box);
	return NULL;
}

DEFINE_CLEANUP(struct reconciliation_box *, box_free)

struct subidd_reconciliation *subidd_reconciliation_free(
	struct subidd_reconciliation *reconciliation)
{
	box_free((struct reconciliation_box *)reconciliation);
	return NULL;
}

/* An array of strings, called NAME. */
static int decode_strings(struct arena *arena, struct json_object *array, const char *name,
			  const char *const **ret, size_t *ret_n, const char **ret_wrong)
{
	size_t n = json_object_array_length(array);
	const char **strings = arena_alloc(arena, n, sizeof(*strings));

	if (!strings)
		return -ENOMEM;
	*ret_wrong = name;
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		if (!json_object_is_type(item, json_type_string))
			return -EPROTO;
		strings[i] = json_object_get_string(item);
		if (strlen(strings[i]) != (size_t)json_object_get_string_len(item))
			return -EPROTO;
	}
	*ret = strings;
	*ret_n = n;
	return 0;
}

static int decode_box(struct json_object *parameters, struct reconciliation_box *box,
		      const char **ret_wrong)
{
	struct subidd_reconciliation *ret = &box->reconciliation;
	struct reconcile_fields raw;
	int r;

	r = decode(reconcile_fields, ELEMENTS_OF(reconcile_fields), parameters, &raw, ret_wrong);
	if (r == 0)
		r = decode_strings(&box->arena, raw.released, "released", &ret->released,
				   &ret->n_released, ret_wrong);
	if (r == 0)
		r = decode_strings(&box->arena, raw.missing, "missing", &ret->missing,
				   &ret->n_missing, ret_wrong);
	return r < 0 ? r : decode_json(parameters, &ret->json);
}

static int make_reconciliation(const struct subidd_call *call, struct envelope_reply *reply,
			       void **ret, const char **ret_wrong)
{
	_cleanup_(box_freep) struct reconciliation_box *box = calloc(1, sizeof(*box));
	int r;

	(void)call;
	if (!box)
		return -ENOMEM;
	box->arena.root = take_ptr(reply->root);
	r = decode_box(reply->parameters, box, ret_wrong);
	if (r < 0)
		return r;
	*ret = take_ptr(box);
	return 0;
}

static void tell(const struct subidd_call *call, int r, void *reconciliation)
{
	call->callback.reconciliation(call->client, r, reconciliation, call->userdata);
}

static const struct call_kind reconcile_kind = {
	.method = ALLOCATOR_METHOD("Reconcile"),
	.fields = reconcile_fields,
	.n_fields = ELEMENTS_OF(reconcile_fields),
	.decode = make_reconciliation,
	.tell = tell,
};

static int add_pods(struct subidd_client *client, const struct subidd_reconcile_request *request,
		    struct json_object *parameters)
{
	struct json_object *pods = json_object_new_array();

	if (json_add(parameters, "pods", pods) < 0)
		return client_fail_plain(client, -ENOMEM);
	for (size_t i = 0; i < request->n_pods; i++) {
		const char *pod = request->pods[i];

		if (!pod)
			return client_fail(client, -EINVAL, "pods[%zu] is missing", i);
		if (!utf8_valid(pod, strlen(pod)))
			return client_fail(client, -EINVAL, "pods[%zu] is not valid UTF-8", i);
		if (json_append(pods, json_object_new_string(pod)) < 0)
			return client_fail_plain(client, -ENOMEM);
	}
	return 0;
}

static int add_request(struct subidd_client *client, const struct subidd_reconcile_request *request,
		       struct json_object *parameters)
{
	int r;

	r = add_pods(client, request, parameters);
	if (r == 0)
		r = client_add_string(client, parameters, "pool", request->pool);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "createdBefore",
				       request->created_before);
	if (r == 0 && request->dry_run && json_add_bool(parameters, "dryRun", true) < 0)
		r = client_fail_plain(client, -ENOMEM);
	return r;
}

static int prepare(struct subidd_client *client, const struct subidd_reconcile_request *request,
		   size_t size, struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	struct subidd_reconcile_request known;
	int r;

	r = client_begin(client, &parameters);
	if (r == 0)
		r = client_copy(client, request, size, &known, sizeof(known));
	if (r == 0)
		r = add_request(client, &known, parameters);
	return r < 0 ? r : call_new(client, &reconcile_kind, parameters, ret);
}

int subidd_reconcile(struct subidd_client *client, const struct subidd_reconcile_request *request,
		     size_t size, struct subidd_reconciliation **ret)
{
	struct subidd_call *call = NULL;
	void *reconciliation = NULL;
	int r;

	r = prepare(client, request, size, &call);
	if (r == 0)
		r = call_run(call, &reconciliation);
	if (r < 0)
		return r;
	if (ret)
		*ret = reconciliation;
	else
		subidd_reconciliation_free(reconciliation);
	return 0;
}

int subidd_start_reconcile(struct subidd_client *client,
			   const struct subidd_reconcile_request *request, size_t size,
			   subidd_reconciliation_callback callback, void *userdata,
			   struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = prepare(client, request, size, &call);

	if (r < 0)
		return r;
	return call_start(call, (union call_callback){ .reconciliation = callback }, userdata, ret);
}
