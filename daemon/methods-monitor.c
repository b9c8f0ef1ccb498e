/* SPDX-License-Identifier: MIT */

/*
 * Monitor: each watcher reads what is committed from where it stands in the history, whenever its
 * client is ready for more. So it has no queue, and one that is slow is behind and nothing else.
 * One that is so far behind that its events are no longer there is dropped.
 */

#include "methods-private.h"

#include "cleanup.h"
#include "methods-json.h"

#include <errno.h>

struct watcher {
	struct methods *methods;
	struct varlink_call *call;
	uint64_t sequence; /* of the last event that was told */
	bool is_greeted;   /* has the first, empty reply */
	struct json_object *page;
	struct watcher **at, *next; /* in the list of all */
};

static void watcher_free(void *userdata)
{
	struct watcher *watcher = userdata;

	*watcher->at = watcher->next;
	if (watcher->next)
		watcher->next->at = watcher->at;
	json_object_put(watcher->page);
	free(watcher);
}

static void watcher_add(struct watcher *watcher, struct watcher **list)
{
	watcher->at = list;
	watcher->next = *list;
	if (*list)
		(*list)->at = &watcher->next;
	*list = watcher;
}

/* Returns 1 when the page is full. Where a number is missing, events were removed unseen. */
static int add_event(const struct event *event, void *userdata)
{
	struct watcher *watcher = userdata;

	if (event->sequence != watcher->sequence + 1)
		return -ETIMEDOUT;
	if (json_object_array_length(watcher->page) == EVENTS_PER_REPLY)
		return 1;
	watcher->sequence = event->sequence;
	return json_append(watcher->page, json_new_event(event));
}

static int next_events(struct varlink_call *call, void *userdata)
{
	struct watcher *watcher = userdata;
	struct methods *methods = watcher->methods;
	struct json_object *parameters;
	int r = 0;

	json_object_put(watcher->page);
	watcher->page = json_object_new_array();
	if (!watcher->page)
		return -ENOMEM;
	if (watcher->is_greeted)
		r = allocator_events_after(methods->allocator, watcher->sequence, add_event,
					   watcher);
	if (r == -ETIMEDOUT)
		return r;
	if (r < 0)
		return methods_refuse_store(methods, call);
	if (watcher->is_greeted && json_object_array_length(watcher->page) == 0) {
		varlink_wait(call);
		return 0;
	}
	watcher->is_greeted = true;
	parameters = json_pack(JSON_VALUE("events", take_ptr(watcher->page)), NULL);
	return parameters ? varlink_notify(call, parameters) : -ENOMEM;
}

int methods_handle_monitor(struct varlink_call *call, const void *parameters, void *userdata)
{
	struct methods *methods = userdata;
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	(void)parameters;
	if (!watcher)
		return -ENOMEM;
	watcher->methods = methods;
	watcher->call = call;
	watcher->sequence = allocator_last_event(methods->allocator);
	watcher_add(watcher, &methods->watchers);
	varlink_stream(call, next_events, watcher, watcher_free);
	return 0;
}

void methods_committed(struct methods *methods)
{
	for (struct watcher *watcher = methods->watchers; watcher; watcher = watcher->next)
		varlink_continue(watcher->call);
	methods_continue_backup(methods);
}
