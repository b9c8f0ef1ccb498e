/* SPDX-License-Identifier: MIT */
#include "node/getsubids.h"

#include "node/child.h"
#include "node/file.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define REASON_MAX 200 /* bytes of the program's standard error that a message shows */
#define LINES_MAX 1000 /* more make no difference to the rules */

/* Cuts what stands before SEPARATOR off *TEXT; NULL if the separator is not there. */
static char *cut(char **text, const char *separator)
{
	char *start = *text, *found = strstr(start, separator);

	if (!found)
		return NULL;
	*found = '\0';
	*text = found + strlen(separator);
	return start;
}

static bool parse_number(const char *text, uint64_t *ret)
{
	return text && decimal_parse(text, strlen(text), UINT64_MAX, ret) == 0;
}

/* `0: kubelet 65536 7208960`: index, owner, start, count. */
static bool parse_line(char *line, size_t index, const char *owner, struct subid_entry *entry)
{
	char *number = cut(&line, ": "), *name, *start;
	uint64_t value;

	if (!parse_number(number, &value) || value != index)
		return false;
	name = cut(&line, " ");
	start = name ? cut(&line, " ") : NULL;
	return name && strcmp(name, owner) == 0 && parse_number(start, &entry->start) &&
	       parse_number(line, &entry->count);
}

static int parse_answer(const char *owner, char *text, size_t size, struct subid_list *list)
{
	bool whole = strlen(text) == size; /* a NUL byte: what stands behind it is not looked at */

	list->entries = calloc(LINES_MAX, sizeof(*list->entries));
	if (!list->entries)
		return -ENOMEM;
	while (*text && list->n_entries < LINES_MAX) {
		struct subid_entry *entry = &list->entries[list->n_entries];
		char *line = strsep(&text, "\n");
		bool good = text && whole && parse_line(line, list->n_entries, owner, entry);

		entry->owner = owner;
		entry->owner_length = strlen(owner);
		entry->line = (uint32_t)++list->n_entries;
		entry->fault = good ? ENTRY_GOOD : ENTRY_NO_ANSWER;
		if (!text)
			break;
	}
	return 0;
}

static int describe_failure(const struct child_result *result, unsigned int timeout_ms, char **ret)
{
	const char *said = result->errors.text;
	int length = (int)strcspn(said, "\n"), r;

	length = length < REASON_MAX ? length : REASON_MAX;
	if (result->timed_out)
		r = asprintf(ret, "getsubids did not answer within %u ms%s%.*s", timeout_ms,
			     length ? ": " : "", length, said);
	else if (result->output.cut)
		r = asprintf(ret, "getsubids answered with more than %u bytes", CHILD_OUTPUT_MAX);
	else if (WIFSIGNALED(result->status))
		r = asprintf(ret, "getsubids was killed by signal %d%s%.*s",
			     WTERMSIG(result->status), length ? ": " : "", length, said);
	else
		r = asprintf(ret, "getsubids failed with exit status %d%s%.*s",
			     WEXITSTATUS(result->status), length ? ": " : "", length, said);
	return r < 0 ? -ENOMEM : 0;
}

static bool has_answered(const struct child_result *result)
{
	return !result->timed_out && !result->output.cut && WIFEXITED(result->status) &&
	       WEXITSTATUS(result->status) == 0;
}

static int ask(const char *owner, enum id_kind kind, unsigned int timeout_ms,
	       struct getsubids_answer *answer)
{
	const char *argv_uids[] = { answer->program, owner, NULL };
	const char *argv_gids[] = { answer->program, "-g", owner, NULL };
	_cleanup_(child_result_done) struct child_result result = { .output.fd = -1,
								    .errors.fd = -1 };
	int r = child_run(kind == ID_UID ? argv_uids : argv_gids, timeout_ms, &result);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return asprintf(&answer->problem, "getsubids cannot be run: %s",
				file_error_text(r)) < 0
			       ? -ENOMEM
			       : 0;
	answer->timed_out = result.timed_out;
	if (!has_answered(&result))
		return describe_failure(&result, timeout_ms, &answer->problem);
	if (result.output.size == 0)
		return asprintf(&answer->problem, "getsubids answered with nothing") < 0 ? -ENOMEM
											 : 0;
	return parse_answer(owner, result.output.text, result.output.size, &answer->list);
}

/* Hands the answer over, with a list that points into it. */
static void hand_over(struct getsubids_answer *answer, struct getsubids_answer *ret)
{
	answer->list.file = answer->program;
	answer->list.problem = answer->problem;
	*ret = *answer;
	*answer = (struct getsubids_answer){ 0 };
}

int getsubids_ask(const char *program, const char *owner, enum id_kind kind,
		  unsigned int timeout_ms, struct getsubids_answer *ret)
{
	_cleanup_(getsubids_answer_done) struct getsubids_answer answer = {
		.program = strdup(program),
		.owner = strdup(owner),
	};
	int r;

	if (!answer.program || !answer.owner)
		return -ENOMEM;
	r = ask(answer.owner, kind, timeout_ms, &answer);
	if (r < 0)
		return r;
	hand_over(&answer, ret);
	return 0;
}

int getsubids_skip(const char *program, const char *owner, const char *reason,
		   struct getsubids_answer *ret)
{
	_cleanup_(getsubids_answer_done) struct getsubids_answer answer = {
		.program = strdup(program),
		.owner = strdup(owner),
	};

	if (asprintf(&answer.problem, "getsubids was not asked: %s", reason) < 0)
		answer.problem = NULL;
	if (!answer.program || !answer.owner || !answer.problem)
		return -ENOMEM;
	hand_over(&answer, ret);
	return 0;
}

void getsubids_answer_done(struct getsubids_answer *answer)
{
	free(answer->program);
	free(answer->owner);
	free(answer->problem);
	free(answer->list.entries);
	*answer = (struct getsubids_answer){ 0 };
}
