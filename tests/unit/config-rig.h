/* SPDX-License-Identifier: MIT */
#pragma once

/* The configuration's files in a root folder of the test's own: its state is a struct scratch. */

#include "scratch.h"

#include <stdint.h>

#define MAIN_FILE "/etc/subidd/subidd.conf"
#define DROP_IN(name) "/etc/subidd/subidd.conf.d/" name

/* For each test: makes the folder; removes it. */
int config_setup(void **state);
int config_teardown(void **state);

/* What the files say; they must be good. */
struct config config_of(const struct scratch *scratch);

/* They must be refused for that line of that file, by a message with MESSAGE in it. */
void expect_refusal(const struct scratch *scratch, const char *file, uint32_t line,
		    const char *message);
