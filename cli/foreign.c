/* SPDX-License-Identifier: MIT */
#include "foreign.h"

#include "cleanup.h"
#include "failure.h"
#include "table.h"

DEFINE_CLEANUP(struct subidd_foreign_iterator *, subidd_foreign_iterator_free)

static const struct column columns[] = {
	{ "START", true }, { "COUNT", true }, { "POOL" }, { "PID", true }, { "COMMAND" },
};

static void add_row(struct table *table, const struct subidd_foreign *foreign)
{
	table_add(table, COLOUR_NONE, "%u", foreign->start);
	table_add(table, COLOUR_NONE, "%u", foreign->count);
	table_add(table, COLOUR_NONE, "%s", foreign->pool);
	if (foreign->pid)
		table_add(table, COLOUR_NONE, "%u", foreign->pid);
	else
		table_add(table, COLOUR_NONE, "-");
	table_add(table, COLOUR_NONE, "%s", foreign->command ? foreign->command : "-");
}

static int print_table(struct subidd_foreign_iterator *iterator)
{
	_cleanup_(table_done) struct table table;
	const struct subidd_foreign *foreign;
	int r;

	table_init(&table, columns, ELEMENTS_OF(columns));
	while ((r = subidd_foreign_iterator_next(iterator, &foreign)) > 0)
		add_row(&table, foreign);
	if (r == 0)
		table_print(&table);
	return r;
}

static int print_json(struct subidd_foreign_iterator *iterator)
{
	const struct subidd_foreign *foreign;
	const char *separator = "";
	int r;

	fputs("{\"foreign\":[", stdout);
	while ((r = subidd_foreign_iterator_next(iterator, &foreign)) > 0) {
		printf("%s%s", separator, foreign->json);
		separator = ",";
	}
	puts("]}");
	return r;
}

enum exit_status list_foreign(struct context *context)
{
	_cleanup_(subidd_foreign_iterator_freep) struct subidd_foreign_iterator *iterator = NULL;
	int r;

	r = subidd_list_foreign(context->client, context->options[OPTION_POOL], &iterator);
	if (r == 0)
		r = context->options[OPTION_JSON] ? print_json(iterator) : print_table(iterator);
	return r < 0 ? failure(context, r) : STATUS_DONE;
}
