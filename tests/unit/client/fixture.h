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

/* A reply that no sound daemon gives, and what is said about it. */
struct bad_reply {
	const char *text;
	size_t length;
	const char *message;
};

#define BAD(text, wrong)                                                                           \
	{                                                                                          \
		text, sizeof(text), wrong                                                          \
	}
#define WRONG(field) "the field " field " of the daemon's reply is wrong"

/* A bad reply fails the call and ends the connection. */
static inline void check_all(const struct bad_reply *replies, size_t n_replies,
			     int (*call)(struct subidd_client *))
{
	for (size_t i = 0; i < n_replies; i++) {
		struct peer_reply reply = { replies[i].text, replies[i].length, PEER_PLAIN };
		struct peer peer;
		struct subidd_client *client = peer_start(&peer, &reply, 1);

		assert_int_equal(call(client), -EPROTO);
		assert_string_equal(subidd_client_error_message(client), replies[i].message);
		assert_null(subidd_client_error_name(client));
		assert_int_equal(subidd_client_get_fd(client), -ENOTCONN);
		assert_int_equal(call(client), -ENOTCONN);
		peer_stop(&peer, client);
		peer_done(&peer);
	}
}
