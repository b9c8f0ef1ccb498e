/* SPDX-License-Identifier: MIT */

/*
 * Calls that are started and end in a callback, without waiting for anything. All of it happens in
 * subidd_client_process(); where a callback may have freed the client, functions return whether it
 * is still there.
 */

#include "call.h"
#include "cleanup.h"
#include "stream.h"
#include "transport.h"

#include <errno.h>

/* A socket whose backlog is full tells nobody when there is room again. */
#define CONNECT_RETRY_USEC 10000

/* Where an item of any stream is decoded into. */
union item {
	struct subidd_allocation allocation;
	struct subidd_event event;
};

/* Are started calls under way? Otherwise there is none, or that of an iterator. */
static bool has_started(const struct subidd_client *client)
{
	return client->calls.first && client->calls.first->is_started;
}

/*
 * A monitor that was given up would be answered for ever: once none before it waits for an answer,
 * the connection is closed, and the calls behind it go over another one.
 */
static bool must_unblock(const struct subidd_client *client)
{
	return client->is_blocked && client->calls.first->message.object;
}

static void unblock(struct subidd_client *client)
{
	client_disconnect(client);
	client->calls.first->n_skip = 0;
}

/*
 * The moment at which there is something to do, whatever comes in until then; or an earlier one,
 * because the earliest of the deadlines is only looked for when it has passed.
 */
static uint64_t next_time(const struct subidd_client *client)
{
	if (client->failed.first)
		return 0;
	if (!has_started(client))
		return UINT64_MAX;
	if (client->is_due || must_unblock(client))
		return 0;
	if (client->retry_at > 0 && client->retry_at < client->earliest)
		return client->retry_at;
	return client->earliest;
}

/* Tells the descriptor what to wait for. */
static void update_wakeup(struct subidd_client *client)
{
	uint64_t time = next_time(client);
	short events = 0;

	if (client->fd >= 0 && has_started(client))
		events = client_events(client);
	if (client->fd >= 0 && wakeup_watch(&client->wakeup, client->fd, events) < 0 &&
	    deadline_after(CONNECT_RETRY_USEC) < time)
		time = deadline_after(CONNECT_RETRY_USEC);
	wakeup_at(&client->wakeup, time);
}

/* Has a call fail, which its callback will be told by tell_failed(). */
static void fail_call(struct subidd_call *call, int error, bool is_connecting)
{
	call_leave(call);
	call->error = error;
	call->is_connecting = is_connecting;
	call_enter(call, &call->client->failed);
}

/* The connection is lost, and with it all calls. */
static void fail_calls(struct subidd_client *client, int error, bool is_connecting)
{
	client_disconnect(client);
	while (client->calls.first)
		fail_call(client->calls.first, error, is_connecting);
}

/* What has come is no reply: that is the failure of the call that it was for. */
static void fail_reply(struct subidd_client *client, int error)
{
	fail_call(client->calls.first, error, false);
	fail_calls(client, -ECONNRESET, false);
}

static bool tell(struct subidd_call *call, int r, void *result)
{
	struct subidd_client *client = call->client;
	bool is_gone = false;

	client->is_gone = &is_gone;
	call->is_told = true;
	call->kind->tell(call, r, result);
	call->is_told = false;
	if (!is_gone)
		client->is_gone = NULL;
	return !is_gone;
}

/* Tells a call, which is in no list any more, for the last time, and frees it. */
static bool tell_end(struct subidd_call *call, int r, void *result)
{
	bool is_there = tell(call, r, result);

	call_dispose(call);
	return is_there;
}

/* Ends a call that was answered, with R. */
static bool end_call(struct subidd_call *call, int r, void *result)
{
	struct subidd_client *client = call->client;

	call_leave(call);
	if (client->fd < 0)
		fail_calls(client, -ECONNRESET, false);
	return tell_end(call, r, result);
}

/* Tells those that have failed. None is added meanwhile, as nothing is sent or received. */
static bool tell_failed(struct subidd_client *client)
{
	while (client->failed.first) {
		struct subidd_call *call = client->failed.first;
		int r;

		client_forget(client);
		if (call->is_connecting)
			r = client_fail_to_connect(client, call->error, call->timeout);
		else
			r = client_fail_transport(client, call->error, call->timeout);
		call_leave(call);
		if (!tell_end(call, r, NULL))
			return false;
	}
	return true;
}

/* What is left after the callback of a stream was called. */
enum left { CLIENT_GONE, CALL_GONE, ALL_THERE };

static enum left tell_item(struct subidd_call *call, int r, void *item)
{
	bool is_there = tell(call, r, item);

	if (is_there && !call->is_freed)
		return ALL_THERE;
	call_dispose(call);
	return is_there ? CALL_GONE : CLIENT_GONE;
}

/* Tells a stream of the items of a reply; the first reply of a live one alone is news as well. */
static enum left tell_page(struct subidd_call *call, struct page *page, int *ret,
			   const char **wrong)
{
	struct subidd_client *client = call->client;
	enum left left = ALL_THERE;
	union item item;

	*ret = 0;
	if (call->kind->is_live && !call->has_begun)
		left = tell_item(call, client_fail(client, -EAGAIN, "nothing has happened yet"),
				 NULL);
	while (left == ALL_THERE) {
		*ret = page_next(page, call->kind, &item, wrong);
		if (*ret <= 0)
			break;
		client_forget(client);
		left = tell_item(call, 1, &item);
	}
	return left;
}

static bool take_page(struct subidd_call *call, struct envelope_reply *reply)
{
	_cleanup_(page_done) struct page page = {};
	struct subidd_client *client = call->client;
	const char *wrong = NULL;
	enum left left = ALL_THERE;
	int r;

	call->is_answered = !reply->continues;
	r = page_open(&page, call->kind, reply, &wrong);
	if (r == 0)
		left = tell_page(call, &page, &r, &wrong);
	if (left != ALL_THERE)
		return left == CALL_GONE;
	client_forget(client);
	if (r < 0)
		return end_call(call, client_undecodable(client, r, wrong), NULL);
	if (call->is_answered)
		return end_call(call, 0, NULL);
	call->has_begun = true;
	call->deadline = call->kind->is_live ? UINT64_MAX : deadline_after(call->timeout);
	return true;
}

/* An answer that nobody waits for any more. */
static bool skip_reply(struct subidd_call *call, const struct envelope_reply *reply)
{
	call->n_skip -= !reply->continues;
	return true;
}

static bool take_message(struct subidd_client *client, const char *text, size_t length)
{
	_cleanup_(envelope_reply_done) struct envelope_reply reply = {};
	struct subidd_call *call = client->calls.first;
	void *result = NULL;
	int r;

	r = client_parse_reply(text, length, &reply);
	if (r < 0) {
		fail_reply(client, r);
		return true;
	}
	if (call->n_skip > 0)
		return skip_reply(call, &reply);
	client_forget(client);
	if (!reply.error && call->kind->is_stream)
		return take_page(call, &reply);
	call->is_answered = true;
	if (reply.error)
		r = client_refused(client, &reply);
	else
		r = call_decode(call, &reply, &result);
	return end_call(call, r, result);
}

/* Reads once, and takes all that is whole. */
static bool receive(struct subidd_client *client)
{
	size_t length;
	char *text;
	int r;

	r = transport_receive(client->fd, &client->in);
	while (r == 0) {
		if (!has_started(client) || !client_is_in_use(client))
			return true;
		r = frame_buffer_next(&client->in, &text, &length);
		if (r == 0)
			return true;
		if (r > 0 && !take_message(client, text, length))
			return false;
		r = r > 0 ? 0 : r;
	}
	if (r == -EMSGSIZE)
		fail_reply(client, r);
	else if (r != -EAGAIN)
		fail_calls(client, r, false);
	return true;
}

/* Has those fail whose time is over. */
static void expire(struct subidd_client *client)
{
	uint64_t now = monotonic_now(), earliest = UINT64_MAX;
	struct subidd_call *next;

	if (now < client->earliest || !has_started(client))
		return;
	for (struct subidd_call *call = client->calls.first; call; call = next) {
		next = call->next;
		if (call->deadline <= now)
			fail_call(call, -ETIMEDOUT, false);
		else if (call->deadline < earliest)
			earliest = call->deadline;
	}
	client->earliest = earliest;
}

static void send_calls(struct subidd_client *client)
{
	int r;

	client->is_due = false;
	client->retry_at = 0;
	if (!has_started(client))
		return;
	if (must_unblock(client))
		unblock(client);
	r = client_connect(client, TRANSPORT_NO_WAIT);
	if (r == -EAGAIN) {
		client->retry_at = deadline_after(CONNECT_RETRY_USEC);
		return;
	}
	if (r < 0) {
		fail_calls(client, r, true);
		return;
	}
	r = client_flush(client);
	if (r < 0)
		fail_calls(client, r, false);
}

int subidd_client_process(struct subidd_client *client)
{
	bool is_there = true;

	if (client->is_gone)
		return client_fail(client, -EBUSY, "a callback of this client is at work");
	if (client->calls.first && !has_started(client))
		return client_fail(client, -EBUSY, "an iterator of this client is not at its end");
	if (client_is_in_use(client))
		is_there = receive(client);
	if (!is_there)
		return 0;
	expire(client);
	send_calls(client);
	if (tell_failed(client))
		update_wakeup(client);
	return 0;
}

int call_start(struct subidd_call *call, union call_callback callback, void *userdata,
	       struct subidd_call **ret)
{
	_cleanup_(call_freep) struct subidd_call *own = call;
	struct subidd_client *client = call->client;

	if (!callback.result)
		return client_fail(client, -EINVAL, "callback is missing");
	if (client->calls.last && (!has_started(client) || client->calls.last->kind->is_live))
		return client_fail(client, -EBUSY, "an iterator of this client is not at its end");
	call->callback = callback;
	call->userdata = userdata;
	call->is_started = true;
	if (!client->calls.first || call->deadline < client->earliest)
		client->earliest = call->deadline;
	call_enter(take_ptr(own), &client->calls);
	client->is_due = true;
	update_wakeup(client);
	if (ret)
		*ret = call;
	return 0;
}

struct subidd_call *subidd_call_free(struct subidd_call *call)
{
	struct subidd_client *client = call ? call->client : NULL;

	call_free(call);
	if (client)
		update_wakeup(client);
	return NULL;
}

int subidd_client_get_poll_fd(struct subidd_client *client)
{
	int fd = wakeup_open(&client->wakeup);

	if (fd >= 0)
		update_wakeup(client);
	return fd;
}
