/* SPDX-License-Identifier: MIT */

/* List: several replies, read one at a time. */

#include "cleanup.h"
#include "client.h"
#include "decode.h"
#include "transport.h"

#include <errno.h>

struct subidd_iterator {
	struct subidd_client *client;
	struct envelope_reply reply; /* the one that is being gone through */
	struct json_object *array;   /* its allocations */
	size_t n;		     /* how many those are */
	size_t next;		     /* index of the next one */
	bool reading;		     /* are there more replies to come? */
	struct subidd_allocation allocation;
};

DEFINE_CLEANUP(struct subidd_iterator *, subidd_iterator_free)

struct list_fields {
	struct json_object *allocations;
};

static const struct field list_fields[] = {
	FIELD("allocations", FIELD_ARRAY, list_fields, allocations),
};

/* Ends the iteration, on both sides, and returns R. */
static int end(struct subidd_iterator *iterator, int r)
{
	if (iterator->reading)
		client_disconnect(iterator->client);
	envelope_reply_done(&iterator->reply);
	iterator->n = iterator->next = 0;
	iterator->reading = false;
	return r;
}

/* Reads the next reply; a failure is the end. */
static int next_reply(struct subidd_iterator *iterator)
{
	struct subidd_client *client = iterator->client;
	struct list_fields raw;
	const char *wrong = NULL;
	int r;

	iterator->reading = client->busy = false;
	end(iterator, 0);
	r = client_receive(client, &iterator->reply);
	if (r < 0)
		return r;
	r = decode(list_fields, ELEMENTS_OF(list_fields), iterator->reply.parameters, &raw, &wrong);
	if (r < 0)
		return end(iterator, client_undecodable(client, r, wrong));
	iterator->array = raw.allocations;
	iterator->n = json_object_array_length(raw.allocations);
	iterator->reading = client->busy = iterator->reply.continues;
	return 0;
}

static int send_list(struct subidd_client *client, const char *pool, enum subidd_state state)
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
	if (r == 0)
		r = client_send(client, ALLOCATOR_METHOD("List"), parameters, true);
	return r;
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
	iterator->client = client;
	r = send_list(client, pool, state);
	if (r == 0)
		r = next_reply(iterator);
	if (r < 0)
		return r;
	*ret = take_ptr(iterator);
	return 0;
}

/* Reads the next allocation of the reply at hand. */
static int next_allocation(struct subidd_iterator *iterator)
{
	struct json_object *item = json_object_array_get_idx(iterator->array, iterator->next++);
	const char *wrong = "allocations";
	int r = -EPROTO;

	if (json_object_is_type(item, json_type_object))
		r = decode_allocation(item, &iterator->allocation, &wrong);
	return r < 0 ? client_undecodable(iterator->client, r, wrong) : 0;
}

int subidd_iterator_next(struct subidd_iterator *iterator, const struct subidd_allocation **ret)
{
	int r;

	while (iterator->next == iterator->n) {
		if (!iterator->reading)
			return 0;
		iterator->client->deadline = deadline_after(iterator->client->timeout);
		r = next_reply(iterator);
		if (r < 0)
			return r;
	}
	r = next_allocation(iterator);
	if (r < 0)
		return end(iterator, r);
	*ret = &iterator->allocation;
	return 1;
}

struct subidd_iterator *subidd_iterator_free(struct subidd_iterator *iterator)
{
	if (iterator)
		end(iterator, 0);
	free(iterator);
	return NULL;
}
