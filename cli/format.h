/* SPDX-License-Identifier: MIT */
#pragma once

/* The formats of -o: an allocation as text that can be pasted where it is wanted. */

#include "verb.h"

enum format_kind {
	FORMAT_TABLE, /* for people */
	FORMAT_JSON,  /* the daemon's reply */
	FORMAT_PASTE, /* made of a template */
};

struct format {
	const char *name;
	enum format_kind kind;
	const char *template;
};

/* For the help of the verbs that take -o. */
#define FORMAT_HELP                                                                                \
	"  -o, --output FORMAT  table, json, or text to be pasted:\n"                              \
	"                         range    131072:65536\n"                                         \
	"                         oci      members of linux in an OCI configuration\n"             \
	"                         cri      userns_options of the CRI\n"                            \
	"                         kubelet  the kubelet's userns file\n"                            \
	"                         podman   options of podman run\n"                                \
	"                         ctr      options of ctr run\n"                                   \
	"                         nspawn   option of systemd-nspawn\n"                             \
	"                         unshare  options of unshare\n"

/* The format that -o or --json asks for; NULL after a complaint about bad usage. */
const struct format *format_find(const struct context *context);

/* Prints an allocation by the template of a format of the kind FORMAT_PASTE. */
void format_print(const struct format *format, const struct subidd_allocation *allocation);
