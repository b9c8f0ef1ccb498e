/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <sys/un.h>

#define WAIT_MS 30000 /* nothing should come near it */

char heard[1024];

static void watch(struct loop *loop)
{
	loop->fd = subidd_client_get_poll_fd(loop->client);
	assert_true(loop->fd >= 0);
	heard[0] = 0;
}

void loop_begin(struct loop *loop)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(subidd_client_new_from_fd(&loop->client, fds[0]), 0);
	loop->peer = fds[1];
	watch(loop);
}

void loop_begin_at(struct loop *loop, const char *path)
{
	assert_int_equal(subidd_client_new(&loop->client, path), 0);
	loop->peer = -1;
	watch(loop);
}

void loop_end(struct loop *loop)
{
	if (loop->client)
		assert_int_equal(subidd_client_get_poll_fd(loop->client), loop->fd);
	subidd_client_free(loop->client);
	closep(&loop->peer);
	assert_string_equal(heard, "");
}

static bool is_due(struct loop *loop, int wait)
{
	struct pollfd fd = { .fd = loop->fd, .events = POLLIN };

	return poll(&fd, 1, wait) == 1;
}

bool loop_is_quiet(struct loop *loop)
{
	return !is_due(loop, 0);
}

void loop_turn(struct loop *loop)
{
	assert_true(is_due(loop, WAIT_MS));
	assert_int_equal(subidd_client_process(loop->client), 0);
}

void loop_settle(struct loop *loop)
{
	while (is_due(loop, 0))
		assert_int_equal(subidd_client_process(loop->client), 0);
	/* in vain is no harm */
	assert_int_equal(subidd_client_process(loop->client), 0);
}

void loop_expect(struct loop *loop, const char *text)
{
	size_t length = strlen(text) + 1;
	char *call = calloc(1, length);

	assert_int_equal(recv(loop->peer, call, length, MSG_WAITALL | MSG_DONTWAIT), length);
	assert_memory_equal(call, text, length);
	free(call);
}

bool loop_is_silent(struct loop *loop)
{
	char byte;

	return recv(loop->peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void loop_say(struct loop *loop, const char *text, size_t length)
{
	assert_int_equal(send(loop->peer, text, length, MSG_NOSIGNAL), length);
}

int loop_listen(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

void loop_accept(struct loop *loop, int listener)
{
	closep(&loop->peer);
	loop->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(loop->peer >= 0);
}

void expect_heard(const char *text)
{
	assert_string_equal(heard, text);
	heard[0] = 0;
}

/* A failure has a message, and something that was handed over has none. */
static void hear(struct subidd_client *client, int r, bool is_given, void *userdata)
{
	size_t length = strlen(heard);

	assert_true(is_given || r <= 0);
	assert_int_equal(!subidd_client_error_message(client), r >= 0);
	snprintf(heard + length, sizeof(heard) - length, "%s%s %d", length > 0 ? " " : "",
		 (const char *)userdata, r);
}

void hear_result(struct subidd_client *client, int error, struct subidd_result *result,
		 void *userdata)
{
	assert_int_equal(!result, error < 0);
	hear(client, error, result, userdata);
	subidd_result_free(result);
}

void hear_reconciliation(struct subidd_client *client, int error,
			 struct subidd_reconciliation *reconciliation, void *userdata)
{
	assert_int_equal(!reconciliation, error < 0);
	hear(client, error, reconciliation, userdata);
	subidd_reconciliation_free(reconciliation);
}

void hear_status(struct subidd_client *client, int error, struct subidd_status *status,
		 void *userdata)
{
	assert_int_equal(!status, error < 0);
	hear(client, error, status, userdata);
	subidd_status_free(status);
}

void hear_allocation(struct subidd_client *client, int r,
		     const struct subidd_allocation *allocation, void *userdata)
{
	assert_int_equal(!allocation, r <= 0);
	hear(client, r, allocation, userdata);
}

void hear_event(struct subidd_client *client, int r, const struct subidd_event *event,
		void *userdata)
{
	assert_int_equal(!event, r <= 0);
	hear(client, r, event, userdata);
}

struct subidd_call *start_get(struct loop *loop, const char *name)
{
	struct subidd_call *call = NULL;

	assert_int_equal(subidd_start_get(loop->client, "pod-1", hear_result, (void *)name, &call),
			 0);
	assert_non_null(call);
	return call;
}

struct subidd_call *start_large(struct loop *loop, const char *name)
{
	static const char *pods[60000];
	const struct subidd_reconcile_request request = { pods, ELEMENTS_OF(pods), NULL, false, 0 };
	struct subidd_call *call = NULL;

	for (size_t i = 0; i < ELEMENTS_OF(pods); i++)
		pods[i] = "0123456789abcdef0123456789abcdef";
	assert_int_equal(subidd_start_reconcile(loop->client, &request, sizeof(request),
						hear_reconciliation, (void *)name, &call),
			 0);
	return call;
}

void loop_take(struct loop *loop, int n)
{
	static char buffer[1 << 16];

	while (n > 0) {
		ssize_t size = recv(loop->peer, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (size < 0) /* now there is room, and the client must know */
			loop_turn(loop);
		for (ssize_t i = 0; i < size; i++)
			n -= !buffer[i];
	}
	assert_int_equal(n, 0);
	assert_true(loop_is_silent(loop));
}
