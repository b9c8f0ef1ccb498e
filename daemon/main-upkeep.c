/* SPDX-License-Identifier: MIT */
#include "main-upkeep.h"

#include "cleanup.h"
#include "log.h"
#include "main-pacer.h"
#include "node/clock.h"
#include "node/processes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COST_SHARE 20				   /* passes take one part in so many of the time */
#define ACCURACY_USEC 1000			   /* the event loop's own is 250 ms */
#define GAP_USEC (PASS_GAP_USEC + UINT64_C(10000)) /* the loop's clock may be some ms behind */
#define EVENTS_PER_PRUNING 64			   /* some tenths of a millisecond */
#define EVENTS_PER_INDEXING 128 /* a millisecond, which has time for so many pauses */
#define INDEXING_PAUSES 10

struct upkeep {
	struct allocator *allocator;
	void (*changed)(void *userdata);
	void *userdata;
	void (*round)(void *userdata);
	void *round_userdata;
	struct pacer *pacer;
	sd_event_source *timer;
	uint64_t interval;
	struct processes *processes; /* of the pass at work; NULL: draining and pruning are */
	bool is_draining;
	uint64_t began;	     /* us of the boot's clock, the pass at work */
	uint64_t last_ended; /* the same */
	uint64_t next_at;    /* us of CLOCK_BOOTTIME; when the timer is set to */
	char blindness[160]; /* empty: sees everything */
	struct upkeep_facts facts;
};

DEFINE_CLEANUP(struct upkeep *, upkeep_free)

/* Says so once when it begins, or is another reason, and once when it ends. */
static void set_blindness(struct upkeep *upkeep, const char *reason)
{
	if (!reason && *upkeep->blindness)
		log_line(LOG_LEVEL_INFO, "all processes can be seen again");
	if (reason && strcmp(upkeep->blindness, reason) != 0)
		log_line(
			LOG_LEVEL_WARNING,
			"not all processes can be seen: %s; released ranges go to other pods after "
			"BlindDrainSec= whatever lives in them",
			reason);
	snprintf(upkeep->blindness, sizeof(upkeep->blindness), "%s", reason ? reason : "");
}

/* A pass that could not be made leaves what the one before it has found. */
static void lose_sight(struct upkeep *upkeep, int r)
{
	char reason[128];
	struct moment now;

	snprintf(reason, sizeof(reason), "%s cannot be read: %s", PROCESSES_FOLDER, strerror(-r));
	set_blindness(upkeep, reason);
	clock_now(&now);
	allocator_lose_sight(upkeep->allocator, now);
}

static int begin_pass(struct upkeep *upkeep)
{
	struct moment now;

	clock_now(&now);
	upkeep->began = now.boot;
	return processes_open(PROCESSES_FOLDER, &upkeep->processes);
}

static int take_pass(struct upkeep *upkeep)
{
	struct pass pass = { .began = upkeep->began };
	const char *blindness = processes_blindness(upkeep->processes);
	struct moment now;
	int r = processes_finish(upkeep->processes, &pass.claims);

	if (r < 0)
		return r;
	clock_now(&now);
	pass.ended = now.boot;
	pass.is_blind = blindness;
	upkeep->facts = (struct upkeep_facts){
		.last_at = now.wall,
		.cost = processes_cost(upkeep->processes),
		.n_processes = processes_count(upkeep->processes),
	};
	set_blindness(upkeep, blindness);
	r = allocator_take_pass(upkeep->allocator, &pass);
	claims_done(&pass.claims);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot take over which ranges are in use: %s",
			 allocator_message(upkeep->allocator));
	return 0;
}

static void end_pass(struct upkeep *upkeep, int r)
{
	struct moment now;

	if (r == 0)
		r = take_pass(upkeep);
	if (r < 0)
		lose_sight(upkeep, r);
	processes_free(take_ptr(upkeep->processes));
	clock_now(&now);
	upkeep->last_ended = now.boot;
	upkeep->is_draining = true;
}

/* Returns whether there is more to do. */
static bool drain(struct upkeep *upkeep)
{
	struct moment now;
	int r;

	clock_now(&now);
	r = allocator_drain(upkeep->allocator, now);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot end the draining of ranges: %s",
			 allocator_message(upkeep->allocator));
	return r > 0;
}

static bool prune(struct upkeep *upkeep)
{
	struct moment now;
	int r;

	clock_now(&now);
	r = allocator_prune(upkeep->allocator, now, EVENTS_PER_PRUNING);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot remove old events: %s",
			 allocator_message(upkeep->allocator));
	return r == EVENTS_PER_PRUNING;
}

static bool index_events(struct upkeep *upkeep)
{
	int r = allocator_index_events(upkeep->allocator, EVENTS_PER_INDEXING);

	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot index events: %s",
			 allocator_message(upkeep->allocator));
	return r > 0;
}

/* Sets the timer to when the next pass is due, which may be at once. */
static void schedule(struct upkeep *upkeep)
{
	uint64_t least = upkeep->facts.cost * COST_SHARE, wait = upkeep->interval;
	struct moment now;
	int r;

	if (least < GAP_USEC)
		least = GAP_USEC;
	if (allocator_n_draining(upkeep->allocator) > 0 || wait < least)
		wait = least;
	if (upkeep->next_at == upkeep->last_ended + wait)
		return;
	upkeep->next_at = upkeep->last_ended + wait;
	clock_now(&now);
	r = sd_event_source_set_time_relative(
		upkeep->timer, upkeep->next_at > now.boot ? upkeep->next_at - now.boot : 0);
	if (r >= 0)
		r = sd_event_source_set_enabled(upkeep->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot set a timer: %s", strerror(-r));
}

/* A piece of the work, as the pacer wants it. */
static int step(void *userdata)
{
	struct upkeep *upkeep = userdata;
	int r;

	if (upkeep->processes) {
		r = processes_step(upkeep->processes);
		if (r <= 0)
			end_pass(upkeep, r);
		return 1;
	}
	if (upkeep->is_draining) {
		upkeep->is_draining = drain(upkeep);
		r = 1;
	} else if (prune(upkeep)) {
		r = 1;
	} else {
		r = index_events(upkeep) ? INDEXING_PAUSES : 0;
	}
	upkeep->changed(upkeep->userdata);
	return r;
}

static void on_done(int r, void *userdata)
{
	struct upkeep *upkeep = userdata;

	(void)r;
	if (upkeep->round)
		upkeep->round(upkeep->round_userdata);
	schedule(upkeep);
}

/* Work that cannot be begun is tried again with the next commit. */
static void start(struct upkeep *upkeep)
{
	int r = pacer_start(upkeep->pacer);

	upkeep->next_at = 0;
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot set a timer: %s", strerror(-r));
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct upkeep *upkeep = userdata;
	int r = begin_pass(upkeep);

	(void)source;
	(void)usec;
	if (r < 0)
		end_pass(upkeep, r);
	start(upkeep);
	return 0;
}

int upkeep_new(sd_event *event, struct allocator *allocator, void (*changed)(void *userdata),
	       void *userdata, struct upkeep **ret)
{
	_cleanup_(upkeep_freep) struct upkeep *upkeep = calloc(1, sizeof(*upkeep));
	int r;

	if (!upkeep)
		return -ENOMEM;
	upkeep->allocator = allocator;
	upkeep->changed = changed;
	upkeep->userdata = userdata;
	r = pacer_new(event, SD_EVENT_PRIORITY_NORMAL, step, on_done, upkeep, &upkeep->pacer);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &upkeep->timer, CLOCK_BOOTTIME, 0,
					       ACCURACY_USEC, on_time, upkeep);
	if (r >= 0)
		r = sd_event_source_set_enabled(upkeep->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = take_ptr(upkeep);
	return 0;
}

void upkeep_on_round(struct upkeep *upkeep, void (*round)(void *userdata), void *userdata)
{
	upkeep->round = round;
	upkeep->round_userdata = userdata;
}

void upkeep_free(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	pacer_free(upkeep->pacer);
	sd_event_source_disable_unref(upkeep->timer);
	processes_free(upkeep->processes);
	free(upkeep);
}

void upkeep_begin(struct upkeep *upkeep)
{
	int r = begin_pass(upkeep);

	if (processes_are_contained())
		log_line(
			LOG_LEVEL_WARNING,
			"this is a PID namespace of its own: what lives outside of it in a range is "
			"not seen; run in the node's own (hostPID)");
	if (r == 0)
		do
			r = processes_step(upkeep->processes);
		while (r > 0);
	end_pass(upkeep, r);
	start(upkeep);
}

void upkeep_set_interval(struct upkeep *upkeep, uint64_t interval)
{
	upkeep->interval = interval;
	upkeep_wake(upkeep);
}

/* While a pass or draining is at work, their end sets the timer; a pass may interrupt all else. */
void upkeep_wake(struct upkeep *upkeep)
{
	if (upkeep->last_ended == 0 || upkeep->processes || upkeep->is_draining)
		return;
	schedule(upkeep);
	if (allocator_must_index(upkeep->allocator) && pacer_start(upkeep->pacer) < 0)
		log_line(LOG_LEVEL_ERROR, "cannot begin to index events");
}

struct upkeep_facts upkeep_get_facts(const struct upkeep *upkeep)
{
	struct upkeep_facts facts = upkeep->facts;

	facts.blindness = *upkeep->blindness ? upkeep->blindness : NULL;
	return facts;
}
