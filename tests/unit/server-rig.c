/* SPDX-License-Identifier: MIT */
#include "server-rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DISPATCHES_MAX 20000 /* of one pump(), which is far from what any test needs */

struct parameters {
	const char *text;
	int64_t n;
};

static const struct field text_fields[] = {
	{ "text", FIELD_STRING, true, offsetof(struct parameters, text) },
};

static const struct field stream_fields[] = {
	{ "n", FIELD_INT, .offset = offsetof(struct parameters, n), .min = 0, .max = 1000000 },
	{ "text", FIELD_STRING, true, offsetof(struct parameters, text) },
};

static struct json_object *new_text(const char *text)
{
	return text ? json_pack(JSON_STRING("text", text), NULL) : NULL;
}

static int handle_echo(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct parameters *p = parameters;
	struct rig *rig = userdata;

	rig->n_echoes++;
	return varlink_reply(call, new_text(p->text));
}

static void change(struct rig *rig)
{
	assert_false(rig->is_committing);
	rig->is_pending = true;
	rig->n_changes++;
}

static int handle_change(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct parameters *p = parameters;

	change(userdata);
	return varlink_reply(call, new_text(p->text));
}

/* Answers and fails all the same. */
static int handle_fail(struct varlink_call *call, const void *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	varlink_reply(call, NULL);
	return -EIO;
}

static int handle_silent(struct varlink_call *call, const void *parameters, void *userdata)
{
	(void)call;
	(void)parameters;
	(void)userdata;
	return 0;
}

static void on_cancelled(struct varlink_call *call, void *userdata)
{
	struct rig *rig = userdata;

	assert_ptr_equal(call, rig->kept);
	rig->kept = NULL;
	rig->n_cancelled++;
}

static int handle_keep(struct varlink_call *call, const void *parameters, void *userdata)
{
	struct rig *rig = userdata;

	(void)parameters;
	rig->kept = call;
	rig->n_kept++;
	varlink_keep(call, on_cancelled, rig);
	return 0;
}

struct stream {
	struct rig *rig;
	char *text;
	int64_t i, n;
	bool changes;
};

static int stream_next(struct varlink_call *call, void *state)
{
	struct stream *stream = state;
	struct json_object *o = stream->text ? new_text(stream->text)
					     : json_pack(JSON_INT("i", stream->i), NULL);

	stream->rig->n_streamed++;
	if (stream->changes)
		change(stream->rig);
	return ++stream->i < stream->n ? varlink_notify(call, o) : varlink_reply(call, o);
}

static void stream_free(void *state)
{
	struct stream *stream = state;

	stream->rig->n_streams--;
	free(stream->text);
	free(stream);
}

static int start_stream(struct varlink_call *call, const struct parameters *p, struct rig *rig,
			bool changes)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	*stream = (struct stream){ rig, p->text ? strdup(p->text) : NULL, 0, p->n, changes };
	rig->n_streams++;
	varlink_stream(call, stream_next, stream, stream_free);
	return 0;
}

static int handle_count(struct varlink_call *call, const void *parameters, void *userdata)
{
	return start_stream(call, parameters, userdata, false);
}

static int handle_changes(struct varlink_call *call, const void *parameters, void *userdata)
{
	return start_stream(call, parameters, userdata, true);
}

#define WITH(fields) fields, ELEMENTS_OF(fields)

static const struct varlink_method methods[] = {
	{ "Echo", ACCESS_READER, false, WITH(text_fields), handle_echo },
	{ "Write", ACCESS_WRITER, false, WITH(text_fields), handle_echo },
	{ "Root", ACCESS_ROOT, false, WITH(text_fields), handle_echo },
	{ "Change", ACCESS_READER, false, WITH(text_fields), handle_change },
	{ "Fail", ACCESS_READER, .handle = handle_fail },
	{ "Silent", ACCESS_READER, .handle = handle_silent },
	{ "Keep", ACCESS_READER, .handle = handle_keep },
	{ "Count", ACCESS_READER, true, WITH(stream_fields), handle_count },
	{ "Changes", ACCESS_READER, true, WITH(stream_fields), handle_changes },
};

static struct varlink_interface interface = {
	.name = "org.example.Test",
	.methods = methods,
	.n_methods = ELEMENTS_OF(methods),
};

static const struct varlink_interface *const interfaces[] = { &interface };

static enum varlink_access on_classify(const struct varlink_peer *peer, void *userdata)
{
	const struct rig *rig = userdata;

	assert_int_equal(peer->pid, getpid());
	return rig->access;
}

static bool on_is_pending(void *userdata)
{
	const struct rig *rig = userdata;

	return rig->is_pending;
}

static const char *on_commit(struct json_object **ret_parameters, void *userdata)
{
	struct rig *rig = userdata;

	assert_true(rig->is_pending);
	rig->is_pending = false;
	rig->n_commits++;
	if (rig->n_changes > rig->largest_batch)
		rig->largest_batch = rig->n_changes;
	rig->n_changes = 0;
	if (!rig->must_fail)
		return NULL;
	rig->must_fail = false;
	*ret_parameters = json_pack(JSON_STRING("message", "disk full"), NULL);
	return "org.example.Test.Failed";
}

static void on_idle(void *userdata)
{
	struct rig *rig = userdata;

	rig->n_idle++;
}

static void on_log(int level, int reason, const char *text, void *userdata)
{
	struct rig *rig = userdata;

	(void)level;
	(void)reason;
	(void)text;
	rig->n_logged++;
}

void rig_make(struct rig *rig)
{
	const struct server_hooks hooks = {
		on_classify, on_is_pending, on_commit, on_idle, on_log, rig,
	};
	struct server_limits limits = rig->limits;

	if (limits.connections == 0) {
		limits = server_default_limits;
		limits.timeout_usec = TIMEOUT_USEC;
	}
	*rig = (struct rig){ .limits = limits, .access = rig->access, .n_fds = count_fds() };
	interface.userdata = rig;
	assert_int_equal(sd_event_new(&rig->event), 0);
	assert_int_equal(server_new(rig->event, interfaces, ELEMENTS_OF(interfaces), &limits,
				    &hooks, &rig->server),
			 0);
}

void rig_drop(struct rig *rig)
{
	server_free(rig->server);
	rig->server = NULL;
	sd_event_unref(rig->event);
	assert_int_equal(count_fds(), rig->n_fds);
	assert_int_equal(rig->n_streams, 0);
	assert_null(rig->kept);
}

void pump(struct rig *rig)
{
	for (int i = 0; i < DISPATCHES_MAX; i++) {
		int r = sd_event_run(rig->event, 0);

		assert_true(r >= 0);
		if (r == 0)
			return;
	}
	fail_msg("the loop runs on and on");
}

void wait_event(struct rig *rig)
{
	assert_int_equal(sd_event_run(rig->event, 20 * 1000000), 1);
}

void rig_listen(struct rig *rig, int type_flags)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)), 0);
	assert_int_equal(listen(fd, 1000), 0);
	assert_int_equal(server_listen(rig->server, fd), 0);
	rig->listen_fd = fd;
}

int rig_connect(struct rig *rig)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(rig->listen_fd, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, size), 0);
	return fd;
}

struct client client_of(int fd)
{
	return (struct client){ .fd = fd };
}

struct client client_make(struct rig *rig)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_int_equal(server_add_connection(rig->server, fds[0]), 0);
	return client_of(fds[1]);
}

void client_drop(struct client *client)
{
	closep(&client->fd);
	free(client->data);
	*client = (struct client){ .fd = -1 };
}

void client_send_bytes(struct client *client, const char *data, size_t size)
{
	assert_int_equal(send(client->fd, data, size, MSG_NOSIGNAL), size);
}

void client_send(struct client *client, const char *messages)
{
	_cleanup_(freep) char *copy = strdup(messages);

	for (char *bar = strchr(copy, '|'); bar; bar = strchr(bar + 1, '|'))
		*bar = 0;
	client_send_bytes(client, copy, strlen(messages));
}

bool client_take(struct client *client)
{
	for (;;) {
		char buffer[65536];
		ssize_t n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		client->data = realloc(client->data, client->size + (size_t)n);
		memcpy(client->data + client->size, buffer, (size_t)n);
		client->size += (size_t)n;
	}
}

char *client_next(struct client *client)
{
	char *nul = client->size > 0 ? memchr(client->data, 0, client->size) : NULL;
	char *message;
	size_t size;

	if (!nul)
		return NULL;
	size = (size_t)(nul - client->data) + 1;
	message = strdup(client->data);
	client->size -= size;
	memmove(client->data, client->data + size, client->size);
	return message;
}

void expect(struct rig *rig, struct client *client, const char *message)
{
	_cleanup_(freep) char *got = client_next(client);

	if (!got) {
		pump(rig);
		client_take(client);
		got = client_next(client);
	}
	if (!got)
		fail_msg("no answer, but wanted: %s", message);
	assert_string_equal(got, message);
}

void expect_nothing(struct rig *rig, struct client *client)
{
	pump(rig);
	assert_true(client_take(client));
	assert_int_equal(client->size, 0);
}

void expect_closed(struct rig *rig, struct client *client)
{
	pump(rig);
	assert_false(client_take(client));
	assert_int_equal(client->size, 0);
}
