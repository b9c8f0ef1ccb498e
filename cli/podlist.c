/* SPDX-License-Identifier: MIT */
#include "podlist.h"

#include "cleanup.h"
#include "text.h"

#include <errno.h>
#include <string.h>

#define SPACE " \t\r\n"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define POD_MAX 128

static bool is_pod(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= POD_MAX && strspn(text, LETTERS "._-") == length &&
	       strspn(text, LETTERS) > 0;
}

static void add(struct podlist *list, const char *pod)
{
	list->pods = check_memory(reallocarray(list->pods, list->n + 1, sizeof(*list->pods)));
	list->pods[list->n++] = check_memory(strdup(pod));
}

bool podlist_add_arguments(struct podlist *list, char *const *arguments, int n)
{
	for (int i = 0; i < n; i++) {
		if (!is_pod(arguments[i])) {
			complain("argument %d: '%s' is no POD; nothing was done", i + 1,
				 arguments[i]);
			return false;
		}
		add(list, arguments[i]);
	}
	return true;
}

/* Takes a line of LENGTH bytes, which may have NUL bytes in it. */
static bool add_line(struct podlist *list, char *line, size_t length, size_t number)
{
	char *text = line + strspn(line, SPACE);
	bool is_whole = strlen(line) == length;

	for (size_t n = strlen(text); n > 0 && strchr(SPACE, text[n - 1]); n--)
		text[n - 1] = 0;
	if (is_whole && (*text == 0 || *text == '#'))
		return true;
	if (!is_whole || !is_pod(text)) {
		complain("line %zu: '%s' is no POD; nothing was done", number, text);
		return false;
	}
	add(list, text);
	return true;
}

bool podlist_read(struct podlist *list, FILE *in)
{
	_cleanup_(freep) char *line = NULL;
	size_t size = 0;
	ssize_t length;

	errno = 0;
	for (size_t number = 1; (length = getline(&line, &size, in)) >= 0; number++)
		if (!add_line(list, line, (size_t)length, number))
			return false;
	if (feof(in))
		return true;
	complain("cannot read the list of pods: %s; nothing was done", strerror(errno));
	return false;
}

void podlist_done(struct podlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->pods[i]);
	free(list->pods);
	*list = (struct podlist){};
}
