/* SPDX-License-Identifier: MIT */
#include "hook-layers.h"

#include "hook-mountinfo.h"

#include <errno.h>
#include <string.h>

/* Options that are not taken over; some have a value. */
static const char *const left_out[] = { "rw", "ro", "seclabel", "uuid", "volatile", "fsync" };

void overlay_layers_done(struct overlay_layers *layers)
{
	for (size_t i = 0; i < layers->n_lowers; i++)
		free(layers->lowers[i]);
	free(layers->lowers);
	free(layers->upper);
	free(layers->work);
	free(layers->rest);
	*layers = (struct overlay_layers){ 0 };
}

/* Undoes backslashes up to END, or to the end of the text, and returns what is behind it. */
static char *unescape(char *path, char end)
{
	char *from = path, *to = path, *rest;

	while (*from && *from != end) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from++;
	}
	rest = *from ? from + 1 : NULL;
	*to = '\0';
	return rest;
}

static int add_lower(struct overlay_layers *layers, const char *path)
{
	char **more = reallocarray(layers->lowers, layers->n_lowers + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	layers->lowers = more;
	more[layers->n_lowers] = strdup(path);
	if (!more[layers->n_lowers])
		return -ENOMEM;
	layers->n_lowers++;
	return 0;
}

/* Paths between colons; an empty one among them is how layers of data alone begin. */
static int add_lowers(struct overlay_layers *layers, char *paths)
{
	int r = 0;

	while (r == 0 && paths) {
		char *path = paths;

		paths = unescape(path, ':');
		r = *path ? add_lower(layers, path) : -ENOTSUP;
	}
	return r;
}

static bool is_left_out(const char *name)
{
	for (size_t i = 0; i < ELEMENTS_OF(left_out); i++)
		if (strcmp(left_out[i], name) == 0)
			return true;
	return false;
}

static int set_path(char **path, char *value)
{
	(void)unescape(value, '\0');
	free(*path);
	*path = strdup(value);
	return *path ? 0 : -ENOMEM;
}

static int keep_option(struct overlay_layers *layers, const char *option)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", layers->rest, *layers->rest ? "," : "", option) < 0)
		return -ENOMEM;
	free(layers->rest);
	layers->rest = joined;
	return 0;
}

/* OPTION as mountinfo shows it, with its octal escapes. */
static int add_option(struct overlay_layers *layers, const char *option)
{
	_cleanup_(freep) char *copy = strdup(option);
	char *value, *name = copy;

	if (!copy)
		return -ENOMEM;
	value = strchr(copy, '=');
	if (value)
		*value++ = '\0';
	if (is_left_out(name))
		return 0;
	if (!value)
		return keep_option(layers, option);
	mountinfo_decode(value);
	if (strcmp(name, "lowerdir") == 0)
		return add_lowers(layers, value);
	if (strcmp(name, "lowerdir+") == 0)
		return add_lower(layers, value);
	if (strcmp(name, "datadir+") == 0)
		return -ENOTSUP;
	if (strcmp(name, "upperdir") == 0)
		return set_path(&layers->upper, value);
	if (strcmp(name, "workdir") == 0)
		return set_path(&layers->work, value);
	return keep_option(layers, option);
}

/* Cuts the next option off *text, at a comma that is not between quotes; NULL at the end. */
static char *next_option(char **text)
{
	char *option = *text, *end = option;
	bool is_quoted = false;

	if (!option)
		return NULL;
	for (; *end && (is_quoted || *end != ','); end++)
		if (*end == '"')
			is_quoted = !is_quoted;
	*text = *end ? end + 1 : NULL;
	*end = '\0';
	return option;
}

int overlay_layers_parse(const char *super_options, struct overlay_layers *ret)
{
	_cleanup_(overlay_layers_done) struct overlay_layers layers = { 0 };
	_cleanup_(freep) char *copy = strdup(super_options);
	char *rest = copy, *option;
	int r = 0;

	layers.rest = strdup("");
	if (!copy || !layers.rest)
		return -ENOMEM;
	while (r == 0 && (option = next_option(&rest)))
		r = add_option(&layers, option);
	if (r < 0)
		return r;
	if (layers.n_lowers == 0 || !layers.upper != !layers.work)
		return -EBADMSG;
	*ret = layers;
	layers = (struct overlay_layers){ 0 };
	return 0;
}
