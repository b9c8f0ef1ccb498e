/* SPDX-License-Identifier: MIT */

/*
 * The client library, which is told anything. The first byte chooses the call, the second how much
 * is read at a time; the rest is what comes in, with newlines for NUL bytes. A byte 1 stands for a
 * wait that ends well, a byte 2 for one that takes too long. From "m" on several calls are started
 * at once, of which some are freed.
 *
 * The linker puts the functions of this file in place of the library's send(), recv() and ppoll(),
 * so that no other thread or process is needed to answer.
 */

#include "fuzz.h"

#include "cleanup.h"
#include "json.h"
#include "subidd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define STEPS_MAX 100000 /* of an iterator; far more than an input has items */

static struct {
	const char *at, *end;
	size_t chunk;
	bool is_sent;
} feed;

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask);

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	(void)fd;
	(void)flags;
	CHECK(size > 0 && ((const char *)data)[size - 1] == 0);
	feed.is_sent = true;
	return (ssize_t)size;
}

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags)
{
	size_t n = (size_t)(feed.end - feed.at);

	(void)fd;
	n = n < feed.chunk ? n : feed.chunk;
	n = n < size ? n : size;
	for (size_t i = 0; i < n; i++)
		if (feed.at[i] == 1 || feed.at[i] == 2)
			n = i;
	if (flags & MSG_PEEK || !feed.is_sent || (n == 0 && feed.at < feed.end)) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(buffer, feed.at, n);
	feed.at += n;
	return (ssize_t)n;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	(void)fds;
	(void)n;
	(void)timeout;
	(void)mask;
	CHECK(feed.at < feed.end);
	return *feed.at++ == 1;
}

static const struct json_limits limits = { 32, SIZE_MAX, SIZE_MAX };

static void check_json(const char *text)
{
	_cleanup_(json_putp) struct json_object *object = NULL;

	CHECK(text && json_parse_object(text, strlen(text), &limits, &object) == 0);
}

static void check_allocation(const struct subidd_allocation *a)
{
	check_json(a->json);
	CHECK(a->pod && a->pool && a->count > 0 && a->count <= UINT32_MAX - a->start);
	CHECK(subidd_state_name(a->state) && subidd_origin_name(a->origin));
}

static void check_mappings(const struct subidd_allocation *a, const struct subidd_mapping *m,
			   size_t n)
{
	uint32_t done = 0;

	for (size_t i = 0; i < n; i++) {
		CHECK(m[i].container_id == done && m[i].host_id == a->start + done);
		CHECK(m[i].size > 0 && m[i].size <= a->count - done);
		done += m[i].size;
	}
	CHECK(!m || done == a->count);
}

static void check_result(struct subidd_result *result)
{
	check_json(result->json);
	if (result->allocation) {
		check_allocation(result->allocation);
		check_mappings(result->allocation, result->uid_mappings, result->n_uid_mappings);
		check_mappings(result->allocation, result->gid_mappings, result->n_gid_mappings);
	}
	subidd_result_free(result);
}

static void check_status(struct subidd_status *status)
{
	check_json(status->json);
	for (size_t i = 0; i < status->n_pools; i++) {
		const struct subidd_pool *pool = status->pools[i];

		check_json(pool->json);
		CHECK(pool->name && pool->owner);
		for (size_t k = 0; k < pool->n_findings; k++)
			CHECK(pool->findings[k]->rule && pool->findings[k]->message &&
			      subidd_level_name(pool->findings[k]->level));
	}
	subidd_status_free(status);
}

static int ask_allocation(struct subidd_client *client, uint8_t which)
{
	const struct subidd_request request = { .pod = "a", .start = 65536 };
	struct subidd_result *result = NULL;
	int r = 0;

	switch (which) {
	case 0:
		r = subidd_allocate(client, &request, sizeof(request), &result);
		break;
	case 1:
		r = subidd_release(client, "a", &result);
		break;
	case 2:
		r = subidd_get(client, "a", &result);
		break;
	case 3:
		r = subidd_lookup(client, 65536, &result);
		break;
	case 4:
		r = subidd_bind(client, "a", 1, &result);
		break;
	}
	CHECK(!result == (r < 0));
	if (r == 0)
		check_result(result);
	return r;
}

static int ask_status(struct subidd_client *client, uint8_t which)
{
	const char *const pods[] = { "a" };
	const struct subidd_reconcile_request request = { .pods = pods, .n_pods = 1 };
	struct subidd_reconciliation *reconciliation = NULL;
	struct subidd_status *status = NULL;
	int r;

	if (which < 7) {
		r = which == 5 ? subidd_get_status(client, &status)
			       : subidd_reload(client, &status);
		CHECK(!status == (r < 0));
		if (r == 0)
			check_status(status);
		return r;
	}
	r = subidd_reconcile(client, &request, sizeof(request), &reconciliation);
	CHECK(!reconciliation == (r < 0));
	if (r == 0) {
		check_json(reconciliation->json);
		for (size_t i = 0; i < reconciliation->n_released; i++)
			CHECK(reconciliation->released[i]);
		for (size_t i = 0; i < reconciliation->n_missing; i++)
			CHECK(reconciliation->missing[i]);
		subidd_reconciliation_free(reconciliation);
	}
	return r;
}

static int ask_list(struct subidd_client *client)
{
	const struct subidd_allocation *allocation;
	struct subidd_iterator *iterator;
	int r = subidd_list(client, NULL, SUBIDD_STATE_ANY, &iterator);

	if (r < 0)
		return r;
	for (int i = 0; (r = subidd_iterator_next(iterator, &allocation)) == 1; i++) {
		CHECK(i < STEPS_MAX);
		check_allocation(allocation);
	}
	subidd_iterator_free(iterator);
	return r;
}

static int ask_foreign(struct subidd_client *client)
{
	struct subidd_foreign_iterator *iterator;
	const struct subidd_foreign *foreign;
	int r = subidd_list_foreign(client, "pool", &iterator);

	if (r < 0)
		return r;
	for (int i = 0; (r = subidd_foreign_iterator_next(iterator, &foreign)) == 1; i++) {
		CHECK(i < STEPS_MAX && foreign->pool);
		check_json(foreign->json);
		CHECK(foreign->count > 0 && foreign->count <= UINT32_MAX - foreign->start);
	}
	subidd_foreign_iterator_free(iterator);
	return r;
}

static int ask_events(struct subidd_client *client, bool is_live)
{
	struct subidd_event_iterator *iterator;
	const struct subidd_event *event;
	int r = is_live ? subidd_monitor(client, &iterator)
			: subidd_history(client, NULL, 0, &iterator);

	if (r < 0)
		return r;
	for (int i = 0;; i++) {
		r = subidd_event_iterator_next(iterator, &event);
		CHECK(i < STEPS_MAX && (is_live || r != -EAGAIN));
		if (r == -EAGAIN)
			continue;
		if (r != 1)
			break;
		check_json(event->json);
		CHECK(event->kind_name && event->kind >= SUBIDD_EVENT_UNKNOWN);
		CHECK(event->count <= UINT32_MAX - event->start);
		CHECK(!event->cause_name == (event->cause == SUBIDD_CAUSE_NONE));
	}
	subidd_event_iterator_free(iterator);
	return r;
}

/* Of the calls that were started: how many there are, and how many have come to their end. */
static struct {
	int started, ended;
	struct subidd_call *freed; /* by the first callback */
} started;

static void hear(const struct subidd_client *client, int r)
{
	CHECK(!subidd_client_error_message(client) == (r >= 0));
	started.ended += r <= 0 && r != -EAGAIN;
	if (started.freed) {
		started.ended++;
		started.freed = subidd_call_free(started.freed);
	}
}

static void hear_result(struct subidd_client *client, int r, struct subidd_result *result,
			void *userdata)
{
	(void)userdata;
	CHECK(!result == (r < 0));
	if (result)
		check_result(result);
	hear(client, r);
}

static void hear_allocation(struct subidd_client *client, int r,
			    const struct subidd_allocation *allocation, void *userdata)
{
	(void)userdata;
	CHECK(!allocation == (r <= 0));
	if (allocation)
		check_allocation(allocation);
	hear(client, r);
}

static void hear_event(struct subidd_client *client, int r, const struct subidd_event *event,
		       void *userdata)
{
	(void)userdata;
	CHECK(!event == (r <= 0));
	if (event)
		check_json(event->json);
	hear(client, r);
}

/* Starts some calls and goes on until all have ended: what comes in is at its end before that. */
static void start(struct subidd_client *client, bool is_one_freed, bool is_one_live)
{
	struct subidd_call *call;

	started.started = 3;
	started.ended = 0;
	started.freed = NULL;
	CHECK(subidd_start_get(client, "a", hear_result, NULL, NULL) == 0);
	CHECK(subidd_start_list(client, NULL, SUBIDD_STATE_ANY, hear_allocation, NULL, &call) == 0);
	started.freed = is_one_freed ? call : NULL;
	if (is_one_live)
		CHECK(subidd_start_monitor(client, hear_event, NULL, NULL) == 0);
	else
		CHECK(subidd_start_lookup(client, 65536, 0, hear_result, NULL, NULL) == 0);
	for (int i = 0; started.ended < started.started; i++) {
		CHECK(i < STEPS_MAX && subidd_client_process(client) == 0);
		feed.at += feed.at < feed.end && (*feed.at == 1 || *feed.at == 2);
	}
	CHECK(started.ended == started.started);
	CHECK(subidd_client_process(client) == 0);
}

static int ask(struct subidd_client *client, uint8_t which)
{
	if (which < 5)
		return ask_allocation(client, which);
	if (which < 8)
		return ask_status(client, which);
	if (which == 8)
		return ask_list(client);
	if (which == 9)
		return ask_foreign(client);
	return ask_events(client, which == 11);
}

static void check_failure(const struct subidd_client *client, int r)
{
	static const char *const parameters[] = { "pod", "pool", "message", "parameter", "method" };
	int64_t number = 0;

	CHECK(subidd_client_error_message(client) && *subidd_client_error_message(client));
	for (size_t i = 0; i < ELEMENTS_OF(parameters); i++)
		CHECK(!subidd_client_error_string(client, parameters[i]) ||
		      subidd_client_error_name(client));
	CHECK(subidd_client_error_int(client, "capacity", &number) == -ENODATA ||
	      subidd_client_error_name(client));
	if (subidd_client_error_name(client))
		return;
	CHECK(r == -EPROTO || r == -ECONNRESET || r == -ETIMEDOUT);
	CHECK(subidd_client_get_fd(client) == -ENOTCONN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = NULL;
	struct subidd_client *client;
	uint8_t which;
	int fd, r;

	if (size < 2)
		return 0;
	which = (uint8_t)(data[0] - 'a') % 16;
	text = copy_of(data + 2, size - 2, COPY_LINES);
	feed.at = text;
	feed.end = text + size - 2;
	feed.chunk = data[1] + 1u;
	feed.is_sent = false;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && subidd_client_new_from_fd(&client, fd) == 0);
	if (which >= 12) {
		start(client, which & 1, which & 2);
	} else {
		r = ask(client, which);
		CHECK(r <= 0 && feed.is_sent);
		if (r < 0)
			check_failure(client, r);
	}
	subidd_client_free(client);
	CHECK(fcntl(fd, F_GETFD) < 0);
	return 0;
}
