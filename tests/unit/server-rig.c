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

void rig_change(struct rig *rig)
{
	assert_false(rig->is_committing);
	rig->is_pending = true;
	rig->n_changes++;
}

static int handle_change(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct parameters *p = parameters;

	rig_change(userdata);
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
		rig_change(stream->rig);
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

/* Tells the number of commits, and each time that it has grown. */
struct watcher {
	struct rig *rig;
	struct varlink_call *call;
	char *text;
	unsigned int n_told;
	struct watcher **at, *next;
};

static int watch_next(struct varlink_call *call, void *state)
{
	struct watcher *watcher = state;
	struct rig *rig = watcher->rig;

	rig->n_looks++;
	if (watcher->n_told > rig->n_commits) {
		varlink_wait(call);
		return 0;
	}
	if (rig->must_end)
		return varlink_reply(call, NULL);
	if (rig->must_wait)
		varlink_wait(call);
	watcher->n_told = rig->n_commits + 1;
	return varlink_notify(call, watcher->text ? new_text(watcher->text)
						  : json_pack(JSON_INT("n", rig->n_commits), NULL));
}

void rig_continue(struct rig *rig)
{
	for (struct watcher *watcher = rig->watchers; watcher; watcher = watcher->next)
		varlink_continue(watcher->call);
}

static void watch_free(void *state)
{
	struct watcher *watcher = state;

	watcher->rig->n_streams--;
	*watcher->at = watcher->next;
	if (watcher->next)
		watcher->next->at = watcher->at;
	free(watcher->text);
	free(watcher);
}

static int handle_watch(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct parameters *p = parameters;
	struct rig *rig = userdata;
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	*watcher = (struct watcher){
		.rig = rig,
		.call = call,
		.text = p->text ? strdup(p->text) : NULL,
		.at = &rig->watchers,
		.next = rig->watchers,
	};
	if (rig->watchers)
		rig->watchers->at = &watcher->next;
	rig->watchers = watcher;
	rig->n_streams++;
	varlink_stream(call, watch_next, watcher, watch_free);
	return 0;
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
	{ "Watch", ACCESS_READER, true, WITH(text_fields), handle_watch },
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

static void on_committed(void *userdata)
{
	struct rig *rig = userdata;

	assert_false(rig->is_pending);
	rig->n_committed++;
	rig_continue(rig);
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
		on_classify, on_is_pending, on_commit, on_committed, on_idle, on_log, rig,
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
