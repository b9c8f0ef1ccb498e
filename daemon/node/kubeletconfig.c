/* SPDX-License-Identifier: MIT */
#include "node/kubeletconfig.h"

#include "core/pool.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#define SECTION "userNamespaces"
#define SHOWN_VALUE 40 /* bytes of a bad value that a message shows */

enum setting { SETTING_MAX_PODS, SETTING_IDS_PER_POD, N_SETTINGS };

static const struct {
	bool in_section; /* else at the top level */
	const char *name;
	uint32_t max;
	uint32_t quantum;
	bool zero_is_unset;
} settings[] = {
	[SETTING_MAX_PODS] = { false, "maxPods", INT32_MAX, 1, true },
	[SETTING_IDS_PER_POD] = { true, "idsPerPod", PAST_END_ID, UNIT_QUANTUM, false },
};
_Static_assert(ELEMENTS_OF(settings) == N_SETTINGS, "each setting is described");

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct kubelet_config_error *error;
	bool seen[N_SETTINGS];
	bool section_seen;
	uint32_t values[N_SETTINGS];
};

/* Readers return 0, -EINVAL with the error filled, or -ENOMEM. */
__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format,
							...)
{
	va_list arguments;
	int r;

	reader->error->line = (uint32_t)reader->event.start_mark.line + 1;
	va_start(arguments, format);
	r = vasprintf(&reader->error->message, format, arguments);
	va_end(arguments);
	if (r < 0)
		reader->error->message = NULL;
	return r < 0 ? -ENOMEM : -EINVAL;
}

static int next(struct reader *reader)
{
	int r;

	yaml_event_delete(&reader->event);
	if (yaml_parser_parse(&reader->parser, &reader->event))
		return 0;
	if (reader->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	r = refuse(reader, "it is no YAML or JSON: %s",
		   reader->parser.problem ? reader->parser.problem : "unknown error");
	reader->error->line = (uint32_t)reader->parser.problem_mark.line + 1;
	return r;
}

/* From the first event of a node to its last one. */
static int skip_node(struct reader *reader)
{
	int depth = 0, r = 0;

	for (;;) {
		yaml_event_type_t type = reader->event.type;

		depth += type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT;
		depth -= type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT;
		if (depth == 0)
			return 0;
		if (depth > KUBELET_CONFIG_DEPTH_MAX)
			return refuse(reader, "it is nested too deep");
		r = next(reader);
		if (r < 0)
			return r;
	}
}

static const char *scalar(const struct reader *reader)
{
	return (const char *)reader->event.data.scalar.value;
}

static bool is_null(const struct reader *reader)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (reader->event.type != YAML_SCALAR_EVENT || !reader->event.data.scalar.plain_implicit ||
	    reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < ELEMENTS_OF(nulls); i++)
		if (strcmp(scalar(reader), nulls[i]) == 0)
			return true;
	return false;
}

static int read_setting(struct reader *reader, enum setting setting)
{
	const char *name = settings[setting].name;
	uint64_t value = 0;
	int r;

	if (reader->seen[setting])
		return refuse(reader, "%s is there twice", name);
	reader->seen[setting] = true;
	if ((r = next(reader)) < 0 || is_null(reader))
		return r;
	if (reader->event.type != YAML_SCALAR_EVENT)
		return refuse(reader, "%s must be a number, not an alias, a list or a mapping",
			      name);
	if (reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
	    !reader->event.data.scalar.plain_implicit ||
	    decimal_parse(scalar(reader), reader->event.data.scalar.length, settings[setting].max,
			  &value) < 0)
		return refuse(reader, "%s must be a decimal number up to %u, not '%.*s'", name,
			      settings[setting].max, SHOWN_VALUE, scalar(reader));
	if (value % settings[setting].quantum != 0)
		return refuse(reader, "%s is %u, which is no multiple of %u", name, (uint32_t)value,
			      settings[setting].quantum);
	if (value == 0 && !settings[setting].zero_is_unset)
		return refuse(reader, "%s must not be 0", name);
	reader->values[setting] = (uint32_t)value;
	return 0;
}

static int read_mapping(struct reader *reader, bool in_section);

static int read_section(struct reader *reader)
{
	int r;

	if (reader->section_seen)
		return refuse(reader, SECTION " is there twice");
	reader->section_seen = true;
	if ((r = next(reader)) < 0 || is_null(reader))
		return r;
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return refuse(reader, SECTION " must be a mapping");
	return read_mapping(reader, true);
}

/* The current event is a key of the mapping; reads it and its value. */
static int read_pair(struct reader *reader, bool in_section)
{
	int r;

	if (reader->event.type == YAML_ALIAS_EVENT)
		return refuse(reader, "a key must be written out, not be an alias");
	if (reader->event.type == YAML_SCALAR_EVENT) {
		if (strcmp(scalar(reader), "<<") == 0)
			return refuse(reader,
				      "settings must be written out, not be merged in with <<");
		if (!in_section && strcmp(scalar(reader), SECTION) == 0)
			return read_section(reader);
		for (int i = 0; i < N_SETTINGS; i++)
			if (settings[i].in_section == in_section &&
			    strcmp(scalar(reader), settings[i].name) == 0)
				return read_setting(reader, i);
	}
	if ((r = skip_node(reader)) < 0 || (r = next(reader)) < 0)
		return r;
	return skip_node(reader);
}

/* The current event is the start of the mapping; ends at its end. */
static int read_mapping(struct reader *reader, bool in_section)
{
	int r;

	while ((r = next(reader)) == 0 && reader->event.type != YAML_MAPPING_END_EVENT) {
		r = read_pair(reader, in_section);
		if (r < 0)
			return r;
	}
	return r;
}

/* Of several documents the kubelet reads the first one only. */
static int read_stream(struct reader *reader)
{
	int r;

	if ((r = next(reader)) < 0 || (r = next(reader)) < 0)
		return r;
	if (reader->event.type == YAML_STREAM_END_EVENT)
		return refuse(reader, "it is empty");
	if ((r = next(reader)) < 0)
		return r;
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return refuse(reader, "its top level must be a mapping");
	if ((r = read_mapping(reader, false)) < 0)
		return r;
	return next(reader);
}

int kubelet_config_parse(const char *text, size_t size, struct kubelet_config *ret,
			 struct kubelet_config_error *ret_error)
{
	struct kubelet_config_error error = { 0 };
	struct reader reader = { .error = &error };
	int r;

	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
	r = read_stream(&reader);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	if (r == -EINVAL)
		*ret_error = error;
	if (r == 0)
		*ret = (struct kubelet_config){ reader.values[SETTING_MAX_PODS],
						reader.values[SETTING_IDS_PER_POD] };
	return r;
}

void kubelet_config_error_done(struct kubelet_config_error *error)
{
	free(error->message);
	*error = (struct kubelet_config_error){ 0 };
}
