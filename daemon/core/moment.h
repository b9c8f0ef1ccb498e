/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* A moment on two clocks: people want the one, and no change of the date may move the other. */
struct moment {
	uint64_t wall; /* us since the epoch */
	uint64_t boot; /* us of CLOCK_BOOTTIME, as outside of any time namespace */
};
