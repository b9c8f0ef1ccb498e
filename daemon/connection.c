/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include "cleanup.h"
#include "frame.h"
#include "output.h"
#include "peer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define STEPS_PER_TURN 32	  /* calls or stream replies before others get their turn */
#define KEPT_INPUT_CAPACITY 16384 /* a larger buffer is given back once it is empty */

/* What the timer of a connection waits for. */
enum deadline { DEADLINE_NONE, DEADLINE_INPUT, DEADLINE_OUTPUT };

struct connection {
	struct connection_host *host;
	int fd;
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
	bool is_turn_due;  /* turn_source is on */
	bool is_progress;  /* since the deadline was set a message came in or went out whole */
	uint32_t epoll_mask;
	enum deadline deadline;
	sd_event_source *io_source;
	sd_event_source *time_source;
	sd_event_source *turn_source; /* the next turn, without waiting for the socket */
	struct connection_links in_all, in_held;
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

const struct varlink_peer *connection_peer(const struct connection *c)
{
	return &c->peer;
}

static void finish(struct connection *c, int reason)
{
	if (c->is_over)
		return;
	c->is_over = true;
	sd_event_source_set_enabled(c->io_source, SD_EVENT_OFF);
	if (c->time_source)
		sd_event_source_set_enabled(c->time_source, SD_EVENT_OFF);
	c->host->over(c, reason, c->host->userdata);
}

static int take_turn(struct connection *c)
{
	c->is_turn_due = true;
	return sd_event_source_set_enabled(c->turn_source, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct connection *c = userdata;

	(void)source;
	c->is_turn_due = false;
	if (!c->is_over)
		advance(c);
	return 0;
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
	if (r < 0 || take_turn(c) < 0)
		finish(c, -ENOMEM);
	return r;
}

static void skip_message(void *userdata)
{
	struct connection *c = userdata;

	if (!c->is_advancing && !c->is_over && take_turn(c) < 0)
		finish(c, -ENOMEM);
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

/*
 * Only what can be worked on now is asked for. That the client is gone is always heard, except
 * while its replies are held: it would be heard again and again, and the commit never come.
 */
static int set_epoll_mask(struct connection *c)
{
	uint32_t mask = 0;
	int r = sd_event_source_set_enabled(c->io_source, c->is_held ? SD_EVENT_OFF : SD_EVENT_ON);

	if (r < 0)
		return r;
	if (output_size(&c->output) > 0 && !c->is_held)
		mask = EPOLLOUT;
	else if (c->call.state == CALL_NONE && !c->is_at_end && !c->is_turn_due && !c->is_held)
		mask = EPOLLIN;
	if (mask == c->epoll_mask)
		return 0;
	c->epoll_mask = mask;
	return sd_event_source_set_io_events(c->io_source, mask);
}

static int start_call(struct connection *c, const char *text, size_t length)
{
	int r;

	c->owner.access = c->host->classify(&c->peer, c->host->userdata);
	c->held_from = output_size(&c->output);
	r = call_start(&c->call, &c->owner, text, length);
	check_hold(c);
	c->host->called(c->host->userdata);
	return r;
}

static int continue_call(struct connection *c)
{
	int r;

	if (!c->call.next)
		return -EPROTO;
	c->held_from = output_size(&c->output);
	r = call_continue(&c->call);
	check_hold(c);
	return r;
}

/*
 * Does the next thing that can be done without waiting. Returns 1 if it did something, 0 if there
 * is nothing to do, or a negative errno.
 */
static int step(struct connection *c)
{
	char *text;
	size_t length;
	int r;

	if (c->is_held)
		return 0;
	if (output_size(&c->output) > 0) {
		r = output_flush(&c->output, c->fd);
		if (r < 0 || output_size(&c->output) > 0)
			return r;
		c->is_progress = true;
		return 1;
	}
	if (c->call.state == CALL_DONE) {
		call_done(&c->call);
		return 1;
	}
	if (c->call.state == CALL_RUNNING) {
		r = continue_call(c);
		return r < 0 ? r : 1;
	}
	if (c->call.state == CALL_KEPT)
		return 0;
	r = frame_buffer_next(&c->input, &text, &length);
	if (r <= 0)
		return r;
	c->is_progress = true;
	r = start_call(c, text, length);
	return r < 0 ? r : 1;
}

static bool is_at_rest(const struct connection *c)
{
	return !c->is_held && c->call.state == CALL_NONE && output_size(&c->output) == 0;
}

static void advance(struct connection *c)
{
	int r = 1;

	c->is_advancing = true;
	for (int i = 0; i < STEPS_PER_TURN && r > 0; i++)
		r = step(c);
	c->is_advancing = false;
	c->host->worked(c->host->userdata);
	if (r < 0)
		finish(c, r);
	else if (r == 0 && is_at_rest(c) && c->is_at_end)
		finish(c, 0);
	if (c->is_over)
		return;
	if (frame_buffer_is_empty(&c->input) && c->input.capacity > KEPT_INPUT_CAPACITY)
		frame_buffer_done(&c->input);
	r = r > 0 ? take_turn(c) : 0;
	if (r >= 0)
		r = set_epoll_mask(c);
	if (r >= 0)
		r = set_deadline(c);
	if (r < 0)
		finish(c, r);
}

static int read_input(struct connection *c)
{
	char *space;
	size_t size;
	ssize_t n;
	int r = frame_buffer_reserve(&c->input, &space, &size);

	if (r < 0)
		return r;
	n = recv(c->fd, space, size, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		c->is_at_end = true;
	frame_buffer_commit(&c->input, (size_t)n);
	return 0;
}

/* After EPOLLHUP nobody takes an answer; but what was sent before is still read and worked on. */
static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct connection *c = userdata;
	int r = 0;

	(void)source;
	(void)fd;
	if (c->is_over)
		return 0;
	if (c->epoll_mask & events & EPOLLIN)
		r = read_input(c);
	else if (events & (EPOLLHUP | EPOLLERR) && !c->is_held && !c->is_turn_due)
		r = -ECONNRESET;
	if (r < 0)
		finish(c, r);
	else
		advance(c);
	return 0;
}

static int add_sources(struct connection *c)
{
	int r;

	c->epoll_mask = EPOLLIN;
	r = sd_event_add_io(c->host->event, &c->io_source, c->fd, EPOLLIN, on_io, c);
	if (r < 0)
		return r;
	r = sd_event_add_defer(c->host->event, &c->turn_source, on_turn, c);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(c->turn_source, SD_EVENT_OFF);
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
	frame_buffer_init(&c->input, c->owner.access >= ACCESS_WRITER ? host->writer_message_max
								      : host->reader_message_max);
	c->fd = fd;
	r = add_sources(c);
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
	sd_event_source_disable_unref(c->io_source);
	sd_event_source_disable_unref(c->time_source);
	sd_event_source_disable_unref(c->turn_source);
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
