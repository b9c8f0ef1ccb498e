/* SPDX-License-Identifier: MIT */
#include "turns.h"

#include "cleanup.h"
#include "connection-list.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#define EVENTS_PER_TURN 8  /* sockets that are looked at before those who can go on */
#define SLICE_USEC 100	   /* for those, between two looks at the sockets */
#define PATIENCE_USEC 5000 /* without any turn */

uint64_t turns_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void hear(int epoll_fd)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, 0);

	for (int i = 0; i < n; i++)
		connection_on_event(events[i].data.ptr, events[i].events);
}

/* Each has one turn in a round. */
static struct connection *take_due(struct turns *turns)
{
	struct connection *c;

	if (!turns->due)
		connection_list_move(&turns->due, &turns->later, connection_in_due);
	c = turns->due;
	if (c)
		connection_list_remove(c, connection_in_due);
	return c;
}

/*
 * What is deferred is older to sd-event than all events, and would always come before those of the
 * same priority: new connections, time limits, the daemon's own work. So it comes behind them.
 */
static int set_priority(struct turns *turns, int64_t priority)
{
	int r = sd_event_source_set_priority(turns->epoll_source, priority);

	return r < 0 ? r : sd_event_source_set_priority(turns->due_source, priority + 1);
}

static int run(struct turns *turns)
{
	struct connection *c;
	uint64_t end;

	turns->ran_at = turns_now();
	hear(turns->epoll_fd);
	end = turns_now() + SLICE_USEC;
	while ((c = take_due(turns))) {
		connection_take_turn(c);
		if (turns_now() >= end)
			break;
	}
	if (turns->is_hurried)
		set_priority(turns, turns->priority);
	turns->is_hurried = false;
	return sd_event_source_set_enabled(
		turns->due_source, turns->due || turns->later ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_epoll(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	return run(userdata);
}

static int on_due(sd_event_source *source, void *userdata)
{
	(void)source;
	return run(userdata);
}

void turns_hurry(struct turns *turns, uint64_t now)
{
	if (turns->is_hurried || now - turns->ran_at < PATIENCE_USEC)
		return;
	turns->is_hurried = true;
	set_priority(turns, SD_EVENT_PRIORITY_IMPORTANT);
}

int turns_init(struct turns *turns, sd_event *event, int64_t priority)
{
	int r;

	*turns = (struct turns){
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.priority = priority,
		.ran_at = turns_now(),
	};
	if (turns->epoll_fd < 0)
		return -errno;
	r = sd_event_add_io(event, &turns->epoll_source, turns->epoll_fd, EPOLLIN, on_epoll, turns);
	if (r >= 0)
		r = sd_event_add_defer(event, &turns->due_source, on_due, turns);
	if (r >= 0)
		r = set_priority(turns, priority);
	return r < 0 ? r : sd_event_source_set_enabled(turns->due_source, SD_EVENT_OFF);
}

void turns_done(struct turns *turns)
{
	sd_event_source_disable_unref(turns->epoll_source);
	sd_event_source_disable_unref(turns->due_source);
	closep(&turns->epoll_fd);
}

void turns_add(struct turns *turns, struct connection *c)
{
	connection_list_add(&turns->later, c, connection_in_due);
	sd_event_source_set_enabled(turns->due_source, SD_EVENT_ONESHOT);
}

void turns_remove(struct connection *c)
{
	connection_list_remove(c, connection_in_due);
}
