/* SPDX-License-Identifier: MIT */
#include "event.h"

const struct column event_columns[N_EVENT_COLUMNS] = {
	{ "TIME" }, { "EVENT" },	  { "POD" },  { "POOL" }, { "RANGE" },
	{ "BY" },   { "NAMESPACE/NAME" }, { "MORE" },
};

/* Who did it: a client, or the daemon by itself. */
static void add_client(struct table *table, const struct subidd_event *event)
{
	if (!event->has_client)
		table_add(table, COLOUR_NONE, "subidd");
	else if (event->client_pid == 0)
		table_add(table, COLOUR_NONE, "UID %u", event->client_uid);
	else
		table_add(table, COLOUR_NONE, "UID %u PID %u", event->client_uid,
			  event->client_pid);
}

/* The process, the other pod and the cause, as far as they are known. */
static void add_more(struct table *table, const struct subidd_event *event)
{
	const char *other = event->other_pod;

	if (event->kind == SUBIDD_EVENT_REUSED && other)
		table_add(table, COLOUR_NONE, "the pod %s has it now", other);
	else if (event->kind == SUBIDD_EVENT_CONFLICT && other)
		table_add(table, COLOUR_RED, "the pod %s has it", other);
	else if (event->cause == SUBIDD_CAUSE_PROCESS_ENDED && event->pid)
		table_add(table, COLOUR_NONE, "the process %u ended", event->pid);
	else if (event->cause == SUBIDD_CAUSE_RECONCILE)
		table_add(table, COLOUR_NONE, "by reconcile");
	else if (event->cause == SUBIDD_CAUSE_UNKNOWN)
		table_add(table, COLOUR_NONE, "%s", event->cause_name);
	else if (event->kind != SUBIDD_EVENT_RELEASED && event->pid)
		table_add(table, COLOUR_NONE, "tied to the process %u", event->pid);
	else
		table_add(table, COLOUR_NONE, "-");
}

void add_event(struct table *table, const struct subidd_event *event)
{
	const char *space = event->pod_namespace, *name = event->pod_name;
	char time[TIME_TEXT_SIZE];

	table_add(table, COLOUR_NONE, "%s", time_text(event->time, time));
	table_add(table, event->kind == SUBIDD_EVENT_CONFLICT ? COLOUR_RED : COLOUR_NONE, "%s",
		  event->kind_name);
	table_add(table, COLOUR_NONE, "%s", event->pod ? event->pod : "-");
	table_add(table, COLOUR_NONE, "%s", event->pool ? event->pool : "-");
	if (event->count > 0)
		table_add(table, COLOUR_NONE, "%u:%u", event->start, event->count);
	else
		table_add(table, COLOUR_NONE, "-");
	add_client(table, event);
	if (space || name)
		table_add(table, COLOUR_NONE, "%s/%s", space ? space : "", name ? name : "");
	else
		table_add(table, COLOUR_NONE, "-");
	add_more(table, event);
}
