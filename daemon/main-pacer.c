/* SPDX-License-Identifier: MIT */
#include "main-pacer.h"

#include "cleanup.h"

#include <errno.h>
#include <time.h>

#define ACCURACY_USEC 1 /* the event loop's own is 250 ms, and 0 stands for it */

struct pacer {
	sd_event_source *timer;
	int (*step)(void *userdata);
	void (*done)(int r, void *userdata);
	void *userdata;
	bool is_at_work;
	uint64_t cost;
};

DEFINE_CLEANUP(struct pacer *, pacer_free)

/* The loop's own time stands still while a slice is at work. */
static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static int wait_until(struct pacer *pacer, uint64_t usec)
{
	int r = sd_event_source_set_time(pacer->timer, usec);

	if (r >= 0)
		r = sd_event_source_set_enabled(pacer->timer, SD_EVENT_ONESHOT);
	return r < 0 ? r : 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pacer *pacer = userdata;
	uint64_t began = now(), at;
	int r;

	(void)source;
	(void)usec;
	do {
		r = pacer->step(pacer->userdata);
		at = now();
	} while (r == 1 && pacer->is_at_work && at - began < PACER_SLICE_USEC);
	pacer->cost += at - began;
	if (!pacer->is_at_work)
		return 0;
	if (r > 0)
		return wait_until(pacer, at + (uint64_t)r * PACER_PAUSE_USEC);
	pacer->is_at_work = false;
	pacer->done(r, pacer->userdata);
	return 0;
}

int pacer_new(sd_event *event, int64_t priority, int (*step)(void *userdata),
	      void (*done)(int r, void *userdata), void *userdata, struct pacer **ret)
{
	_cleanup_(pacer_freep) struct pacer *pacer = calloc(1, sizeof(*pacer));
	int r;

	if (!pacer)
		return -ENOMEM;
	pacer->step = step;
	pacer->done = done;
	pacer->userdata = userdata;
	r = sd_event_add_time(event, &pacer->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_timer,
			      pacer);
	if (r >= 0)
		r = sd_event_source_set_enabled(pacer->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(pacer->timer, priority);
	if (r < 0)
		return r;
	*ret = take_ptr(pacer);
	return 0;
}

void pacer_free(struct pacer *pacer)
{
	if (!pacer)
		return;
	sd_event_source_disable_unref(pacer->timer);
	free(pacer);
}

int pacer_start(struct pacer *pacer)
{
	int r;

	if (pacer->is_at_work)
		return 0;
	r = wait_until(pacer, 0);
	if (r < 0)
		return r;
	pacer->is_at_work = true;
	pacer->cost = 0;
	return 0;
}

void pacer_stop(struct pacer *pacer)
{
	sd_event_source_set_enabled(pacer->timer, SD_EVENT_OFF);
	pacer->is_at_work = false;
}

bool pacer_is_at_work(const struct pacer *pacer)
{
	return pacer->is_at_work;
}

uint64_t pacer_cost(const struct pacer *pacer)
{
	return pacer->cost;
}
