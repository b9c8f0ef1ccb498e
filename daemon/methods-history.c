/* SPDX-License-Identifier: MIT */

/* History: a stream of pages of events, each read from the store when the client is ready for it.
 */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"

#include <errno.h>
#include <string.h>

struct history_parameters {
	const char *pod;
	int64_t id, since, until, limit;
	bool has_id, has_until, has_limit;
};

#define AT(member) .offset = offsetof(struct history_parameters, member)
#define HAS(member) .has = offsetof(struct history_parameters, member)

const struct field methods_history_fields[N_HISTORY_FIELDS] = {
	{ "pod", FIELD_STRING, true, AT(pod), .is_valid = pod_key_valid },
	{ "id", FIELD_INT, true, AT(id), .max = UINT32_MAX, HAS(has_id) },
	{ "since", FIELD_INT, true, AT(since), .max = TIME_MAX },
	{ "until", FIELD_INT, true, AT(until), .max = TIME_MAX, HAS(has_until) },
	{ "limit", FIELD_INT, true, AT(limit), .min = 1, .max = INT64_MAX - 1, HAS(has_limit) },
};

/* What the stream remembers between two pages. */
struct history {
	struct methods *methods;
	struct event_query query; /* the rest of what was asked for */
	char *pod;		  /* of the query */
	uint64_t n_left;	  /* events that may still be told */
	struct json_object *page;
};

static void history_free(void *userdata)
{
	struct history *history = userdata;

	free(history->pod);
	json_object_put(history->page);
	free(history);
}

/* Returns 1 when the page is full, before the event that the next page begins with. */
static int add_event(const struct event *event, void *userdata)
{
	struct history *history = userdata;

	if (history->n_left == 0 || json_object_array_length(history->page) == EVENTS_PER_REPLY)
		return 1;
	history->n_left--;
	history->query.before = event->sequence;
	return json_append(history->page, json_new_event(event));
}

static int next_page(struct varlink_call *call, void *userdata)
{
	struct history *history = userdata;
	struct json_object *parameters;
	int r;

	history->page = json_object_new_array_ext(EVENTS_PER_REPLY);
	if (!history->page)
		return -ENOMEM;
	r = allocator_each_event(history->methods->allocator, &history->query, add_event, history);
	if (r < 0)
		return methods_refuse_store(history->methods, call);
	parameters = json_pack(JSON_VALUE("events", take_ptr(history->page)), NULL);
	if (!parameters)
		return -ENOMEM;
	return r == 1 && history->n_left > 0 ? varlink_notify(call, parameters)
					     : varlink_reply(call, parameters);
}

int methods_handle_history(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct history_parameters *p = parameters;
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	history->methods = userdata;
	history->n_left = p->has_limit ? (uint64_t)p->limit : UINT64_MAX;
	history->query = (struct event_query){
		.has_id = p->has_id,
		.id = (uint32_t)p->id,
		.since = (uint64_t)p->since,
		.until = p->has_until ? (uint64_t)p->until : UINT64_MAX,
		.before = UINT64_MAX,
	};
	varlink_stream(call, next_page, history, history_free);
	if (p->pod) {
		history->pod = strdup(p->pod);
		if (!history->pod)
			return -ENOMEM;
		history->query.pod = history->pod;
	}
	return 0;
}
