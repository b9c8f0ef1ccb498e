/* SPDX-License-Identifier: MIT */
#include "hook-json.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(HOOK_JSON_MAX < INT_MAX, "json-c counts bytes in an int");

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!strchr(" \t\r\n", text[i]) || text[i] == '\0')
			return false;
	return true;
}

int hook_json_parse(const char *text, size_t size, struct json_object **ret,
		    struct hook_failure *failure)
{
	_cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(
		HOOK_JSON_DEPTH);
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	enum json_tokener_error error;
	size_t end;

	if (!tokener)
		return hook_fail(failure, -ENOMEM, "out of memory");
	if (is_blank(text, size))
		return hook_fail(failure, -EBADMSG, "it is empty");
	object = json_tokener_parse_ex(tokener, text, (int)size);
	error = json_tokener_get_error(tokener);
	if (error != json_tokener_success)
		return hook_fail(failure, -EBADMSG, "no valid JSON: %s",
				 error == json_tokener_continue ? "it ends too early"
								: json_tokener_error_desc(error));
	end = json_tokener_get_parse_end(tokener);
	if (!json_object_is_type(object, json_type_object) || !is_blank(text + end, size - end))
		return hook_fail(failure, -EBADMSG, "not one JSON object");
	*ret = take_ptr(object);
	return 0;
}

/* Reads up to HOOK_JSON_MAX bytes into BUFFER, which has one more. */
static int read_all(int fd, char *buffer, size_t *ret_size)
{
	size_t size = 0;

	for (;;) {
		ssize_t n = read(fd, buffer + size, HOOK_JSON_MAX + 1 - size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		size += n > 0 ? (size_t)n : 0;
		if (size > HOOK_JSON_MAX)
			return -EFBIG;
	}
	*ret_size = size;
	return 0;
}

int hook_json_read(int fd, const char *what, struct json_object **ret, struct hook_failure *failure)
{
	_cleanup_(freep) char *buffer = malloc(HOOK_JSON_MAX + 1);
	struct hook_failure reason = {};
	size_t size = 0;
	int r;

	if (!buffer)
		return hook_fail(failure, -ENOMEM, "out of memory");
	r = read_all(fd, buffer, &size);
	if (r == -EFBIG)
		return hook_fail(failure, r, "%s has more than %zu bytes", what, HOOK_JSON_MAX);
	if (r < 0)
		return hook_fail(failure, r, "cannot read %s: %s", what, strerror(-r));
	r = hook_json_parse(buffer, size, ret, &reason);
	return r < 0 ? hook_fail(failure, r, "%s: %s", what, reason.text) : 0;
}

int hook_json_write(int fd, struct json_object *value, struct hook_failure *failure)
{
	size_t size, done = 0;
	const char *text = json_object_to_json_string_length(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

	if (!text)
		return hook_fail(failure, -ENOMEM, "out of memory");
	while (done < size) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0 && errno != EINTR)
			return hook_fail(failure, -errno, "cannot write the configuration: %m");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

struct json_object *hook_json_member(const struct json_object *object, const char *name,
				     enum json_type type)
{
	struct json_object *member;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, type))
		return NULL;
	return member;
}

const char *hook_json_text(const struct json_object *object, const char *name)
{
	struct json_object *member = hook_json_member(object, name, json_type_string);
	const char *text;

	if (!member)
		return NULL;
	text = json_object_get_string(member);
	return *text && strlen(text) == (size_t)json_object_get_string_len(member) ? text : NULL;
}

int hook_json_id(const struct json_object *object, const char *name, uint32_t *ret)
{
	struct json_object *member;
	int64_t number;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &member))
		return -ENOENT;
	number = json_object_get_int64(member); /* saturates */
	if (!json_object_is_type(member, json_type_int) || number < 0 || number > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)number;
	return 0;
}

int hook_json_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value && json_object_object_add(object, name, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int hook_json_append(struct json_object *array, struct json_object *value)
{
	if (value && json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}
