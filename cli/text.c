/* SPDX-License-Identifier: MIT */
#include "text.h"

#include "cleanup.h"
#include "verb.h"

#include <string.h>
#include <time.h>

/* Length of the control character at TEXT, 0 if there is none. C1 ones are two bytes in UTF-8. */
static size_t control_length(const unsigned char *text)
{
	if (text[0] < 0x20 || text[0] == 0x7f)
		return 1;
	return text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

void print_escaped(FILE *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		size_t length = control_length(at);

		if (*at == '\n')
			fputs("\\n", out);
		else if (length == 0)
			fputc(*at, out);
		else
			fprintf(out, "\\x%02x", at[length - 1]);
		if (length == 2)
			at++;
	}
}

char *escape(const char *text)
{
	char *escaped = NULL;
	size_t size;
	FILE *out;

	out = check_memory(open_memstream(&escaped, &size));
	print_escaped(out, text);
	if (fclose(out) != 0)
		check_memory(NULL);
	return escaped;
}

static bool colour_wanted(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

const char *colour_begin(enum colour colour)
{
	static const char *const sequences[] = {
		[COLOUR_NONE] = "",	      [COLOUR_BOLD] = "\x1b[1m",
		[COLOUR_RED] = "\x1b[31m",    [COLOUR_GREEN] = "\x1b[32m",
		[COLOUR_YELLOW] = "\x1b[33m",
	};
	_Static_assert(ELEMENTS_OF(sequences) == N_COLOURS, "a sequence for each colour");

	return colour != COLOUR_NONE && colour_wanted() ? sequences[colour] : "";
}

const char *colour_end(enum colour colour)
{
	return colour != COLOUR_NONE && colour_wanted() ? "\x1b[0m" : "";
}

void complain(const char *format, ...)
{
	_cleanup_(freep) char *message = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	fputs("subidctl: ", stderr);
	print_escaped(stderr, message ? message : "no memory");
	fputc('\n', stderr);
}

void *check_memory(void *pointer)
{
	if (!pointer) {
		fputs("subidctl: no memory\n", stderr);
		exit(STATUS_REFUSED);
	}
	return pointer;
}

char *text_make_v(const char *format, va_list arguments)
{
	char *text;

	return check_memory(vasprintf(&text, format, arguments) < 0 ? NULL : text);
}

char *text_make(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_make_v(format, arguments);
	va_end(arguments);
	return text;
}

const char *time_text(uint64_t usec, char text[TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(usec / 1000000);
	char offset[8] = "";
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || strftime(text, TIME_TEXT_SIZE, "%FT%T", &tm) == 0 ||
	    strftime(offset, sizeof(offset), "%z", &tm) != 5) {
		snprintf(text, TIME_TEXT_SIZE, "%llu", (unsigned long long)usec);
		return text;
	}
	snprintf(text + strlen(text), TIME_TEXT_SIZE - strlen(text), "%.3s:%.2s", offset,
		 offset + 3);
	return text;
}
