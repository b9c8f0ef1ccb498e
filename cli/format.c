/* SPDX-License-Identifier: MIT */
#include "format.h"

#include "cleanup.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

/*
 * In a template @ stands for the first host ID and # for the number of IDs. An allocation is one
 * range that begins with the container ID 0, and the same for UIDs and GIDs, so that is all.
 * unshare(1) has it the other way round than the rest: outer, inner, count.
 */
static const struct format formats[] = {
	{ "table", FORMAT_TABLE, NULL },
	{ "json", FORMAT_JSON, NULL },
	{ "range", FORMAT_PASTE, "@:#" },
	{ "oci", FORMAT_PASTE,
	  "{\"uidMappings\":[{\"containerID\":0,\"hostID\":@,\"size\":#}],"
	  "\"gidMappings\":[{\"containerID\":0,\"hostID\":@,\"size\":#}],"
	  "\"namespaces\":[{\"type\":\"user\"}]}" },
	{ "cri", FORMAT_PASTE,
	  "{\"mode\":0,\"uids\":[{\"host_id\":@,\"container_id\":0,\"length\":#}],"
	  "\"gids\":[{\"host_id\":@,\"container_id\":0,\"length\":#}]}" },
	{ "kubelet", FORMAT_PASTE,
	  "{\"uidMappings\":[{\"hostId\":@,\"containerId\":0,\"length\":#}],"
	  "\"gidMappings\":[{\"hostId\":@,\"containerId\":0,\"length\":#}]}" },
	{ "podman", FORMAT_PASTE, "--uidmap 0:@:# --gidmap 0:@:#" },
	{ "ctr", FORMAT_PASTE, "--uidmap 0:@:# --gidmap 0:@:#" },
	{ "nspawn", FORMAT_PASTE, "--private-users=@:#" },
	{ "unshare", FORMAT_PASTE, "--map-users=@,0,# --map-groups=@,0,#" },
};

static const struct format *find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS_OF(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

const struct format *format_find(const struct context *context)
{
	const char *name = context->options[OPTION_OUTPUT];
	bool is_json = context->options[OPTION_JSON];
	const struct format *format = name ? find(name) : find(is_json ? "json" : "table");

	if (is_json && name && strcmp(name, "json") != 0) {
		options_refuse(context->verb, "--json and -o %s exclude each other", name);
		return NULL;
	}
	if (!format)
		options_refuse(context->verb, "there is no format '%s'", name);
	return format;
}

void format_print(const struct format *format, const struct subidd_allocation *allocation)
{
	for (const char *at = format->template; *at; at++)
		if (*at == '@')
			printf("%u", allocation->start);
		else if (*at == '#')
			printf("%u", allocation->count);
		else
			putchar(*at);
	putchar('\n');
}
