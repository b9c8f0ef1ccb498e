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

static const struct stream_kind list_kind = {
	.method = ALLOCATOR_METHOD("List"),
	.array = "allocations",
	.decode = decode_item,
};

static int open_list(struct subidd_client *client, const char *pool, enum subidd_state state,
		     struct stream *stream)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r;

	if (state != SUBIDD_STATE_ANY && !subidd_state_name(state))
		return client_fail(client, -EINVAL, "state is none of the known ones");
	r = client_new_parameters(client, &parameters);
	if (r == 0)
		r = client_add_string(client, parameters, "pool", pool);
	if (r == 0)
		r = client_add_string(client, parameters, "state", subidd_state_name(state));
	return r < 0 ? r : stream_open(stream, client, &list_kind, parameters);
}

int subidd_list(struct subidd_client *client, const char *pool, enum subidd_state state,
		struct subidd_iterator **ret)
{
	_cleanup_(subidd_iterator_freep) struct subidd_iterator *iterator = NULL;
	int r;

	r = client_begin(client);
	if (r < 0)
		return r;
	iterator = calloc(1, sizeof(*iterator));
	if (!iterator)
		return client_fail_plain(client, -ENOMEM);
	r = open_list(client, pool, state, &iterator->stream);
	if (r < 0)
		return r;
	*ret = take_ptr(iterator);
	return 0;
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
