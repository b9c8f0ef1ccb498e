/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include "cleanup.h"
#include "input.h"
#include "output.h"
#include "peer.h"

#include <errno.h>
#include <sys/epoll.h>

enum step { STEP_NOTHING, STEP_SMALL, STEP_CALL };

/* What the timer of a connection waits for. */
enum deadline { DEADLINE_NONE, DEADLINE_INPUT, DEADLINE_OUTPUT };

struct connection {
	struct connection_host *host;
	int fd, epoll_fd;
	bool is_writer; /* when it connected */
	struct varlink_peer peer;
	struct call_owner owner;
	struct frame_buffer input;
	struct output output;
	struct varlink_call call;
	size_t held_from;  /* size of the output before the call that is held */
	bool is_held;	   /* replies wait for connection_release() */
	bool is_at_end;	   /* the client sends nothing more */
	bool is_over;	   /* told to the host */
	bool is_advancing; /* in advance() */
	bool is_turn_due;  /* told to the host, and not yet taken */
	bool is_watched;   /* in the epoll of the host, with this mask */
	bool is_progress;  /* since the deadline was set a message came in or went out whole */
	uint32_t epoll_mask;
	enum deadline deadline;
	sd_event_source *time_source;
	struct connection_links in_all, in_held, in_due;
};

DEFINE_CLEANUP(struct connection *, connection_free)

static void advance(struct connection *c);

struct connection_links *connection_in_all(struct connection *c)
{
	return &c->in_all;
}

struct connection_links *connection_in_held(struct connection *c)
{
	return &c->in_held;
}

struct connection_links *connection_in_due(struct connection *c)
{
	return &c->in_due;
}

const struct varlink_peer *connection_peer(const struct connection *c)
{
	return &c->peer;
}

bool connection_is_writer(const struct connection *c)
{
	return c->is_writer;
}

static void unwatch(struct connection *c)
{
	if (c->is_watched)
		epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	c->is_watched = false;
}

static int watch(struct connection *c, uint32_t mask)
{
	struct epoll_event event = { .events = mask, .data.ptr = c };
	int operation = c->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(c->epoll_fd, operation, c->fd, &event) < 0)
		return -errno;
	c->is_watched = true;
	c->epoll_mask = mask;
	return 0;
}

static void finish(struct connection *c, int reason)
{
	if (c->is_over)
		return;
	c->is_over = true;
	unwatch(c);
	if (c->time_source)
		sd_event_source_set_enabled(c->time_source, SD_EVENT_OFF);
	c->host->over(c, reason, c->host->userdata);
}

static void want_turn(struct connection *c)
{
	if (c->is_turn_due)
		return;
	c->is_turn_due = true;
	c->host->due(c, c->host->userdata);
}

void connection_take_turn(struct connection *c)
{
	c->is_turn_due = false;
	advance(c);
}

/* Replies that may speak of what is not durable yet are held. */
static void check_hold(struct connection *c)
{
	if (output_size(&c->output) == c->held_from || !c->host->must_hold(c->host->userdata))
		return;
	c->is_held = true;
	c->host->held(c, c->host->userdata);
}

/* A kept call is answered from outside of advance(), so its reply needs a turn to get out. */
static int send_message(struct json_object *message, void *userdata)
{
	struct connection *c = userdata;
	int r;

	if (c->is_advancing || c->is_over)
		return output_append(&c->output, message);
	c->held_from = output_size(&c->output);
	r = output_append(&c->output, message);
	check_hold(c);
	if (r < 0)
		finish(c, r);
	else
		want_turn(c);
	return r;
}

static void skip_message(void *userdata)
{
	struct connection *c = userdata;

	if (!c->is_advancing && !c->is_over)
		want_turn(c);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connection *c = userdata;

	(void)source;
	(void)usec;
	finish(c, -ETIMEDOUT);
	return 0;
}

static int start_timer(struct connection *c)
{
	uint64_t usec = c->host->timeout_usec;
	int r;

	if (!c->time_source)
		return sd_event_add_time_relative(c->host->event, &c->time_source, CLOCK_MONOTONIC,
						  usec, 0, on_time, c);
	r = sd_event_source_set_time_relative(c->time_source, usec);
	return r < 0 ? r : sd_event_source_set_enabled(c->time_source, SD_EVENT_ONESHOT);
}

/*
 * The time runs from the first byte of a message to its last one, and from when output begins to
 * wait until all of it is taken: a byte now and then does not stop it.
 */
static int set_deadline(struct connection *c)
{
	enum deadline deadline = DEADLINE_NONE;

	if (!c->is_held && output_size(&c->output) > 0)
		deadline = DEADLINE_OUTPUT;
	else if (!c->is_held && c->call.state != CALL_KEPT && !frame_buffer_is_empty(&c->input))
		deadline = DEADLINE_INPUT;
	if (deadline == c->deadline && !c->is_progress)
		return 0;
	c->deadline = deadline;
	c->is_progress = false;
	if (deadline != DEADLINE_NONE)
		return start_timer(c);
	return c->time_source ? sd_event_source_set_enabled(c->time_source, SD_EVENT_OFF) : 0;
}

/* What the socket must be ready for before anything can be done. */
static uint32_t wanted_events(const struct connection *c)
{
	if (output_size(&c->output) > 0)
		return EPOLLOUT;
	return c->call.state == CALL_NONE && !c->is_at_end ? EPOLLIN : 0;
}

/*
 * Nothing is told to the kernel for every message: a connection whose turn is due or whose replies
 * are held stays as it is, and leaves the epoll only if something comes meanwhile.
 */
static int await_events(struct connection *c)
{
	uint32_t wanted = wanted_events(c);

	if (c->is_held || c->is_turn_due || (c->is_watched && wanted == c->epoll_mask))
		return 0;
	return watch(c, wanted);
}

/* A new call, or without TEXT the next reply of a stream. */
static int run_call(struct connection *c, const char *text, size_t length)
{
	int r;

	c->held_from = output_size(&c->output);
	if (text)
		c->owner.access = c->host->classify(&c->peer, c->host->userdata);
	r = text ? call_start(&c->call, &c->owner, text, length) : call_continue(&c->call);
	check_hold(c);
	if (text)
		c->host->called(c->host->userdata);
	return r;
}

/*
 * Does the next thing that can be done without waiting. Returns how much it was, or a negative
 * errno.
 */
static int step(struct connection *c)
{
	char *text;
	size_t length;
	int r;

	if (c->is_held)
		return STEP_NOTHING;
	if (output_size(&c->output) > 0) {
		r = output_flush(&c->output, c->fd);
		if (r < 0 || output_size(&c->output) > 0)
			return r;
		c->is_progress = true;
		return STEP_SMALL;
	}
	if (c->call.state == CALL_DONE) {
		call_done(&c->call);
		return STEP_SMALL;
	}
	if (c->call.state == CALL_RUNNING) {
		r = run_call(c, NULL, 0);
		return r < 0 ? r : STEP_CALL;
	}
	if (c->call.state == CALL_KEPT)
		return STEP_NOTHING;
	r = frame_buffer_next(&c->input, &text, &length);
	if (r <= 0)
		return r;
	c->is_progress = true;
	r = run_call(c, text, length);
	return r < 0 ? r : STEP_CALL;
}

static bool is_at_rest(const struct connection *c)
{
	return !c->is_held && c->call.state == CALL_NONE && output_size(&c->output) == 0;
}

/* Is there more to do without waiting for the socket? */
static bool can_go_on(const struct connection *c)
{
	return c->call.state == CALL_RUNNING ||
	       (c->call.state == CALL_NONE &&
		(c->is_at_end || frame_buffer_has_message(&c->input)));
}

/*
 * One turn: one call or one reply of a stream, and the way of what it answers to the socket. Then
 * it is the others' turn.
 */
static int take_steps(struct connection *c)
{
	bool is_called = false;
	int r;

	c->is_advancing = true;
	do {
		r = step(c);
		is_called |= r == STEP_CALL;
	} while (r > 0 &&
		 (!is_called || output_size(&c->output) > 0 || c->call.state == CALL_DONE));
	c->is_advancing = false;
	return r;
}

static void advance(struct connection *c)
{
	int r = take_steps(c);

	c->host->worked(c->host->userdata);
	if (r < 0)
		finish(c, r);
	else if (r == STEP_NOTHING && is_at_rest(c) && c->is_at_end)
		finish(c, 0);
	if (c->is_over)
		return;
	input_trim(&c->input);
	if (r > 0 && can_go_on(c))
		want_turn(c);
	r = await_events(c);
	if (r >= 0)
		r = set_deadline(c);
	if (r < 0)
		finish(c, r);
}

/* After EPOLLHUP nobody takes an answer; but what was sent before is still read and worked on. */
void connection_on_event(struct connection *c, uint32_t events)
{
	int r = 0;

	if (c->is_over)
		return;
	if (c->is_held || c->is_turn_due) {
		unwatch(c);
		return;
	}
	if (events & wanted_events(c) & EPOLLIN)
		r = input_read(&c->input, c->fd, &c->is_at_end);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -ECONNRESET;
	if (r < 0)
		finish(c, r);
	else
		advance(c);
}

int connection_new(struct connection_host *host, int fd, struct connection **ret)
{
	_cleanup_(connection_freep) struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->host = host;
	c->fd = -1;
	r = peer_init(&c->peer, fd);
	if (r < 0)
		return r;
	c->owner = (struct call_owner){
		.interfaces = host->interfaces,
		.n_interfaces = host->n_interfaces,
		.peer = &c->peer,
		.access = host->classify(&c->peer, host->userdata),
		.send = send_message,
		.skip = skip_message,
		.userdata = c,
	};
	c->is_writer = c->owner.access >= ACCESS_WRITER;
	c->epoll_fd = c->is_writer ? host->writers_epoll_fd : host->readers_epoll_fd;
	frame_buffer_init(&c->input,
			  c->is_writer ? host->writer_message_max : host->reader_message_max);
	c->fd = fd;
	r = watch(c, EPOLLIN);
	if (r < 0) {
		c->fd = -1;
		return r;
	}
	*ret = take_ptr(c);
	return 0;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	call_done(&c->call);
	sd_event_source_disable_unref(c->time_source);
	frame_buffer_done(&c->input);
	output_done(&c->output);
	peer_done(&c->peer);
	closep(&c->fd);
	free(c);
}

void connection_release(struct connection *c, const char *error, struct json_object *parameters)
{
	c->is_held = false;
	if (error) {
		output_truncate(&c->output, c->held_from);
		call_done(&c->call);
		if (output_append(&c->output,
				  envelope_error_build(error, json_object_get(parameters))) < 0) {
			finish(c, -ENOMEM);
			return;
		}
	}
	advance(c);
}
