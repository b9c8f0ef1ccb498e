/* SPDX-License-Identifier: MIT */
#include "node/nsswitch.h"

#include "node/file.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

#define NSSWITCH_MAX (1u << 20) /* bytes */
#define KEY "subid:"

/* The first word behind the key, NULL if the line is another one or names nothing. */
static const char *source_of_line(char *line)
{
	if (strncasecmp(line, KEY, strlen(KEY)) != 0)
		return NULL;
	line += strlen(KEY);
	return strtok_r(line, " \t\r", &line);
}

static enum subid_source source_of_word(const char *word)
{
	if (!word || strcmp(word, "files") == 0)
		return SUBID_FILES;
	return strcmp(word, "subidd") == 0 ? SUBID_SUBIDD : SUBID_OTHER;
}

int nsswitch_subid_source(const char *path, enum subid_source *ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *source = NULL;
	char *rest, *line;
	size_t size;
	int r;

	r = file_read(path, NSSWITCH_MAX, &text, &size);
	if (r == -ENOMEM)
		return r;
	rest = text;
	while (!source && (line = strsep(&rest, "\n")))
		source = source_of_line(line);
	*ret = source_of_word(source);
	return 0;
}
