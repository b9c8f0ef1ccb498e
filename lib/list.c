/* SPDX-License-Identifier: MIT */

/* List. */

#include "cleanup.h"
#include "decode.h"
#include "stream.h"

#include <errno.h>

struct subidd_iterator {
	struct stream stream;
	struct subidd_allocation allocation;
};

DEFINE_CLEANUP(struct subidd_iterator *, subidd_iterator_free)

static int decode_item(struct json_object *object, void *item, const char **ret_wrong)
{
	return decode_allocation(object, item, ret_wrong);
}

static void tell(const struct subidd_call *call, int r, void *allocation)
{
	call->callback.allocation(call->client, r, allocation, call->userdata);
}

static const struct call_kind list_kind = {
	.method = ALLOCATOR_METHOD("List"),
	.array = "allocations",
	.is_stream = true,
	.decode_item = decode_item,
	.tell = tell,
};

static int make_parameters(struct subidd_client *client, const char *pool, enum subidd_state state,
			   struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = client_begin(client, &parameters);
	if (r == 0 && state != SUBIDD_STATE_ANY && !subidd_state_name(state))
		r = client_fail(client, -EINVAL, "state is none of the known ones");
	if (r == 0)
		r = client_add_string(client, parameters, "pool", pool);
	if (r == 0)
		r = client_add_string(client, parameters, "state", subidd_state_name(state));
	if (r == 0)
		*ret = take_ptr(parameters);
	return r;
}

int subidd_list(struct subidd_client *client, const char *pool, enum subidd_state state,
		struct subidd_iterator **ret)
{
	_cleanup_(subidd_iterator_freep) struct subidd_iterator *iterator = NULL;
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	r = make_parameters(client, pool, state, &parameters);
	if (r < 0)
		return r;
	iterator = calloc(1, sizeof(*iterator));
	if (!iterator)
		return client_fail_plain(client, -ENOMEM);
	r = stream_open(&iterator->stream, client, &list_kind, parameters);
	if (r < 0)
		return r;
	*ret = take_ptr(iterator);
	return 0;
}

int subidd_start_list(struct subidd_client *client, const char *pool, enum subidd_state state,
		      subidd_allocation_callback callback, void *userdata, struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	struct subidd_call *call = NULL;
	int r;

	r = make_parameters(client, pool, state, &parameters);
	if (r == 0)
		r = call_new(client, &list_kind, parameters, &call);
	if (r < 0)
		return r;
	return call_start(call, (union call_callback){ .allocation = callback }, userdata, ret);
}

int subidd_iterator_next(struct subidd_iterator *iterator, const struct subidd_allocation **ret)
{
	int r = stream_next(&iterator->stream, &iterator->allocation);

	if (r > 0)
		*ret = &iterator->allocation;
	return r;
}

struct subidd_iterator *subidd_iterator_free(struct subidd_iterator *iterator)
{
	if (iterator)
		stream_done(&iterator->stream);
	free(iterator);
	return NULL;
}
