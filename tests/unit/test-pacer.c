/* SPDX-License-Identifier: MIT */
#include "main-pacer.h"
#include "testing.h"

#include <errno.h>
#include <time.h>

#define STEP_USEC 100
#define DEADLINE_USEC (20 * UINT64_C(1000000))

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Work of so many steps, and others who want their turn. */
struct work {
	sd_event *event;
	struct pacer *pacer;
	int n_left, n_steps, n_done, result;
	int fails_with;	     /* at the last step */
	bool stops, goes_on; /* the pacer: in the last step, in done() */
	bool others_ran;     /* while it was at work */
	uint64_t last;	     /* end of the last step */
	int n_pauses;	     /* of the length that is promised, or longer */
	int n_in_slice, most_in_slice;
};

static int step(void *userdata)
{
	struct work *work = userdata;
	uint64_t began = now();

	if (work->last && began - work->last >= PACER_PAUSE_USEC) {
		work->n_pauses++;
		work->n_in_slice = 0;
	}
	while ((work->last = now()) < began + STEP_USEC)
		;
	work->n_steps++;
	if (++work->n_in_slice > work->most_in_slice)
		work->most_in_slice = work->n_in_slice;
	if (--work->n_left > 0)
		return 1;
	if (work->stops)
		pacer_stop(work->pacer);
	return work->fails_with;
}

static void done(int r, void *userdata)
{
	struct work *work = userdata;

	work->n_done++;
	work->result = r;
	if (work->goes_on) {
		work->goes_on = false;
		work->n_left = 1;
		assert_int_equal(pacer_start(work->pacer), 0);
	}
}

static int on_idle(sd_event_source *source, void *userdata)
{
	struct work *work = userdata;

	(void)source;
	work->others_ran = true;
	return 0;
}

static void work_make(struct work *work, int n_steps)
{
	*work = (struct work){ .n_left = n_steps };
	assert_true(sd_event_new(&work->event) >= 0);
	assert_int_equal(pacer_new(work->event, 0, step, done, work, &work->pacer), 0);
	assert_int_equal(pacer_start(work->pacer), 0);
	assert_true(pacer_is_at_work(work->pacer));
	assert_int_equal(work->n_steps, 0);
}

static void work_do(struct work *work)
{
	uint64_t deadline = now() + DEADLINE_USEC;

	while (pacer_is_at_work(work->pacer) && now() < deadline)
		assert_true(sd_event_run(work->event, DEADLINE_USEC) >= 0);
	assert_false(pacer_is_at_work(work->pacer));
}

static void work_drop(struct work *work)
{
	pacer_free(work->pacer);
	sd_event_unref(work->event);
}

static void test_slices(void **state)
{
	struct work work;
	sd_event_source *idle;
	uint64_t began;

	(void)state;
	work_make(&work, 100);
	assert_true(sd_event_add_defer(work.event, &idle, on_idle, &work) >= 0);
	sd_event_source_set_priority(idle, SD_EVENT_PRIORITY_IDLE);
	sd_event_source_set_enabled(idle, SD_EVENT_ON);
	began = now();
	work_do(&work);
	/* ten slices, and nine pauses; no event loop of 250 ms accuracy */
	assert_int_equal(work.n_steps, 100);
	assert_int_equal(work.n_done, 1);
	assert_int_equal(work.result, 0);
	assert_true(work.most_in_slice <= PACER_SLICE_USEC / STEP_USEC);
	assert_true(work.n_pauses >= 9);
	assert_true(work.others_ran);
	assert_true(now() - began >= 9 * PACER_PAUSE_USEC + 100 * STEP_USEC);
	assert_in_range(pacer_cost(work.pacer), 100 * STEP_USEC,
			now() - began - 9 * PACER_PAUSE_USEC);
	sd_event_source_unref(idle);
	work_drop(&work);
}

static void test_failure(void **state)
{
	struct work work;

	(void)state;
	work_make(&work, 3);
	work.fails_with = -EIO;
	work_do(&work);
	assert_int_equal(work.n_steps, 3);
	assert_int_equal(work.n_done, 1);
	assert_int_equal(work.result, -EIO);
	work_drop(&work);
}

static void test_again(void **state)
{
	struct work work;

	(void)state;
	work_make(&work, 2);
	work.goes_on = true;
	assert_int_equal(pacer_start(work.pacer), 0);
	work_do(&work);
	assert_int_equal(work.n_done, 2);
	assert_int_equal(work.n_steps, 3);
	assert_true(pacer_cost(work.pacer) >= STEP_USEC);
	work_drop(&work);
}

static void test_stop(void **state)
{
	struct work work;

	(void)state;
	work_make(&work, 2);
	work.stops = true;
	work.fails_with = 1;
	work_do(&work);
	assert_int_equal(work.n_steps, 2);
	assert_int_equal(work.n_done, 0);
	assert_int_equal(sd_event_run(work.event, 0), 0);
	assert_int_equal(work.n_steps, 2);
	work_drop(&work);

	work_make(&work, 2);
	pacer_stop(work.pacer);
	assert_int_equal(sd_event_run(work.event, 0), 0);
	assert_int_equal(work.n_steps, 0);
	work_drop(&work);
	pacer_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
