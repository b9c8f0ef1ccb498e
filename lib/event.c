/* SPDX-License-Identifier: MIT */

/* History and Monitor: what has happened, and what happens. */

#include "cleanup.h"
#include "decode.h"
#include "stream.h"

#include <errno.h>
#include <string.h>

struct subidd_event_iterator {
	struct stream stream;
	struct subidd_event event;
};

DEFINE_CLEANUP(struct subidd_event_iterator *, subidd_event_iterator_free)

struct event_fields {
	struct subidd_event event; /* what needs no conversion */
	int64_t sequence, time, start, count, client_uid, client_pid, pid;
};

static const struct field event_fields[] = {
	FIELD_NUMBER("sequence", event_fields, sequence, NUMBER_MAX),
	FIELD_NUMBER("time", event_fields, time, NUMBER_MAX),
	FIELD("kind", FIELD_STRING, event_fields, event.kind_name),
	FIELD("pod", FIELD_STRING, event_fields, event.pod, .optional = true),
	FIELD("pool", FIELD_STRING, event_fields, event.pool, .optional = true),
	FIELD_NUMBER_OR_NULL("start", event_fields, start, ID_MAX),
	FIELD_NUMBER_OR_NULL("count", event_fields, count, ID_MAX),
	FIELD("namespace", FIELD_STRING, event_fields, event.pod_namespace, .optional = true),
	FIELD("name", FIELD_STRING, event_fields, event.pod_name, .optional = true),
	FIELD_NUMBER_OR_NULL("clientUid", event_fields, client_uid, ID_MAX),
	FIELD_NUMBER_OR_NULL("clientPid", event_fields, client_pid, PID_MAX),
	FIELD_NUMBER_OR_NULL("pid", event_fields, pid, PID_MAX),
	FIELD("otherPod", FIELD_STRING, event_fields, event.other_pod, .optional = true),
	FIELD("cause", FIELD_STRING, event_fields, event.cause_name, .optional = true),
};

/* The index of a name that a newer daemon may have more of, or UNKNOWN. */
static int find_name(const char *const *names, size_t n_names, const char *name, int unknown)
{
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return unknown;
}

static void set_names(struct subidd_event *event)
{
	event->kind = (enum subidd_event_kind)find_name(event_kind_names,
							ELEMENTS_OF(event_kind_names),
							event->kind_name, SUBIDD_EVENT_UNKNOWN);
	event->cause = SUBIDD_CAUSE_NONE;
	if (event->cause_name)
		event->cause = (enum subidd_cause)find_name(cause_names, ELEMENTS_OF(cause_names),
							    event->cause_name,
							    SUBIDD_CAUSE_UNKNOWN);
}

static void set_numbers(struct subidd_event *event, const struct event_fields *raw)
{
	event->sequence = (uint64_t)raw->sequence;
	event->time = (uint64_t)raw->time;
	event->start = (uint32_t)raw->start;
	event->count = (uint32_t)raw->count;
	event->has_client = raw->client_uid >= 0;
	event->client_uid = event->has_client ? (uint32_t)raw->client_uid : 0;
	event->client_pid = (uint32_t)raw->client_pid;
	event->pid = (uint32_t)raw->pid;
}

static int decode_event(struct json_object *object, void *item, const char **ret_wrong)
{
	struct event_fields raw = { .start = -1, .count = -1, .client_uid = -1 };
	struct subidd_event *event = item;
	int r;

	r = decode(event_fields, ELEMENTS_OF(event_fields), object, &raw, ret_wrong);
	if (r == 0 && raw.start < 0 && raw.count < 0)
		raw.start = raw.count = 0;
	else if (r == 0)
		r = decode_range(raw.start, raw.count, ret_wrong);
	if (r == 0)
		r = decode_json(object, &raw.event.json);
	if (r < 0)
		return r;
	*event = raw.event;
	set_names(event);
	set_numbers(event, &raw);
	return 0;
}

static void tell(const struct subidd_call *call, int r, void *event)
{
	call->callback.event(call->client, r, event, call->userdata);
}

static const struct call_kind history_kind = {
	.method = ALLOCATOR_METHOD("History"),
	.array = "events",
	.is_stream = true,
	.decode_item = decode_event,
	.tell = tell,
};

static const struct call_kind monitor_kind = {
	.method = ALLOCATOR_METHOD("Monitor"),
	.array = "events",
	.is_live = true,
	.is_stream = true,
	.decode_item = decode_event,
	.tell = tell,
};

static int add_query(struct subidd_client *client, const struct subidd_history_query *query,
		     struct json_object *parameters)
{
	int r;

	r = client_add_string(client, parameters, "pod", query->pod);
	if (r == 0 && query->has_id)
		r = client_add_int(client, parameters, "id", query->id);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "since", query->since);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "until", query->until);
	if (r == 0)
		r = client_add_nonzero(client, parameters, "limit", query->limit);
	return r;
}

static int open_events(struct subidd_client *client, const struct call_kind *kind,
		       struct json_object *parameters, struct subidd_event_iterator **ret)
{
	_cleanup_(subidd_event_iterator_freep) struct subidd_event_iterator *iterator = NULL;
	int r;

	iterator = calloc(1, sizeof(*iterator));
	if (!iterator)
		return client_fail_plain(client, -ENOMEM);
	r = stream_open(&iterator->stream, client, kind, parameters);
	if (r < 0)
		return r;
	*ret = take_ptr(iterator);
	return 0;
}

static int start_events(struct subidd_client *client, const struct call_kind *kind,
			struct json_object *parameters, subidd_event_callback callback,
			void *userdata, struct subidd_call **ret)
{
	struct subidd_call *call = NULL;
	int r = call_new(client, kind, parameters, &call);

	if (r < 0)
		return r;
	return call_start(call, (union call_callback){ .event = callback }, userdata, ret);
}

static int make_query(struct subidd_client *client, const struct subidd_history_query *query,
		      size_t size, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	struct subidd_history_query known = {};
	int r;

	r = client_begin(client, &parameters);
	if (r == 0 && query)
		r = client_copy(client, query, size, &known, sizeof(known));
	if (r == 0)
		r = add_query(client, &known, parameters);
	if (r == 0)
		*ret = take_ptr(parameters);
	return r;
}

int subidd_history(struct subidd_client *client, const struct subidd_history_query *query,
		   size_t size, struct subidd_event_iterator **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r = make_query(client, query, size, &parameters);

	return r < 0 ? r : open_events(client, &history_kind, parameters, ret);
}

int subidd_start_history(struct subidd_client *client, const struct subidd_history_query *query,
			 size_t size, subidd_event_callback callback, void *userdata,
			 struct subidd_call **ret)
{
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	int r = make_query(client, query, size, &parameters);

	if (r < 0)
		return r;
	return start_events(client, &history_kind, parameters, callback, userdata, ret);
}

int subidd_monitor(struct subidd_client *client, struct subidd_event_iterator **ret)
{
	client_forget(client);
	return open_events(client, &monitor_kind, NULL, ret);
}

int subidd_start_monitor(struct subidd_client *client, subidd_event_callback callback,
			 void *userdata, struct subidd_call **ret)
{
	client_forget(client);
	return start_events(client, &monitor_kind, NULL, callback, userdata, ret);
}

void subidd_event_iterator_set_wait(struct subidd_event_iterator *iterator, uint64_t usec)
{
	iterator->stream.wait = usec;
}

int subidd_event_iterator_next(struct subidd_event_iterator *iterator,
			       const struct subidd_event **ret)
{
	int r = stream_next(&iterator->stream, &iterator->event);

	if (r > 0)
		*ret = &iterator->event;
	return r;
}

struct subidd_event_iterator *subidd_event_iterator_free(struct subidd_event_iterator *iterator)
{
	if (iterator)
		stream_done(&iterator->stream);
	free(iterator);
	return NULL;
}
