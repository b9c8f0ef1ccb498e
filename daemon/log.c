/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "cleanup.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

static const struct {
	const char *name;
	int priority; /* syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};
_Static_assert(ELEMENTS_OF(levels) == N_LOG_LEVELS, "a name for each level");

static enum log_level most_detailed = LOG_LEVEL_INFO;

bool log_set_level(const char *name)
{
	for (size_t i = 0; i < N_LOG_LEVELS; i++)
		if (strcmp(levels[i].name, name) == 0) {
			most_detailed = (enum log_level)i;
			return true;
		}
	return false;
}

/* Is standard error the journal's stream? Its variable is inherited also where it is not any more.
 */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	if (level > most_detailed)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	if (is_journal())
		fprintf(stderr, "<%d>%s\n", levels[level].priority, text);
	else
		fprintf(stderr, "subidd: %s: %s\n", levels[level].name, text);
}
