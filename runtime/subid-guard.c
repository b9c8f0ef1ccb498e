/* SPDX-License-Identifier: MIT */
#include "subid-guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)

int guard_until(uint64_t deadline)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec at = {
		.it_value.tv_sec = (time_t)(deadline / USEC_PER_SEC),
		.it_value.tv_nsec = (long)(deadline % USEC_PER_SEC * 1000),
	};
	timer_t timer;

	if (!getauxval(AT_SECURE))
		return 0;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, TIMER_ABSTIME, &at, NULL) < 0)
		return -errno;
	return 0;
}
