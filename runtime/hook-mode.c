/* SPDX-License-Identifier: MIT */
#include "hook-mode.h"

#include "hook-json.h"

#include "decimal.h"

#include <errno.h>
#include <string.h>

/* A piece of the annotation's text, which nothing ends. */
struct piece {
	const char *at;
	size_t size;
};

static bool is(struct piece piece, const char *word)
{
	return piece.size == strlen(word) && memcmp(piece.at, word, piece.size) == 0;
}

/* Cuts off what stands before SEPARATOR. Returns whether that is there. */
static bool cut(struct piece *rest, char separator, struct piece *ret)
{
	const char *found = memchr(rest->at, separator, rest->size);

	*ret = *rest;
	if (!found) {
		rest->at += rest->size;
		rest->size = 0;
		return false;
	}
	ret->size = (size_t)(found - rest->at);
	rest->at += ret->size + 1;
	rest->size -= ret->size + 1;
	return true;
}

static int read_size(struct piece value, struct hook_mode *mode, struct hook_failure *failure)
{
	uint64_t size;

	if (decimal_parse(value.at, value.size, UINT32_MAX, &size) < 0 || size == 0)
		return hook_fail(failure, -EINVAL,
				 "size is a decimal number from 1 to %u and not '%.*s'", UINT32_MAX,
				 (int)value.size, value.at);
	mode->size = (uint32_t)size;
	return 0;
}

static int read_bool(const char *key, struct piece value, bool *ret, struct hook_failure *failure)
{
	if (!is(value, "true") && !is(value, "false"))
		return hook_fail(failure, -EINVAL, "%s is true or false and not '%.*s'", key,
				 (int)value.size, value.at);
	*ret = is(value, "true");
	return 0;
}

static int read_keep_id(struct piece value, struct hook_mode *mode, struct hook_failure *failure)
{
	return read_bool("keep-id", value, &mode->keep_id, failure);
}

static int read_map_to_root(struct piece value, struct hook_mode *mode,
			    struct hook_failure *failure)
{
	return read_bool("map-to-root", value, &mode->map_to_root, failure);
}

static int read_pool(struct piece value, struct hook_mode *mode, struct hook_failure *failure)
{
	if (value.size == 0 || value.size > POOL_NAME_MAX)
		return hook_fail(failure, -EINVAL, "pool is the name of a pool and not '%.*s'",
				 (int)value.size, value.at);
	memcpy(mode->pool, value.at, value.size);
	mode->pool[value.size] = '\0';
	return 0;
}

static int refuse_mapping(struct piece value, struct hook_mode *mode, struct hook_failure *failure)
{
	(void)value;
	(void)mode;
	return hook_fail(failure, -EINVAL,
			 "uidmapping and gidmapping are not taken, because subidd chooses the "
			 "host's IDs; leave them out");
}

static const struct {
	const char *name;
	int (*read)(struct piece value, struct hook_mode *mode, struct hook_failure *failure);
} keys[] = {
	{ "size", read_size },
	{ "keep-id", read_keep_id },
	{ "map-to-root", read_map_to_root },
	{ "pool", read_pool },
	{ "uidmapping", refuse_mapping },
	{ "gidmapping", refuse_mapping },
};

static int read_pair(struct piece pair, unsigned int *seen, struct hook_mode *mode,
		     struct hook_failure *failure)
{
	struct piece key, value = pair;

	if (!cut(&value, '=', &key))
		return hook_fail(failure, -EINVAL, "'%.*s' is not KEY=VALUE", (int)pair.size,
				 pair.at);
	for (size_t i = 0; i < ELEMENTS_OF(keys); i++) {
		if (!is(key, keys[i].name))
			continue;
		if (*seen & 1u << i)
			return hook_fail(failure, -EINVAL, "%s comes twice", keys[i].name);
		*seen |= 1u << i;
		return keys[i].read(value, mode, failure);
	}
	return hook_fail(failure, -EINVAL, "there is no key '%.*s'", (int)key.size, key.at);
}

int mode_parse(const char *text, struct hook_mode *ret, struct hook_failure *failure)
{
	struct hook_mode mode = { .size = MODE_SIZE_DEFAULT };
	struct piece rest = { text, strlen(text) }, piece;
	unsigned int seen = 0;
	bool is_more = cut(&rest, ':', &piece);
	int r = 0;

	if (!is(piece, "auto"))
		return hook_fail(failure, -EINVAL,
				 "the mode is auto, for which subidd chooses the host's IDs, and "
				 "not '%.*s'",
				 (int)piece.size, piece.at);
	while (is_more && r == 0) {
		is_more = cut(&rest, ';', &piece);
		r = read_pair(piece, &seen, &mode, failure);
	}
	if (r < 0)
		return r;
	if (mode.keep_id && mode.map_to_root)
		return hook_fail(failure, -EINVAL,
				 "keep-id and map-to-root are not possible together");
	*ret = mode;
	return 0;
}

/* Returns 1, or a negative errno. */
static int read_mode(const char *name, const char *text, struct hook_mode *ret,
		     struct hook_failure *failure)
{
	struct hook_failure reason = {};

	if (mode_parse(text, ret, &reason) < 0)
		return hook_fail(failure, -EINVAL, "the annotation %s=%s: %s", name, text,
				 reason.text);
	return 1;
}

int mode_find(const struct json_object *annotations, struct hook_mode *ret,
	      struct hook_failure *failure)
{
	static const char *const names[] = { MODE_ANNOTATION, "userns-mode.crio.io",
					     "io.kubernetes.cri-o.userns-mode" };
	const char *first = NULL, *name = NULL;

	for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
		struct json_object *value = hook_json_member(annotations, names[i],
							     json_type_string);
		const char *text = value ? json_object_get_string(value) : NULL;

		if (!text)
			continue;
		if (strlen(text) != (size_t)json_object_get_string_len(value))
			return hook_fail(failure, -EINVAL, "the annotation %s has a NUL in it",
					 names[i]);
		/* one of them may be an image's */
		if (first && strcmp(first, text) != 0)
			return hook_fail(failure, -EINVAL,
					 "the annotations %s=%s and %s=%s differ; leave one out",
					 name, first, names[i], text);
		first = text;
		name = names[i];
	}
	return first ? read_mode(name, first, ret, failure) : 0;
}
