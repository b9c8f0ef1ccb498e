/* SPDX-License-Identifier: MIT */

/* Backup: pieces that must make up a whole. */

#include "fixture.h"

#include <errno.h>

#define PIECE(more, offset, size, data)                                                            \
	"{" more "\"parameters\":{\"offset\":" offset ",\"size\":" size ",\"data\":\"" data "\"}}"
#define GO_ON "\"continues\":true,"
#define STREAM(text)                                                                               \
	(struct peer_reply)                                                                        \
	{                                                                                          \
		text, sizeof(text), PEER_PLAIN                                                     \
	}

static void test_whole(void **state)
{
	const struct peer_reply reply = STREAM(
		PIECE(GO_ON, "0", "10", "Zm9vYmFy") "\0" PIECE("", "6", "10", "AAECAw=="));
	struct subidd_backup_iterator *iterator = NULL;
	const struct subidd_piece *piece = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &reply, 1);

	(void)state;
	assert_int_equal(subidd_backup(client, &iterator), 0);
	assert_int_equal(subidd_reload(client, NULL), -EBUSY);
	assert_int_equal(subidd_backup_iterator_next(iterator, &piece), 1);
	assert_int_equal(piece->offset, 0);
	assert_int_equal(piece->total, 10);
	assert_int_equal(piece->size, 6);
	assert_memory_equal(piece->data, "foobar", 6);
	assert_int_equal(subidd_backup_iterator_next(iterator, &piece), 1);
	assert_int_equal(piece->offset, 6);
	assert_int_equal(piece->size, 4);
	assert_memory_equal(piece->data, "\0\1\2\3", 4);
	assert_int_equal(subidd_backup_iterator_next(iterator, &piece), 0);
	assert_int_equal(subidd_backup_iterator_next(iterator, &piece), 0);
	assert_null(subidd_backup_iterator_free(iterator));
	assert_null(subidd_backup_iterator_free(NULL));
	peer_stop(&peer, client);
	assert_string_equal(peer.calls[0],
			    "{\"method\":\"io.subidd.Allocator.Backup\",\"more\":true}");
	peer_done(&peer);
}

/* Replies of which the last one is no good, and which of its fields is to blame. */
static const struct {
	struct peer_reply reply;
	int n_good;
	const char *wrong;
} broken[] = {
	{ STREAM(PIECE("", "1", "10", "Zm9v")), 0, "offset" },
	{ STREAM(PIECE(GO_ON, "0", "10", "Zm9v") "\0" PIECE("", "4", "10", "Zm9v")), 1, "offset" },
	{ STREAM(PIECE(GO_ON, "0", "10", "Zm9v") "\0" PIECE("", "3", "11", "Zm9v")), 1, "size" },
	{ STREAM(PIECE(GO_ON, "0", "10", "Zm9v") "\0" PIECE("", "3", "10", "Zm9v")), 2, "size" },
	{ STREAM(PIECE("", "0", "2", "Zm9v")), 0, "data" },
	{ STREAM(PIECE("", "0", "3", "")), 0, "data" },
	{ STREAM(PIECE("", "0", "3", "Zm9*")), 0, "data" },
	{ STREAM(PIECE("", "-1", "3", "Zm9v")), 0, "offset" },
	{ STREAM("{\"parameters\":{\"offset\":0,\"size\":3}}"), 0, "data" },
	{ STREAM("{}"), 0, "parameters" },
};

static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(broken); i++) {
		struct subidd_backup_iterator *iterator = NULL;
		const struct subidd_piece *piece = NULL;
		struct peer peer;
		struct subidd_client *client = peer_start(&peer, &broken[i].reply, 1);

		assert_int_equal(subidd_backup(client, &iterator), 0);
		for (int n = 0; n < broken[i].n_good; n++)
			assert_int_equal(subidd_backup_iterator_next(iterator, &piece), 1);
		assert_int_equal(subidd_backup_iterator_next(iterator, &piece), -EPROTO);
		if (!strstr(subidd_client_error_message(client), broken[i].wrong))
			fail_msg("%zu: %s", i, subidd_client_error_message(client));
		subidd_backup_iterator_free(iterator);
		peer_stop(&peer, client);
		peer_done(&peer);
	}
}

static void test_refused(void **state)
{
	static const char denied[] = "{\"error\":\"org.varlink.service.PermissionDenied\"}";
	const struct peer_reply given_up = STREAM(
		PIECE(GO_ON, "0", "10",
		      "Zm9v") "\0{\"error\":\"io.subidd.Allocator.StoreFailed\",\"parameters\":"
			      "{\"message\":\"too many\"}}");
	const struct peer_reply replies[] = { REPLY(denied), given_up };
	struct subidd_backup_iterator *iterator = NULL;
	const struct subidd_piece *piece = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 2);

	(void)state;
	assert_int_equal(subidd_backup(client, &iterator), -EACCES);
	assert_null(iterator);
	assert_int_equal(subidd_backup(client, &iterator), 0);
	assert_int_equal(subidd_backup_iterator_next(iterator, &piece), 1);
	assert_true(subidd_backup_iterator_next(iterator, &piece) < 0);
	assert_string_equal(subidd_client_error_name(client), "io.subidd.Allocator.StoreFailed");
	subidd_backup_iterator_free(iterator);
	peer_stop(&peer, client);
	peer_done(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_whole),
		CLIENT_TEST(test_broken),
		CLIENT_TEST(test_refused),
	};

	return cmocka_run_group_tests_name("client backup", tests, NULL, NULL);
}
