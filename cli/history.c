/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "failure.h"
#include "options.h"

/* A table of this many rows is as wide as its contents; a longer history is printed in parts. */
#define ROWS_AT_ONCE 1000

static int print_table(struct subidd_event_iterator *iterator)
{
	_cleanup_(table_done) struct table table;
	const struct subidd_event *event;
	int r;

	table_init(&table, event_columns, ELEMENTS_OF(event_columns));
	while ((r = subidd_event_iterator_next(iterator, &event)) > 0) {
		add_event(&table, event);
		if (table.n_cells == ROWS_AT_ONCE * ELEMENTS_OF(event_columns))
			table_print(&table);
	}
	table_print(&table);
	return r;
}

static int print_json(struct subidd_event_iterator *iterator)
{
	const struct subidd_event *event;
	const char *separator = "";
	int r;

	fputs("{\"events\":[", stdout);
	while ((r = subidd_event_iterator_next(iterator, &event)) > 0) {
		printf("%s%s", separator, event->json);
		separator = ",";
	}
	puts("]}");
	return r;
}

static bool find_query(const struct context *context, struct subidd_history_query *ret)
{
	const char *id = context->options[OPTION_ID], *limit = context->options[OPTION_LIMIT];
	const char *since = context->options[OPTION_SINCE], *until = context->options[OPTION_UNTIL];
	struct subidd_history_query query = { .pod = context->options[OPTION_POD] };
	struct when from = {}, to = {};
	uint64_t now = when_now();
	uint32_t most = 0;

	if ((id && !options_number(context->verb, "--id", id, 0, &query.id)) ||
	    (limit && !options_number(context->verb, "--limit", limit, 1, &most)) ||
	    (since && !options_time(context->verb, "--since", since, now, &from)) ||
	    (until && !options_time(context->verb, "--until", until, now, &to)))
		return false;
	query.has_id = id;
	query.limit = most;
	query.since = from.first;
	query.until = to.last;
	*ret = query;
	return true;
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_event_iterator_freep) struct subidd_event_iterator *iterator = NULL;
	struct subidd_history_query query;
	int r;

	if (!find_query(context, &query))
		return STATUS_USAGE;
	r = subidd_history(context->client, &query, sizeof(query), &iterator);
	if (r == 0)
		r = context->options[OPTION_JSON] ? print_json(iterator) : print_table(iterator);
	return r < 0 ? failure(context, r) : STATUS_DONE;
}

const struct verb history_verb = {
	.name = "history",
	.arguments = "",
	.summary = "show what has happened",
	.help = "Shows what has happened, newest first: what became of which range, and BY which client;\n"
		"subidd is the daemon by itself.\n"
		"\n"
		"Options:\n"
		"  --pod POD            only what is about this pod\n"
		"  --id ID              only what is about this host UID or GID\n"
		"  --since TIME         only what happened then or later\n"
		"  --until TIME         only what happened then or earlier\n"
		"  --limit N            at most so many events\n"
		"\n" TIME_HELP "\n"
		"Example:\n"
		"  subidctl history --since -2h --id 131105\n",
	.options = OPTION_BIT(OPTION_POD) | OPTION_BIT(OPTION_ID) | OPTION_BIT(OPTION_SINCE) |
		   OPTION_BIT(OPTION_UNTIL) | OPTION_BIT(OPTION_LIMIT),
	.run = run,
};
