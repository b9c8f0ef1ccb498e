/* SPDX-License-Identifier: MIT */
#include "main-bonds.h"

#include "cleanup.h"
#include "log.h"
#include "main-pacer.h"
#include "node/clock.h"
#include "node/process.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/epoll.h>

struct bond {
	char pod[POD_KEY_MAX + 1];
	struct process process;
	struct bonds *bonds;
	sd_event_source *source;      /* of its pidfd; NULL: it is in the list of the unwatched */
	struct bond *previous, *next; /* in that list, the newest first */
	bool is_checked;	      /* it lived once it was in that list */
};

struct bonds {
	sd_event *event;
	struct allocator *allocator;
	void (*changed)(void *userdata);
	void *userdata;
	void *by_pod; /* tsearch(3) */
	struct bond *unwatched;
	struct bond *at; /* of them, the next one that is polled */
	struct pacer *pacer;
	size_t n_watched, most_watched;
	uint64_t sequence; /* of the last event that was looked at */
	bool is_stale;	   /* a release of these, or a new one, may have been missed */
};

DEFINE_CLEANUP(struct bonds *, bonds_free)

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct bond *)a)->pod, ((const struct bond *)b)->pod);
}

static void list_add(struct bond *bond)
{
	bond->next = bond->bonds->unwatched;
	if (bond->next)
		bond->next->previous = bond;
	bond->bonds->unwatched = bond;
}

static void list_remove(struct bond *bond)
{
	if (bond->bonds->at == bond)
		bond->bonds->at = bond->next;
	if (bond->previous)
		bond->previous->next = bond->next;
	else
		bond->bonds->unwatched = bond->next;
	if (bond->next)
		bond->next->previous = bond->previous;
}

static void unwatch(struct bond *bond)
{
	bond->source = sd_event_source_disable_unref(bond->source);
	bond->bonds->n_watched--;
}

static void bond_free(void *userdata)
{
	struct bond *bond = userdata;

	if (bond->source)
		unwatch(bond);
	else
		list_remove(bond);
	free(bond);
}

static struct bond *find(const struct bonds *bonds, const char *pod)
{
	struct bond key, **found;

	snprintf(key.pod, sizeof(key.pod), "%s", pod);
	found = tfind(&key, &bonds->by_pod, compare);
	return found ? *found : NULL;
}

static void dissolve(struct bond *bond)
{
	tdelete(bond, &bond->bonds->by_pod, compare);
	bond_free(bond);
}

/* What the store cannot take now is tried again with the next poll. */
static void end(struct bond *bond)
{
	struct bonds *bonds = bond->bonds;
	struct moment now;
	bool released;
	int r;

	clock_now(&now);
	r = allocator_process_ended(bonds->allocator, bond->pod, &bond->process, now, &released);
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "cannot release the range of %s, whose process ended: %s",
			 bond->pod, allocator_message(bonds->allocator));
		if (bond->source) {
			unwatch(bond);
			bond->is_checked = true;
			list_add(bond);
		}
		return;
	}
	if (released)
		log_line(LOG_LEVEL_INFO, "the process %u of %s has ended: its range is released",
			 bond->process.pid, bond->pod);
	dissolve(bond);
	bonds->changed(bonds->userdata);
}

static int on_exit_of(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	end(userdata);
	return 0;
}

/* Without a descriptor, for whatever reason, the bond is one that is polled. */
static void watch(struct bond *bond)
{
	struct bonds *bonds = bond->bonds;
	_cleanup_(closep) int fd = -1;

	if (bonds->n_watched < bonds->most_watched && process_open(&bond->process, &fd) == 0 &&
	    sd_event_add_io(bonds->event, &bond->source, fd, EPOLLIN, on_exit_of, bond) >= 0 &&
	    sd_event_source_set_io_fd_own(bond->source, true) >= 0) {
		take_fd(&fd);
		bonds->n_watched++;
		return;
	}
	bond->source = sd_event_source_disable_unref(bond->source);
	list_add(bond);
}

/* Makes the pod's bond what its allocation says. Returns 0 or -ENOMEM. */
static int set(struct bonds *bonds, const struct allocation *allocation)
{
	struct bond *bond = find(bonds, allocation->pod);

	if (bond && process_equal(&bond->process, &allocation->process))
		return 0;
	if (bond)
		dissolve(bond);
	if (allocation->process.pid == 0)
		return 0;
	bond = calloc(1, sizeof(*bond));
	if (!bond)
		return -ENOMEM;
	snprintf(bond->pod, sizeof(bond->pod), "%s", allocation->pod);
	bond->process = allocation->process;
	bond->bonds = bonds;
	if (!tsearch(bond, &bonds->by_pod, compare)) {
		free(bond);
		return -ENOMEM;
	}
	watch(bond);
	return 0;
}

static int set_row(const struct allocation *row, void *userdata)
{
	return set(userdata, row);
}

static int look(const struct event *event, void *userdata)
{
	struct bonds *bonds = userdata;
	struct bond *bond = event->kind == EVENT_RELEASED ? find(bonds, event->pod) : NULL;
	struct allocation row;
	int r = 0;

	if (event->sequence != bonds->sequence + 1)
		bonds->is_stale = true;
	if (event->kind == EVENT_BOUND || bond) {
		r = allocator_get(bonds->allocator, event->pod, &row);
		if (r == 0)
			r = set(bonds, &row);
		else if (r > 0 && bond)
			dissolve(bond);
	}
	if (r >= 0)
		bonds->sequence = event->sequence;
	return r < 0 ? r : 0;
}

static void check(struct bond *bond)
{
	bond->is_checked = true;
	if (process_is_alive(&bond->process) == 0)
		end(bond);
}

/* Polls one of those that have no descriptor. Returns whether there are more. */
static int step(void *userdata)
{
	struct bonds *bonds = userdata;
	struct bond *bond = bonds->at;

	if (!bond)
		return 0;
	bonds->at = bond->next;
	check(bond);
	return bonds->at ? 1 : 0;
}

static void on_done(int r, void *userdata)
{
	(void)r;
	(void)userdata;
}

int bonds_new(sd_event *event, struct allocator *allocator, size_t most,
	      void (*changed)(void *userdata), void *userdata, struct bonds **ret)
{
	_cleanup_(bonds_freep) struct bonds *bonds = calloc(1, sizeof(*bonds));
	int r;

	if (!bonds)
		return -ENOMEM;
	bonds->event = sd_event_ref(event);
	bonds->allocator = allocator;
	bonds->changed = changed;
	bonds->userdata = userdata;
	bonds->most_watched = most;
	r = pacer_new(event, SD_EVENT_PRIORITY_NORMAL, step, on_done, bonds, &bonds->pacer);
	if (r < 0)
		return r;
	*ret = take_ptr(bonds);
	return 0;
}

void bonds_free(struct bonds *bonds)
{
	if (!bonds)
		return;
	tdestroy(bonds->by_pod, bond_free);
	pacer_free(bonds->pacer);
	sd_event_unref(bonds->event);
	free(bonds);
}

/* Those that are new may have ended before anybody knew of them. */
static void check_new(struct bonds *bonds)
{
	struct bond *next;

	for (struct bond *bond = bonds->unwatched; bond && !bond->is_checked; bond = next) {
		next = bond->next;
		check(bond);
	}
}

int bonds_begin(struct bonds *bonds)
{
	int r;

	r = allocator_each_bound(bonds->allocator, set_row, bonds);
	bonds->is_stale = r < 0;
	bonds->sequence = allocator_last_event(bonds->allocator);
	check_new(bonds);
	return r;
}

void bonds_wake(struct bonds *bonds)
{
	if (allocator_last_event(bonds->allocator) == bonds->sequence)
		return;
	if (allocator_events_after(bonds->allocator, bonds->sequence, look, bonds) < 0)
		log_line(LOG_LEVEL_ERROR, "cannot read which allocations are tied to processes: %s",
			 allocator_message(bonds->allocator));
	check_new(bonds);
}

void bonds_distrust(struct bonds *bonds)
{
	bonds->is_stale = true;
}

void bonds_poll(struct bonds *bonds)
{
	int r;

	if (bonds->is_stale)
		bonds_begin(bonds);
	if (!bonds->unwatched || pacer_is_at_work(bonds->pacer))
		return;
	bonds->at = bonds->unwatched;
	r = pacer_start(bonds->pacer);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot set a timer: %s", strerror(-r));
}
