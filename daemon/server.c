/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "cleanup.h"
#include "connection-list.h"
#include "turns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <syslog.h>

#define ACCEPTS_PER_TURN 32
#define QUIET_USEC (10 * UINT64_C(1000000)) /* between two lines of the log about refusals */
#define LISTEN_BURST 1000		    /* turns that take connections, in */
#define LISTEN_USEC (100 * UINT64_C(1000))
#define EVENTS_PER_COMMIT 256 /* so that clients in great numbers cannot put a commit off */
#define COMMIT_USEC 2000      /* nor clients with much work */

/* Who may only look waits for who may change something, and for the commit; not without an end. */
enum { COMMIT_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 10, READERS_PRIORITY };

const struct server_limits server_default_limits = {
	.connections = SERVER_CONNECTIONS_MAX,
	.connections_per_uid = SERVER_CONNECTIONS_PER_UID_MAX,
	.reader_message = SERVER_READER_MESSAGE_MAX,
	.writer_message = SERVER_WRITER_MESSAGE_MAX,
	.timeout_usec = SERVER_TIMEOUT_USEC,
};

struct server {
	struct connection_host host;
	struct turns writers, readers;
	struct server_limits limits;
	struct server_hooks hooks;
	struct server_counts counts;
	struct connection *all;	  /* every connection that is not over */
	struct connection *held;  /* those of them that wait for the commit */
	struct connection *ended; /* those that are over, to be freed */
	int listen_fd;
	int spare_fd; /* given up to accept and close a connection when there are no others left */
	unsigned int n_events_pending; /* since the first change to commit */
	uint64_t pending_since;	       /* us of CLOCK_MONOTONIC: the first change to commit */
	uint64_t quiet_until;	       /* the same: no refusal is logged before */
	sd_event_source *listen_source, *clock_source;
	sd_event_source *commit_source, *reap_source;
};

DEFINE_CLEANUP(struct connection *, connection_free)
DEFINE_CLEANUP(struct server *, server_free)

static void log_event(struct server *server, int level, int reason, const char *text)
{
	if (server->hooks.log)
		server->hooks.log(level, reason, text, server->hooks.userdata);
}

static enum varlink_access classify(const struct varlink_peer *peer, void *userdata)
{
	struct server *server = userdata;

	return server->hooks.classify(peer, server->hooks.userdata);
}

static bool must_hold(void *userdata)
{
	struct server *server = userdata;

	return server->hooks.is_pending && server->hooks.is_pending(server->hooks.userdata);
}

static void schedule_commit(struct server *server)
{
	if (must_hold(server))
		sd_event_source_set_enabled(server->commit_source, SD_EVENT_ONESHOT);
}

static void on_held(struct connection *c, void *userdata)
{
	struct server *server = userdata;

	connection_list_add(&server->held, c, connection_in_held);
	schedule_commit(server);
}

static void on_called(void *userdata)
{
	((struct server *)userdata)->counts.calls++;
	schedule_commit(userdata);
}

/*
 * The commit comes when no writer has anything left to do in this turn; or after so many events or
 * so much time, as clients that send a byte at a time would never leave nothing to do.
 */
static void on_worked(void *userdata)
{
	struct server *server = userdata;
	uint64_t now = turns_now();

	turns_hurry(&server->writers, now);
	turns_hurry(&server->readers, now);
	if (!must_hold(server))
		return;
	if (server->n_events_pending++ == 0)
		server->pending_since = now;
	if (server->n_events_pending == EVENTS_PER_COMMIT ||
	    now - server->pending_since > COMMIT_USEC)
		sd_event_source_set_priority(server->commit_source, SD_EVENT_PRIORITY_IMPORTANT);
}

void server_commit_soon(struct server *server)
{
	schedule_commit(server);
	on_worked(server);
}

static void on_due(struct connection *c, void *userdata)
{
	struct server *server = userdata;

	turns_add(connection_is_writer(c) ? &server->writers : &server->readers, c);
}

static void on_over(struct connection *c, int reason, void *userdata)
{
	struct server *server = userdata;

	connection_list_remove(c, connection_in_held);
	turns_remove(c);
	connection_list_remove(c, connection_in_all);
	connection_list_add(&server->ended, c, connection_in_all);
	sd_event_source_set_enabled(server->reap_source, SD_EVENT_ONESHOT);
	if (reason != 0 && reason != -ECONNRESET && reason != -EPIPE)
		log_event(server, LOG_INFO, reason, "a connection was closed");
}

static void free_connections(struct server *server, struct connection **list)
{
	for (struct connection *c; (c = *list); server->counts.connections--) {
		connection_list_remove(c, connection_in_all);
		connection_free(c);
	}
}

/* Frees what is over, from the event loop, where nobody holds it any more. */
static int on_reap(sd_event_source *source, void *userdata)
{
	struct server *server = userdata;

	(void)source;
	free_connections(server, &server->ended);
	if (server->counts.connections == 0 && server->hooks.idle)
		server->hooks.idle(server->hooks.userdata);
	return 0;
}

static const char *commit_changes(struct server *server, struct json_object **ret_parameters)
{
	const char *error = server->hooks.commit(ret_parameters, server->hooks.userdata);

	if (server->hooks.committed)
		server->hooks.committed(server->hooks.userdata);
	return error;
}

/* Releasing a connection can begin the next batch, so the list is emptied first. */
static int on_commit(sd_event_source *source, void *userdata)
{
	struct server *server = userdata;
	_cleanup_(json_putp) struct json_object *parameters = NULL;
	struct connection *released = NULL;
	const char *error = NULL;

	sd_event_source_set_priority(source, COMMIT_PRIORITY);
	server->n_events_pending = 0;
	if (must_hold(server))
		error = commit_changes(server, &parameters);
	connection_list_move(&released, &server->held, connection_in_held);
	while (released) {
		struct connection *c = released;

		connection_list_remove(c, connection_in_held);
		connection_release(c, error, parameters);
	}
	return 0;
}

static bool is_over_own_limit(struct server *server, const struct connection *c)
{
	uid_t payer = connection_peer(c)->payer;

	return payer != 0 && connection_list_count(server->all, payer, connection_in_all) >=
				     server->limits.connections_per_uid;
}

static void take_in(struct server *server, struct connection *c)
{
	connection_list_add(&server->all, c, connection_in_all);
	server->counts.connections++;
}

int server_add_connection(struct server *server, int fd)
{
	struct connection *c;
	int r = connection_new(&server->host, fd, &c);

	if (r == 0)
		take_in(server, c);
	return r;
}

/* Clients can cause these as often as they like. */
static void log_seldom(struct server *server, int reason, const char *text)
{
	uint64_t now;

	if (sd_event_now(server->host.event, CLOCK_MONOTONIC, &now) < 0 ||
	    now < server->quiet_until)
		return;
	server->quiet_until = now + QUIET_USEC;
	log_event(server, LOG_WARNING, reason, text);
}

/* Over a limit a connection is accepted and closed at once, so that the client hears of it. */
static void admit(struct server *server, int taken)
{
	_cleanup_(connection_freep) struct connection *c = NULL;
	_cleanup_(closep) int fd = taken;
	int r = -EUSERS;

	if (server->counts.connections < server->limits.connections &&
	    (r = connection_new(&server->host, fd, &c)) == 0)
		take_fd(&fd);
	if (r == 0 && is_over_own_limit(server, c))
		r = -EUSERS;
	if (r == 0)
		take_in(server, take_ptr(c));
	else
		log_seldom(server, r,
			   r == -EUSERS ? "a connection over the limit was refused"
					: "a connection could not be served");
	server->counts.refused += r == -EUSERS;
}

/* Without a free descriptor the waiting client would wake the loop again and again. */
static void refuse_one(struct server *server)
{
	closep(&server->spare_fd);
	server->spare_fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	server->counts.refused += server->spare_fd >= 0;
	closep(&server->spare_fd);
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_accept_error(struct server *server, int error)
{
	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	log_seldom(server, -error, "cannot accept a connection");
	if (error == EMFILE || error == ENFILE)
		refuse_one(server);
}

static int on_listen(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
	struct server *server = userdata;

	(void)source;
	(void)events;
	on_worked(server);
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			on_accept_error(server, errno);
			break;
		}
		admit(server, fd);
	}
	return 0;
}

static int on_clock(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)userdata;
	return 0;
}

/*
 * systemd clears O_NONBLOCK on what it passes, unless the unit says NonBlocking= (systemd.exec(5)).
 * An error of accept4() that does not go away must not eat the processor: the rate is limited, and
 * the timer that this takes is made before there are no descriptors left.
 */
int server_listen(struct server *server, int fd)
{
	sd_event *event = server->host.event;
	int flags = fcntl(fd, F_GETFL), r;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	r = sd_event_add_time_relative(event, &server->clock_source, CLOCK_MONOTONIC, 0, 0,
				       on_clock, server);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &server->listen_source, fd, EPOLLIN, on_listen, server);
	if (r < 0)
		return r;
	sd_event_source_set_ratelimit(server->listen_source, LISTEN_USEC, LISTEN_BURST);
	server->listen_fd = fd;
	return 0;
}

static int add_deferred(struct server *server, sd_event_source **ret, sd_event_handler_t handler,
			int64_t priority)
{
	int r = sd_event_add_defer(server->host.event, ret, handler, server);

	if (r < 0)
		return r;
	r = sd_event_source_set_priority(*ret, priority);
	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int server_new(sd_event *event, const struct varlink_interface *const *interfaces,
	       size_t n_interfaces, const struct server_limits *limits,
	       const struct server_hooks *hooks, struct server **ret)
{
	_cleanup_(server_freep) struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->limits = *limits;
	server->hooks = *hooks;
	server->counts.max_connections = limits->connections;
	server->listen_fd = -1;
	server->writers.epoll_fd = server->readers.epoll_fd = -1;
	server->host = (struct connection_host){
		.event = sd_event_ref(event),
		.interfaces = interfaces,
		.n_interfaces = n_interfaces,
		.classify = classify,
		.must_hold = must_hold,
		.held = on_held,
		.due = on_due,
		.over = on_over,
		.called = on_called,
		.worked = on_worked,
		.userdata = server,
		.reader_message_max = limits->reader_message,
		.writer_message_max = limits->writer_message,
		.timeout_usec = limits->timeout_usec,
	};
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (server->spare_fd < 0)
		return -errno;
	r = turns_init(&server->writers, event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = turns_init(&server->readers, event, READERS_PRIORITY);
	server->host.writers_epoll_fd = server->writers.epoll_fd;
	server->host.readers_epoll_fd = server->readers.epoll_fd;
	if (r >= 0)
		r = add_deferred(server, &server->commit_source, on_commit, COMMIT_PRIORITY);
	if (r >= 0)
		r = add_deferred(server, &server->reap_source, on_reap, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;
	*ret = take_ptr(server);
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	if (server->commit_source)
		on_commit(server->commit_source, server);
	free_connections(server, &server->all);
	free_connections(server, &server->ended);
	sd_event_source_disable_unref(server->listen_source);
	sd_event_source_disable_unref(server->clock_source);
	sd_event_source_disable_unref(server->commit_source);
	sd_event_source_disable_unref(server->reap_source);
	turns_done(&server->writers);
	turns_done(&server->readers);
	closep(&server->spare_fd);
	closep(&server->listen_fd);
	sd_event_unref(server->host.event);
	free(server);
}

struct server_counts server_get_counts(const struct server *server)
{
	return server->counts;
}
