/* SPDX-License-Identifier: MIT */
#include "wakeup.h"

#include "cleanup.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)

void wakeup_init(struct wakeup *wakeup)
{
	*wakeup = (struct wakeup){ .epoll = -1, .timer = -1, .armed = UINT64_MAX };
}

void wakeup_done(struct wakeup *wakeup)
{
	closep(&wakeup->timer);
	closep(&wakeup->epoll);
	wakeup_init(wakeup);
}

int wakeup_open(struct wakeup *wakeup)
{
	struct epoll_event event = { .events = EPOLLIN };
	_cleanup_(closep) int epoll = -1, timer = -1;

	if (wakeup->epoll >= 0)
		return wakeup->epoll;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) < 0)
		return -errno;
	wakeup->timer = take_fd(&timer);
	wakeup->epoll = take_fd(&epoll);
	return wakeup->epoll;
}

int wakeup_watch(struct wakeup *wakeup, int fd, short events)
{
	/* the bits of epoll(7) are those of poll(2) */
	struct epoll_event event = { .events = (uint32_t)events };
	int operation = EPOLL_CTL_MOD;

	if (wakeup->epoll < 0 || events == wakeup->events)
		return 0;
	if (events == 0)
		operation = EPOLL_CTL_DEL;
	else if (wakeup->events == 0)
		operation = EPOLL_CTL_ADD;
	if (epoll_ctl(wakeup->epoll, operation, fd, &event) < 0)
		return -errno;
	wakeup->events = events;
	return 0;
}

void wakeup_at(struct wakeup *wakeup, uint64_t usec)
{
	struct itimerspec when = {
		.it_value = { (time_t)(usec / USEC_PER_SEC), (long)(usec % USEC_PER_SEC * 1000) },
	};

	if (wakeup->epoll < 0 || usec == wakeup->armed)
		return;
	/* all zero would be never */
	if (usec == 0)
		when.it_value.tv_nsec = 1;
	if (usec == UINT64_MAX)
		when.it_value = (struct timespec){};
	timerfd_settime(wakeup->timer, TFD_TIMER_ABSTIME, &when, NULL);
	wakeup->armed = usec;
}
