/* SPDX-License-Identifier: MIT */
#include "turns.h"

#include "cleanup.h"
#include "connection-list.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#define EVENTS_PER_TURN 8 /* sockets that are looked at before those who can go on */
#define SLICE_USEC 100	  /* for those, between two looks at the sockets */

uint64_t turns_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int hear(int epoll_fd)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, 0);

	for (int i = 0; i < n; i++)
		connection_on_event(events[i].data.ptr, events[i].events);
	return 0;
}

static int on_epoll(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	(void)userdata;
	return hear(fd);
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

/* To sd-event this source is older than the sockets' one and would always come before it. */
static int on_due(sd_event_source *source, void *userdata)
{
	struct turns *turns = userdata;
	struct connection *c;
	uint64_t end;

	hear(turns->epoll_fd);
	end = turns_now() + SLICE_USEC;
	while ((c = take_due(turns))) {
		connection_take_turn(c);
		if (turns_now() >= end)
			break;
	}
	return turns->due || turns->later ? sd_event_source_set_enabled(source, SD_EVENT_ONESHOT)
					  : 0;
}

int turns_init(struct turns *turns, sd_event *event, int64_t priority)
{
	int r;

	*turns = (struct turns){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (turns->epoll_fd < 0)
		return -errno;
	r = sd_event_add_io(event, &turns->epoll_source, turns->epoll_fd, EPOLLIN, on_epoll, turns);
	if (r >= 0)
		r = sd_event_source_set_priority(turns->epoll_source, priority);
	if (r >= 0)
		r = sd_event_add_defer(event, &turns->due_source, on_due, turns);
	if (r >= 0)
		r = sd_event_source_set_priority(turns->due_source, priority);
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
