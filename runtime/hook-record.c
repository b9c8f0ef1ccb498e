/* SPDX-License-Identifier: MIT */
#include "hook-record.h"

#include "hook-proc.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RANGE "%" PRIu32 ":%" PRIu32

DEFINE_CLEANUP(struct subidd_iterator *, subidd_iterator_free)

static bool maps_touch(const struct hook_maps *maps, struct id_range range)
{
	return run_overlaps(&maps->uids, range) || run_overlaps(&maps->gids, range);
}

static int refuse_other(const struct creation *creation, const char *pod, struct id_range range,
			enum subidd_state state)
{
	struct hook *hook = creation->hook;

	if (state != SUBIDD_STATE_ACTIVE)
		return hook_fail(
			&hook->failure, -EADDRINUSE,
			"the range " RANGE " was the pod %s's, and what lives there has not "
			"been seen to end; wait, or start the container with another range",
			range.start, range.count, pod);
	return hook_fail(
		&hook->failure, -EADDRINUSE,
		"the range " RANGE " belongs to the pod %s; start the container with another "
		"range, for example that of subidctl allocate %s, or, if it is one of that "
		"pod's, with the annotation " SUBJECT_ANNOTATION "=%s",
		range.start, range.count, pod, creation->subject.pod, pod);
}

static int check_other(const struct creation *creation, const struct subidd_allocation *other)
{
	struct id_range range = allocation_range(other);

	if (other->state == SUBIDD_STATE_RELEASED ||
	    strcmp(other->pod, creation->subject.pod) == 0 || !maps_touch(&creation->maps, range))
		return 0;
	if (other->pid > 0 && proc_share_namespace(other->pid, creation->pid))
		return 1;
	return refuse_other(creation, other->pod, range, other->state);
}

int record_check_others(const struct creation *creation)
{
	struct hook *hook = creation->hook;
	_cleanup_(subidd_iterator_freep) struct subidd_iterator *all = NULL;
	const struct subidd_allocation *other;
	int r = subidd_list(hook->client, NULL, SUBIDD_STATE_ANY, &all);

	while (r == 0 && (r = subidd_iterator_next(all, &other)) > 0) {
		r = check_other(creation, other);
		if (r != 0)
			return r;
	}
	return r < 0 ? daemon_fail(hook, r, "cannot ask subidd whose ranges are in use") : 0;
}

/* Is a container of the pod alive that the allocation is tied to? */
static bool is_lived_in(const struct subidd_allocation *own)
{
	return own->state == SUBIDD_STATE_ACTIVE && own->pid > 0 &&
	       proc_lives_in(own->pid, allocation_range(own));
}

static int refuse_intruder(const struct creation *creation, struct id_range range, uint32_t pid,
			   const char *command)
{
	return hook_fail(&creation->hook->failure, -EADDRINUSE,
			 "the process %" PRIu32 "%s%s%s lives in the range " RANGE
			 ", and is not of the pod %s; end it, or start the container with another "
			 "range",
			 pid, *command ? " (" : "", command, *command ? ")" : "", range.start,
			 range.count, creation->subject.pod);
}

/*
 * Somebody else in the range, of whom subidd knows nothing? A pod that has its range already, and
 * something that it is tied to, or what it left there, may have other containers that live in it.
 */
static int check_intruders(const struct creation *creation, struct id_range range)
{
	const struct subidd_allocation *own = creation->own ? creation->own->allocation : NULL;
	struct hook_intruder intruder;
	int r;

	if (own && id_range_equal(allocation_range(own), range) &&
	    (own->state == SUBIDD_STATE_DRAINING ||
	     (own->state == SUBIDD_STATE_ACTIVE && own->pid > 0)))
		return 0;
	r = proc_find_intruder(creation->pid, range, &intruder);
	if (r < 0)
		return hook_fail(&creation->hook->failure, r,
				 "cannot look for what lives in the range " RANGE ": %s",
				 range.start, range.count, strerror(-r));
	return r > 0 ? refuse_intruder(creation, range, intruder.pid, intruder.command) : 0;
}

static int refuse_mismatch(const struct creation *creation, struct id_range own,
			   struct id_range range)
{
	const char *pod = creation->subject.pod;

	return hook_fail(&creation->hook->failure, -EADDRNOTAVAIL,
			 "the pod %s has the range " RANGE
			 ", and the container was started with " RANGE
			 "; start it with the first, or give that back: subidctl release %s",
			 pod, own.start, own.count, range.start, range.count, pod);
}

static int refuse_taken(const struct creation *creation, struct id_range range)
{
	struct subidd_client *client = creation->hook->client;
	const char *pod = subidd_client_error_string(client, "pod");
	int64_t start = range.start, count = range.count, pid;

	(void)subidd_client_error_int(client, "start", &start);
	(void)subidd_client_error_int(client, "count", &count);
	if (subidd_client_error_int(client, "pid", &pid) == 0)
		return refuse_intruder(creation, range, (uint32_t)pid, "");
	return hook_fail(&creation->hook->failure, -EADDRINUSE,
			 "the range %" PRId64 ":%" PRId64 " %s%s, and cannot be the pod %s's yet; "
			 "start the container with another range",
			 start, count, pod ? "was the pod " : "is in use", pod ? pod : "",
			 creation->subject.pod);
}

static int fail_allocation(const struct creation *creation, struct id_range range, int r)
{
	struct subidd_client *client = creation->hook->client;
	int64_t start = 0, count = 0;

	if (r == -EADDRINUSE && subidd_client_error_name(client))
		return refuse_taken(creation, range);
	if (r == -EADDRNOTAVAIL && subidd_client_error_name(client)) {
		(void)subidd_client_error_int(client, "start", &start);
		(void)subidd_client_error_int(client, "count", &count);
		return refuse_mismatch(
			creation, (struct id_range){ (uint32_t)start, (uint32_t)count }, range);
	}
	return daemon_fail(creation->hook, r, "cannot give the range " RANGE " to the pod %s",
			   range.start, range.count, creation->subject.pod);
}

static int allocate(const struct creation *creation, struct id_range range)
{
	const struct hook_subject *subject = &creation->subject;
	const struct subidd_allocation *own = creation->own ? creation->own->allocation : NULL;
	const struct subidd_request request = {
		.pod = subject->pod,
		.count = range.count,
		.start = range.start,
		.pod_namespace = *subject->namespace ? subject->namespace : NULL,
		.pod_name = *subject->name ? subject->name : NULL,
		.pid = creation->pid,
	};
	_cleanup_(subidd_result_freep) struct subidd_result *result = NULL;
	int r = subidd_allocate(creation->hook->client, &request, sizeof(request), &result);
	bool is_unsure = r < 0 && daemon_is_unsure(creation->hook, r);

	if (r < 0)
		fail_allocation(creation, range, r);
	if (is_unsure && !(own && own->state == SUBIDD_STATE_ACTIVE))
		daemon_undo(creation->hook, subject->pod);
	return r;
}

int record_run(const struct creation *creation, const struct hook_run *run)
{
	const struct subidd_allocation *own = creation->own ? creation->own->allocation : NULL;
	int r;

	if (own && own->state != SUBIDD_STATE_RELEASED &&
	    !id_range_equal(allocation_range(own), run->range)) {
		/* one that was recorded as more units than this container maps is the pod's too */
		if (own->state != SUBIDD_STATE_ACTIVE ||
		    !id_range_within(run->range, allocation_range(own)))
			return refuse_mismatch(creation, allocation_range(own), run->range);
		return record_run(creation, &(struct hook_run){ run->pool, allocation_range(own) });
	}
	if (own && is_lived_in(own))
		return 0;
	r = check_intruders(creation, run->range);
	return r < 0 ? r : allocate(creation, run->range);
}

int record_outside(const struct creation *creation)
{
	const struct subidd_allocation *own = creation->own ? creation->own->allocation : NULL;
	struct hook *hook = creation->hook;
	int r;

	if (!own || own->state == SUBIDD_STATE_RELEASED ||
	    !maps_touch(&creation->maps, allocation_range(own)) || is_lived_in(own) ||
	    own->origin == SUBIDD_ORIGIN_KUBELET)
		return 0;
	if (own->state != SUBIDD_STATE_ACTIVE)
		return hook_fail(&hook->failure, -EADDRNOTAVAIL,
				 "the range " RANGE
				 " was the pod %s's, and is in no valid pool any more; "
				 "see subidctl check",
				 own->start, own->count, own->pod);
	r = subidd_bind(hook->client, own->pod, creation->pid, NULL);
	return r < 0 ? daemon_fail(hook, r, "cannot bind the pod %s to its container", own->pod)
		     : 0;
}
