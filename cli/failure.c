/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include "cleanup.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

DEFINE_CLEANUP(struct subidd_status *, subidd_status_free)

bool is_unreachable(const struct context *context, int r)
{
	if (subidd_client_error_name(context->client))
		return false;
	return r != -EPROTO && r != -EINVAL && r != -ENOMEM;
}

static const char *unreachable_hint(int r)
{
	switch (-r) {
	case EACCES:
		return "be root or join the group subidd";
	case ETIMEDOUT:
	case ECONNRESET:
		return "see journalctl -u subidd";
	}
	return "start it: systemctl start subidd.socket";
}

/* What to do after each error of the daemon that needs no more than its name. */
static const struct {
	const char *error;
	const char *hint;
} hints[] = {
	{ "io.subidd.Allocator.InvalidPool", "see subidctl check" },
	{ "io.subidd.Allocator.CountMismatch", "release the pod first, or leave out --count" },
	{ "io.subidd.Allocator.RangeMismatch",
	  "release the pod first and wait until it has drained, or leave out --start" },
	{ "io.subidd.Allocator.NoSuchProcess", "a PID is one that the daemon can see" },
	{ "io.subidd.Allocator.OwnedByKubelet",
	  "it has the range until the kubelet removes the pod" },
	{ "io.subidd.Allocator.QuotaExceeded",
	  "release some, or raise MaxAllocationsPerUser= in subidd.conf" },
	{ "io.subidd.Allocator.StoreFailed", "see journalctl -u subidd" },
	{ "io.subidd.Allocator.InvalidConfiguration",
	  "mend it and try again; the one before stays in force" },
	{ "org.varlink.service.InterfaceNotFound", "is it subidd that listens there?" },
	{ "org.varlink.service.MethodNotFound", "the daemon is older than this subidctl" },
	{ "org.varlink.service.MethodNotImplemented", "the daemon is older than this subidctl" },
};

/* What the daemon takes for the parameters of calls. */
static const struct {
	const char *parameter;
	const char *hint;
} parameter_hints[] = {
	{ "pod", "a POD is 1 to 128 of the characters A-Z a-z 0-9 . _ - with a letter or digit "
		 "first" },
	{ "count", "--count is a multiple of the pool's unit and not larger than the pool; see "
		   "subidctl status" },
	{ "start",
	  "--start is the first ID of a whole unit of a pool, and not of one that is reserved; "
	  "see subidctl status" },
	{ "pid", "a PID is that of a process: 1 or more, and not the kernel's" },
	{ "namespace", "--namespace is 1 to 253 bytes without control characters" },
	{ "name", "--name is 1 to 253 bytes without control characters" },
};

static char *copy(const char *text)
{
	return text ? check_memory(strdup(text)) : NULL;
}

/* Names the pools that there are. Makes a call, and with that forgets the last error. */
static char *name_pools(struct context *context, const char *prefix)
{
	_cleanup_(subidd_status_freep) struct subidd_status *status = NULL;
	char *names = NULL;
	size_t size;
	FILE *out;

	if (subidd_get_status(context->client, &status) < 0)
		return copy("see subidctl status");
	out = check_memory(open_memstream(&names, &size));
	fputs(prefix, out);
	for (size_t i = 0; i < status->n_pools; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", status->pools[i]->name);
	if (fclose(out) != 0)
		check_memory(NULL);
	return names;
}

static char *parameter_hint(struct context *context)
{
	const char *parameter = subidd_client_error_string(context->client, "parameter");

	if (!parameter)
		return NULL;
	for (size_t i = 0; i < ELEMENTS_OF(parameter_hints); i++)
		if (strcmp(parameter_hints[i].parameter, parameter) == 0)
			return copy(parameter_hints[i].hint);
	if (strcmp(parameter, "pool") == 0)
		return name_pools(context, "choose one with --pool: ");
	return NULL;
}

/* Units that are free do not help a pod that wants several side by side. */
static char *exhausted_hint(const struct context *context)
{
	static const char *const held[] = { "active", "draining", "waiting", "foreign" };
	int64_t free_units = 0, draining = 0, waiting = 0, n;

	if (subidd_client_error_int(context->client, "capacity", &free_units) < 0)
		return NULL;
	for (size_t i = 0; i < ELEMENTS_OF(held); i++)
		if (subidd_client_error_int(context->client, held[i], &n) == 0)
			free_units -= n;
	subidd_client_error_int(context->client, "draining", &draining);
	subidd_client_error_int(context->client, "waiting", &waiting);
	if (free_units <= 0 && waiting > 0)
		return copy("wait until ReuseDelaySec= of subidd.conf has passed, or lower it");
	if (free_units <= 0 && draining > 0)
		return copy("wait until nothing alive maps those that drain, or release pods that "
			    "are gone");
	if (free_units <= 0)
		return copy("release pods that are gone, or give the pool's owner a larger range");
	return text_make("%" PRId64 " are free, but not as many side by side as --count asks for",
			 free_units);
}

/* What lives in a range that is wanted may be what it is wanted for. */
static char *taken_hint(const struct context *context)
{
	int64_t pid;

	if (subidd_client_error_string(context->client, "pod"))
		return copy("start it with another range, or release that pod if it is gone");
	if (subidd_client_error_int(context->client, "pid", &pid) == 0)
		return copy("if that is the pod's own, give --pid of a process of the pod; see "
			    "subidctl list --foreign");
	return copy("try again when nothing alive maps it any more, or start it with another "
		    "range");
}

/* What to do after an error of the daemon, NULL if nothing comes to mind. */
static char *refusal_hint(struct context *context, int r)
{
	const char *error = subidd_client_error_name(context->client);

	for (size_t i = 0; i < ELEMENTS_OF(hints); i++)
		if (strcmp(hints[i].error, error) == 0)
			return copy(hints[i].hint);
	switch (-r) {
	case ENXIO:
		return name_pools(context, "there are: ");
	case EINVAL:
		return parameter_hint(context);
	case ENOSPC:
		return exhausted_hint(context);
	case EADDRINUSE:
		return taken_hint(context);
	case EACCES:
		return copy(context->options[OPTION_START] ? "--start is for root"
							   : context->verb->denied);
	}
	return NULL;
}

enum exit_status failure(struct context *context, int r)
{
	_cleanup_(freep) char *message = NULL;
	_cleanup_(freep) char *hint = NULL;
	bool unreachable = is_unreachable(context, r);

	message = copy(subidd_client_error_message(context->client));
	if (unreachable)
		hint = copy(unreachable_hint(r));
	else if (subidd_client_error_name(context->client))
		hint = refusal_hint(context, r);
	complain("%s%s%s", message, hint ? "; " : "", hint ? hint : "");
	return unreachable ? STATUS_UNREACHABLE : STATUS_REFUSED;
}
