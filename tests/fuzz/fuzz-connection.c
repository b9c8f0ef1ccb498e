/* SPDX-License-Identifier: MIT */

/*
 * Connections to a server with a real allocator and store behind it. An input is lines:
 *
 *   0{...}  a message on connection 0 (to 3), made with its first use
 *   a{...}  the same on connection 0 (to d), but without its NUL: the next one goes on with it
 *   +       let the loop run; until here all that was sent waits together
 *   =r      all clients are readers from here on; =w writers, =a root
 *   h0      close it for writing; x0: altogether
 *   p, p3   a pass over the processes that finds nothing, or one in unit 3; l: none can be made
 *   k12     the kubelet serves pod1 with unit 2; v1: no more
 *   e5      the process 5 has ended; there are those from 1 to 8, which map the units 0 to 6
 *   r       open the store again in the end
 *
 * Every call gets its replies, in order, whatever else comes in; and in the end the rows are what
 * they may be.
 */

#include "fuzz.h"

#include "call.h"
#include "cleanup.h"
#include "world.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LINKS 4
#define BUFFER_SIZE (4u << 20)

struct bytes {
	char *data;
	size_t size, room;
};

struct link {
	int fd; /* -1: not made yet, or closed */
	struct bytes sent, got;
	bool is_half_closed, is_at_end;
};

struct run {
	struct world *world;
	struct link links[LINKS];
	bool must_restart;
};

static void append(struct bytes *bytes, const char *data, size_t size)
{
	if (bytes->size + size > bytes->room) {
		bytes->room = 2 * (bytes->size + size);
		bytes->data = realloc(bytes->data, bytes->room);
		CHECK(bytes->data && bytes->room < BUFFER_SIZE);
	}
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

/* Takes the next message out of bytes, from *AT on; NULL if there is none. */
static const char *next_message(const struct bytes *bytes, size_t *at, size_t *ret_length)
{
	const char *text, *nul;

	if (*at == bytes->size)
		return NULL;
	text = bytes->data + *at;
	nul = memchr(text, 0, bytes->size - *at);
	if (!nul)
		return NULL;
	*ret_length = (size_t)(nul - text);
	*at += *ret_length + 1;
	return text;
}

static const struct json_limits limits = { MESSAGE_DEPTH_MAX, MESSAGE_CONTAINERS_MAX,
					   READER_MESSAGE_VALUES_MAX };

/* Counts the calls of a connection that want an answer; says whether a wrong message follows. */
static size_t count_calls(const struct bytes *sent, bool *ret_is_wrong)
{
	const char *text;
	size_t at = 0, length, n = 0;

	*ret_is_wrong = true;
	while ((text = next_message(sent, &at, &length))) {
		_cleanup_(envelope_call_done) struct envelope_call call = {};

		if (length > WORLD_MESSAGE_MAX ||
		    envelope_call_parse(text, length, &limits, &call) < 0)
			return n;
		n += !call.oneway;
	}
	*ret_is_wrong = sent->size - at > WORLD_MESSAGE_MAX;
	return n;
}

/* Takes out the call of that number, of those that want an answer; there is one. */
static void find_call(const struct bytes *sent, size_t number, struct envelope_call *ret)
{
	const char *text;
	size_t at = 0, length;

	while ((text = next_message(sent, &at, &length))) {
		_cleanup_(envelope_call_done) struct envelope_call call = {};

		CHECK(envelope_call_parse(text, length, &limits, &call) == 0);
		if (!call.oneway && number-- == 0) {
			*ret = call;
			call = (struct envelope_call){};
			return;
		}
	}
	CHECK(text); /* more replies than calls */
}

static bool is_monitor(const struct bytes *sent, size_t number)
{
	_cleanup_(envelope_call_done) struct envelope_call call = {};

	find_call(sent, number, &call);
	return call.more && strcmp(call.method, "io.subidd.Allocator.Monitor") == 0;
}

static bool wants_more(const struct bytes *sent, size_t number)
{
	_cleanup_(envelope_call_done) struct envelope_call call = {};

	find_call(sent, number, &call);
	return call.more;
}

/* Counts the last replies; each reply must be one, and only one that asked gets several. */
static size_t count_replies(const struct bytes *got, const struct bytes *sent)
{
	const char *text;
	size_t at = 0, length, n = 0;

	while ((text = next_message(got, &at, &length))) {
		_cleanup_(envelope_reply_done) struct envelope_reply reply = {};

		CHECK(envelope_reply_parse(text, length, &limits, &reply) == 0);
		CHECK(!reply.error || strncmp(reply.error, "io.subidd.Allocator.", 20) == 0 ||
		      strncmp(reply.error, "org.varlink.service.", 20) == 0);
		CHECK(!reply.continues || wants_more(sent, n));
		n += !reply.continues;
	}
	CHECK(at == got->size);
	return n;
}

static void check_link(const struct link *link)
{
	bool is_wrong;
	size_t n_calls = count_calls(&link->sent, &is_wrong);
	size_t n_replies = count_replies(&link->got, &link->sent);

	CHECK(n_replies <= n_calls);
	if (link->fd < 0)
		return;
	if (n_replies < n_calls)
		CHECK(is_monitor(&link->sent, n_replies) && !link->is_at_end);
	else
		CHECK(link->is_at_end == (is_wrong || link->is_half_closed));
}

/* Takes what has come. Returns whether there was anything. */
static bool receive(struct link *link)
{
	static char buffer[65536];
	ssize_t n;

	if (link->fd < 0 || link->is_at_end)
		return false;
	n = recv(link->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	if (n > 0)
		append(&link->got, buffer, (size_t)n);
	if (n < 0 && errno == EAGAIN)
		return false;
	link->is_at_end = n <= 0;
	return true;
}

static void run_all(struct run *run)
{
	bool is_more = true;

	while (is_more) {
		world_run(run->world);
		is_more = false;
		for (size_t i = 0; i < LINKS; i++)
			is_more |= receive(&run->links[i]);
	}
}

static void send_bytes(struct run *run, struct link *link, const char *text, size_t length)
{
	ssize_t n;

	if (link->fd < 0 && !link->sent.data)
		link->fd = world_connect(run->world);
	if (link->fd < 0 || link->is_half_closed)
		return;
	n = send(link->fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		append(&link->sent, text, (size_t)n);
	CHECK(n == (ssize_t)length || errno == EPIPE || errno == ECONNRESET);
}

static void close_link(struct link *link, char how)
{
	if (link->fd < 0)
		return;
	if (how == 'h') {
		link->is_half_closed = true;
		shutdown(link->fd, SHUT_WR);
	} else {
		closep(&link->fd);
		link->fd = -1;
	}
}

static int digit(const char *line, size_t at, size_t length, int below)
{
	return at < length && isdigit((unsigned char)line[at]) ? (line[at] - '0') % below : -1;
}

/* What is not a message. */
static void do_else(struct run *run, const char *line, size_t length)
{
	int first = digit(line, 1, length, 10), second = digit(line, 2, length, WORLD_UNITS);

	switch (*line) {
	case '+':
		run_all(run);
		break;
	case '=':
		if (length > 1)
			world_set_access(run->world, line[1] == 'r'   ? ACCESS_READER
						     : line[1] == 'w' ? ACCESS_WRITER
								      : ACCESS_ROOT);
		break;
	case 'h':
	case 'x':
		if (first >= 0)
			close_link(&run->links[first % LINKS], *line);
		break;
	case 'p':
		world_pass(run->world, first < 0 ? -1 : first % WORLD_UNITS);
		break;
	case 'l':
		world_lose_sight(run->world);
		break;
	case 'k':
		if (first >= 0 && second >= 0)
			world_adopt(run->world, first, (uint32_t)second);
		break;
	case 'v':
		world_vanish(run->world, first);
		break;
	case 'e':
		world_end_process(run->world, (uint32_t)first);
		break;
	case 'r':
		run->must_restart = true;
	}
}

static void do_line(struct run *run, char *line, size_t length)
{
	if (length == 0)
		return;
	if (*line >= '0' && *line < '0' + LINKS)
		send_bytes(run, &run->links[*line - '0'], line + 1, length); /* and the NUL */
	else if (*line >= 'a' && *line < 'a' + LINKS && length > 1)
		send_bytes(run, &run->links[*line - 'a'], line + 1, length - 1);
	else
		do_else(run, line, length);
}

static void finish(struct run *run)
{
	run_all(run);
	for (size_t i = 0; i < LINKS; i++) {
		struct link *link = &run->links[i];

		check_link(link);
		closep(&link->fd);
		free(link->sent.data);
		free(link->got.data);
	}
	world_run(run->world);
	world_check(run->world);
	if (run->must_restart) {
		world_restart(run->world);
		world_check(run->world);
	}
	world_free(run->world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = malloc(size + 1);
	struct run run = { .world = world_new() };
	char *line, *newline;

	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\n';
	for (size_t i = 0; i < LINKS; i++)
		run.links[i].fd = -1;
	for (line = text; line < text + size; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(text + size + 1 - line));
		*newline = '\0';
		do_line(&run, line, (size_t)(newline - line));
	}
	finish(&run);
	return 0;
}
