/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "failure.h"
#include "options.h"
#include "search.h"
#include "subject.h"

#include <errno.h>
#include <string.h>

static void print_table(uint32_t id, const struct subidd_result *result)
{
	_cleanup_(table_done) struct table table;

	table_init(&table, fact_columns, ELEMENTS_OF(fact_columns));
	table_add(&table, COLOUR_NONE, "ID on the host");
	table_add(&table, COLOUR_NONE, "%u", id);
	table_add(&table, COLOUR_NONE, "ID in the container");
	table_add(&table, COLOUR_NONE, "%u", result->container_id);
	add_allocation_facts(&table, result->allocation);
	table_print(&table);
}

/* Says that nobody has the ID, and why. */
static enum exit_status explain(struct context *context, const struct search *search, uint64_t at)
{
	_cleanup_(freep) char *text = search_explain(context, search, at);

	complain("%s", text);
	return STATUS_REFUSED;
}

static enum exit_status whois_id(struct context *context, uint32_t id, uint64_t at)
{
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	const struct search search = { .kind = "the ID", .id = id };
	int r;

	r = subidd_lookup_at(context->client, id, at, &result);
	if (r == -ENOENT && subidd_client_error_name(context->client))
		return explain(context, &search, at);
	if (r < 0)
		return failure(context, r);
	if (context->options[OPTION_JSON])
		puts(result->json);
	else
		print_table(id, result);
	return STATUS_DONE;
}

/* What is asked about. */
struct question {
	const char *what; /* process or file */
	const char *name; /* its PID or path */
	struct subject subject;
	bool by_maps; /* are the IDs those of the user namespace, and not its own? */
	uint64_t at;
};

static void print_json(const struct question *question, const struct searches *searches)
{
	putchar('{');
	search_print_json(question->by_maps ? "uidMap" : "uid", &searches->items[0]);
	putchar(',');
	search_print_json(question->by_maps ? "gidMap" : "gid", &searches->items[1]);
	puts("}");
}

static void print_facts(struct context *context, const struct question *question,
			const struct searches *searches)
{
	const char *name = question->subject.name;
	_cleanup_(table_done) struct table table;

	table_init(&table, fact_columns, ELEMENTS_OF(fact_columns));
	table_add(&table, COLOUR_NONE, "%s", question->what);
	table_add(&table, COLOUR_NONE, *name ? "%s (%s)" : "%s", question->name, name);
	if (question->by_maps) {
		table_add(&table, COLOUR_NONE, "found by");
		table_add(&table, COLOUR_NONE, "the maps of its user namespace");
	}
	searches_add(&table, searches);
	table_print(&table);
	for (size_t i = 0; i < N_SEARCHES; i++)
		if (!searches->items[i].result) {
			_cleanup_(freep) char *text = search_explain(context, &searches->items[i],
								     question->at);

			puts(text);
		}
}

static enum exit_status answer(struct context *context, const struct question *question,
			       const struct searches *searches)
{
	bool found = searches_found(searches);

	if (context->options[OPTION_JSON])
		print_json(question, searches);
	else if (found)
		print_facts(context, question, searches);
	for (size_t i = 0; !found && i < N_SEARCHES; i++)
		explain(context, &searches->items[i], question->at);
	return found ? STATUS_DONE : STATUS_REFUSED;
}

/* A process of the host may live in a pod's user namespace all the same: its maps tell. */
static enum exit_status whois_process(struct context *context, const char *text, uint64_t at)
{
	_cleanup_(searches_done) struct searches searches = {}, by_maps = {};
	struct question question = { .what = "process", .name = text, .at = at };
	struct subject maps;
	uint32_t pid;
	int r;

	if (!options_number(context->verb, "--pid", text, 1, &pid))
		return STATUS_USAGE;
	r = subject_of_process(pid, &question.subject);
	if (r < 0) {
		complain(r == -ESRCH ? "there is no process %u"
				     : "cannot look at the process %u: %s",
			 pid, strerror(-r));
		return STATUS_REFUSED;
	}
	r = searches_ask(context, &searches, question.subject.uid, question.subject.gid, at);
	maps = question.subject;
	if (r == 0 && !searches_found(&searches) && subject_use_maps(pid, &maps) == 0) {
		r = searches_ask(context, &by_maps, maps.uid, maps.gid, at);
		question.by_maps = searches_found(&by_maps);
	}
	if (r < 0)
		return failure(context, r);
	return answer(context, &question, question.by_maps ? &by_maps : &searches);
}

static enum exit_status whois_file(struct context *context, const char *path, uint64_t at)
{
	_cleanup_(searches_done) struct searches searches = {};
	struct question question = { .what = "file", .name = path, .at = at };
	int r;

	r = subject_of_file(path, &question.subject);
	if (r < 0) {
		complain("cannot look at %s: %s", path, strerror(-r));
		return STATUS_REFUSED;
	}
	r = searches_ask(context, &searches, question.subject.uid, question.subject.gid, at);
	return r < 0 ? failure(context, r) : answer(context, &question, &searches);
}

static enum exit_status run(struct context *context)
{
	const char *pid = context->options[OPTION_PID], *path = context->options[OPTION_FILE];
	const char *at = context->options[OPTION_AT];
	struct when when = {};
	uint32_t id;

	if (context->n_arguments + (pid != NULL) + (path != NULL) != 1)
		return options_refuse(context->verb, "whois needs one of ID, --pid and --file");
	if (at && !options_time(context->verb, "--at", at, when_now(), &when))
		return STATUS_USAGE;
	if (pid)
		return whois_process(context, pid, when.last);
	if (path)
		return whois_file(context, path, when.last);
	if (!options_number(context->verb, "ID", context->arguments[0], 0, &id))
		return STATUS_USAGE;
	return whois_id(context, id, when.last);
}

const struct verb whois_verb = {
	.name = "whois",
	.arguments = "[ID]",
	.summary = "say which pod an ID, a process or a file belongs to",
	.help = "Says which pod a host UID or GID belongs to, or belonged to until it was released, and\n"
		"which ID it is inside the container. The same for the IDs of a process or of a file. Exit\n"
		"status 1 if they are no pod's.\n"
		"\n"
		"With --pid or --file, --json prints an object with uid and gid, each the reply of Lookup\n"
		"with the id that was asked for; uidMap and gidMap if a process was found by the maps of\n"
		"its user namespace.\n"
		"\n"
		"Options:\n"
		"  --pid PID            a process, by its effective UID and GID\n"
		"  --file PATH          a file, by its owner and group; of a link itself\n"
		"  --at TIME            whose it was then, as far back as the history goes\n"
		"\n" TIME_HELP "\n"
		"Example:\n"
		"  subidctl whois 131105\n",
	.options = OPTION_BIT(OPTION_PID) | OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_AT),
	.max_arguments = 1,
	.run = run,
};
