/* SPDX-License-Identifier: MIT */

/*
 * libinih splits the lines. As Debian builds it, it cuts lines at 199 bytes and long section names
 * without a word, does not say which line a key stands on, joins an indented line to the key above,
 * and never mentions a section without keys. So the lines are handed to it one by one from here:
 * counted, and refused where it would not read what is written. A comment begins with # or ; at the
 * start of a line, or with ; behind a blank.
 */

#include "node/config.h"

#include "node/file.h"

#include "cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <string.h>

#define CONFIG_FILE_MAX (1u << 20) /* bytes */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define DEFAULT_FILE "/etc/subidd/subidd.conf"

/* One file at work. */
struct reader {
	struct config_draft *draft;
	const char *text; /* what is left */
	const char *end;
	uint32_t line; /* the current one, counted from 1 */
	int result;    /* once it is not 0, no further line is handed out or looked at */
};

/* The name of a section must be closed, and only a comment may follow. */
static int read_section_line(struct config_draft *draft, char *line)
{
	char *name = line + 1, *close = strchr(line, ']');
	const char *rest;

	if (!close)
		return config_refuse(draft, "the section has no closing ]");
	rest = close + 1 + strspn(close + 1, " \t\r");
	if (*rest && !(*rest == ';' && rest > close + 1))
		return config_refuse(draft, "something follows the section's closing ]");
	*close = '\0';
	return config_begin_section(draft, name);
}

/* Refuses what libinih would not read as it is written; sees the sections. */
static int check_line(struct config_draft *draft, const char *line, size_t length)
{
	const char *text = line + strspn(line, " \t\r\v\f");
	char copy[INI_MAX_LINE];

	if (strlen(line) != length)
		return config_refuse(draft, "the line has a NUL byte");
	if (!*text || strchr("#;", *text))
		return 0;
	if (text > line)
		return config_refuse(draft, "the line begins with a blank");
	if (*line != '[')
		return 0;
	memcpy(copy, line, length + 1);
	return read_section_line(draft, copy);
}

/* An ini_reader: the next line without its end, NULL if there is none or something was refused. */
static char *read_line(char *buffer, int room, void *stream)
{
	struct reader *reader = stream;
	const char *newline, *line = reader->text;
	size_t length;

	if (reader->result < 0 || line >= reader->end)
		return NULL;
	newline = memchr(line, '\n', (size_t)(reader->end - line));
	length = (size_t)((newline ? newline : reader->end) - line);
	reader->text = line + length + 1;
	if (++reader->line == 1 && length >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		line += strlen(BYTE_ORDER_MARK);
		length -= strlen(BYTE_ORDER_MARK);
	}
	if (length >= (size_t)room || length >= INI_MAX_LINE) {
		reader->result = config_refuse(
			reader->draft, "the line is longer than %d bytes: use several lines",
			INI_MAX_LINE - 1);
		return NULL;
	}
	memcpy(buffer, line, length);
	buffer[length] = '\0';
	reader->result = check_line(reader->draft, buffer, length);
	return reader->result < 0 ? NULL : buffer;
}

/* An ini_handler. The section is the one that the reader has seen: libinih's may be cut. */
static int take_key(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;

	(void)section;
	if (reader->result == 0)
		reader->result = config_set_key(reader->draft, name, value);
	return reader->result == 0;
}

/* Takes over MESSAGE. Returns -EINVAL or -ENOMEM. */
static int set_error(char *message, const char *file, uint32_t line, struct config_error *ret)
{
	struct config_error error = { .file = strdup(file), .line = line };

	error.message = message;
	if (!error.file) {
		config_error_done(&error);
		return -ENOMEM;
	}
	*ret = error;
	return -EINVAL;
}

static int refuse_file(const char *file, int error, struct config_error *ret_error)
{
	char *message;

	if (error == -ENOMEM || file_describe_error(error, &message) < 0)
		return -ENOMEM;
	return set_error(message, file, 0, ret_error);
}

/* A line that libinih itself cannot read comes back as its number. */
static int parse_file(struct config_draft *draft, const char *file, const char *text, size_t size,
		      struct config_error *ret_error)
{
	struct reader reader = { .draft = draft, .text = text, .end = text + size };
	int r;

	draft->section = SECTION_NONE;
	r = ini_parse_stream(read_line, &reader, take_key, &reader);
	if (reader.result == 0 && r == 0)
		return 0;
	if (r > 0 && (reader.result == 0 || (uint32_t)r < reader.line)) {
		reader.result = config_refuse(draft, "the line is neither KEY=VALUE nor a section");
		reader.line = (uint32_t)r;
	} else if (r < 0) {
		reader.result = -ENOMEM;
	}
	if (reader.result != -EINVAL)
		return reader.result;
	return set_error(take_ptr(draft->refusal), file, reader.line, ret_error);
}

static int load_file(struct config_draft *draft, const char *file, bool may_be_missing,
		     struct config_error *ret_error)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	int r;

	r = file_read(file, CONFIG_FILE_MAX, &text, &size);
	if (r == -ENOENT && may_be_missing)
		return 0;
	if (r < 0)
		return refuse_file(file, r, ret_error);
	return parse_file(draft, file, text, size, ret_error);
}

static int is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && dot != entry->d_name && entry->d_name[0] != '.' && strcmp(dot, ".conf") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_folder(struct config_draft *draft, const char *folder,
		       struct config_error *ret_error)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_conf, compare_names), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : refuse_file(folder, -errno, ret_error);
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *path = NULL;

		if (r == 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0) {
			path = NULL;
			r = -ENOMEM;
		}
		if (r == 0)
			r = load_file(draft, path, false, ret_error);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static void draft_donep(struct config_draft *draft)
{
	config_done(&draft->config);
	free(draft->refusal);
}

int config_load(const char *file, const char *root, struct config *ret,
		struct config_error *ret_error)
{
	_cleanup_(draft_donep) struct config_draft draft = { 0 };
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) char *folder = NULL;
	int r;

	r = file ? path_under("", file, &path) : path_under(root, DEFAULT_FILE, &path);
	if (r < 0)
		return r;
	if (asprintf(&folder, "%s.d", path) < 0) {
		folder = NULL;
		return -ENOMEM;
	}
	if ((r = config_begin(&draft)) < 0 || (r = load_file(&draft, path, !file, ret_error)) < 0 ||
	    (r = load_folder(&draft, folder, ret_error)) < 0)
		return r;
	r = config_finish(&draft);
	if (r == -EINVAL)
		*ret_error = (struct config_error){ .message = take_ptr(draft.refusal) };
	if (r < 0)
		return r;
	*ret = draft.config;
	draft.config = (struct config){ 0 };
	return 0;
}

void config_error_done(struct config_error *error)
{
	free(error->message);
	free(error->file);
	*error = (struct config_error){ 0 };
}
