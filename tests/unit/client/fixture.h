/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of the client library share. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "peer.h"

#include <errno.h>
#include <string.h>

/* A test with a check that it leaks no file descriptor. */
#define CLIENT_TEST(function) cmocka_unit_test_setup_teardown(function, note_fds, compare_fds)

static inline int note_fds(void **state)
{
	*state = (void *)(uintptr_t)count_fds();
	return 0;
}

static inline int compare_fds(void **state)
{
	return (uintptr_t)*state == count_fds() ? 0 : -1;
}
