/* SPDX-License-Identifier: MIT */
#include "subid-reply.h"

#include "cleanup.h"
#include "decimal.h"
#include "json.h"

#include <errno.h>
#include <string.h>

#define NO_SUCH_ALLOCATION "io.subidd.Allocator.NoSuchAllocation"
#define STATE_MAX 16	  /* bytes of a state's name */
#define ERROR_NAME_MAX 64 /* bytes of an error's name; a longer one is another error */
#define POD_MAX 128

/* A value, or the rest of a list, in a text that json_scan() has found good. */
struct piece {
	const char *at;
	const char *end;
};

static void skip_space(struct piece *rest)
{
	while (rest->at < rest->end && strchr(" \t\n\r", *rest->at))
		rest->at++;
}

/* Is a list at its end? If not, its next item begins here. */
static bool at_end(struct piece *rest)
{
	skip_space(rest);
	if (rest->at < rest->end && (*rest->at == ',' || *rest->at == ':')) {
		rest->at++;
		skip_space(rest);
	}
	return rest->at == rest->end;
}

static void skip_string(struct piece *rest)
{
	for (rest->at++; *rest->at != '"'; rest->at++)
		rest->at += *rest->at == '\\';
	rest->at++;
}

/* Steps over an array or object, however deep. */
static void skip_list(struct piece *rest)
{
	size_t depth = 0;

	do {
		if (*rest->at == '"') {
			skip_string(rest);
			continue;
		}
		depth += *rest->at == '{' || *rest->at == '[';
		depth -= *rest->at == '}' || *rest->at == ']';
		rest->at++;
	} while (depth > 0);
}

static struct piece take_value(struct piece *rest)
{
	struct piece value = *rest;

	if (*rest->at == '"')
		skip_string(rest);
	else if (*rest->at == '{' || *rest->at == '[')
		skip_list(rest);
	else
		while (rest->at < rest->end && !strchr(", \t\n\r", *rest->at))
			rest->at++;
	value.end = rest->at;
	return value;
}

/* What stands between the brackets, if the value begins with this one. */
static bool enter(struct piece value, char bracket, struct piece *ret)
{
	if (value.at == value.end || *value.at != bracket)
		return false;
	*ret = (struct piece){ value.at + 1, value.end - 1 };
	return true;
}

static bool is_text(struct piece value, const char *text)
{
	size_t length = (size_t)(value.end - value.at);

	return strlen(text) == length && memcmp(value.at, text, length) == 0;
}

/* The daemon writes member names as they are: one with an escape is not its own. */
static bool is_name(struct piece value, const char *name)
{
	struct piece inside = { value.at + 1, value.end - 1 };

	return is_text(inside, name);
}

/* The member of that name; false if it is not there, or not only once. */
static bool find_member(struct piece object, const char *name, struct piece *ret)
{
	struct piece rest;
	size_t n = 0;

	if (!enter(object, '{', &rest))
		return false;
	while (!at_end(&rest)) {
		struct piece key = take_value(&rest), value;

		at_end(&rest);
		value = take_value(&rest);
		if (is_name(key, name) && n++ == 0)
			*ret = value;
	}
	return n == 1;
}

/* A string of up to SIZE - 1 bytes. Of the escapes only those that keep a byte printable. */
static bool get_string(struct piece object, const char *name, char *ret, size_t size)
{
	struct piece value, rest;
	size_t n = 0;

	if (!find_member(object, name, &value) || !enter(value, '"', &rest))
		return false;
	while (rest.at < rest.end) {
		if (*rest.at == '\\' && !strchr("\"\\/", *++rest.at))
			return false;
		if (n + 1 >= size)
			return false;
		ret[n++] = *rest.at++;
	}
	ret[n] = '\0';
	return true;
}

static bool get_id(struct piece object, const char *name, uint32_t *ret)
{
	struct piece value;
	uint64_t number;

	if (!find_member(object, name, &value) ||
	    decimal_parse(value.at, (size_t)(value.end - value.at), UINT32_MAX, &number) < 0)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool get_bool(struct piece object, const char *name, bool *ret)
{
	struct piece value;

	if (!find_member(object, name, &value))
		return false;
	*ret = is_text(value, "true");
	return *ret || is_text(value, "false");
}

/* Whatever the daemon says, the IDs of the node itself are nobody's to map (core/pool.h). */
static bool get_range(struct piece object, struct id_range *ret)
{
	struct id_range range;

	if (!get_id(object, "start", &range.start) || !get_id(object, "count", &range.count) ||
	    !id_range_valid(range) || range.start < FIRST_FREE_ID ||
	    id_range_end(range) > PAST_END_ID)
		return false;
	*ret = range;
	return true;
}

static bool get_pool(struct piece object, struct reply_pool *ret)
{
	return get_string(object, "owner", ret->owner, sizeof(ret->owner)) &&
	       get_bool(object, "valid", &ret->valid) &&
	       (!ret->valid || get_range(object, &ret->range));
}

/* Scans a whole message. Returns 0 and its parameters, 1 and the name of its error, or -EPROTO. */
static int open_reply(const char *text, size_t length, struct piece *ret_parameters,
		      char *ret_error, size_t error_size)
{
	const struct json_limits limits = json_depth(REPLY_DEPTH_MAX);
	struct piece reply = { text, text + length }, error;

	if (!json_scan(text, length, &limits))
		return -EPROTO;
	skip_space(&reply);
	reply = take_value(&reply);
	if (find_member(reply, "error", &error))
		return get_string(reply, "error", ret_error, error_size) ? 1 : -EPROTO;
	return find_member(reply, "parameters", ret_parameters) ? 0 : -EPROTO;
}

int reply_read_pools(const char *text, size_t length, struct reply_pools *ret)
{
	_cleanup_(freep) struct reply_pools *pools = calloc(1, sizeof(*pools));
	struct piece parameters, value, rest;
	char error[ERROR_NAME_MAX];

	if (!pools)
		return -ENOMEM;
	if (open_reply(text, length, &parameters, error, sizeof(error)) != 0 ||
	    !find_member(parameters, "pools", &value) || !enter(value, '[', &rest))
		return -EPROTO;
	while (!at_end(&rest)) {
		if (pools->n_items == REPLY_POOLS_MAX ||
		    !get_pool(take_value(&rest), &pools->items[pools->n_items]))
			return -EPROTO;
		pools->n_items++;
	}
	*ret = *pools;
	return 0;
}

int reply_read_pod(const char *text, size_t length, const char *pod, struct id_range *ret)
{
	char error[ERROR_NAME_MAX], state[STATE_MAX], name[POD_MAX + 1];
	struct piece parameters, allocation;
	int r;

	r = open_reply(text, length, &parameters, error, sizeof(error));
	if (r == 1)
		return strcmp(error, NO_SUCH_ALLOCATION) == 0 ? 0 : -EPROTO;
	if (r < 0 || !find_member(parameters, "allocation", &allocation) ||
	    !get_string(allocation, "pod", name, sizeof(name)) || strcmp(name, pod) != 0 ||
	    !get_string(allocation, "state", state, sizeof(state)))
		return -EPROTO;
	if (strcmp(state, "active") != 0)
		return 0;
	return get_range(allocation, ret) ? 1 : -EPROTO;
}
