/* SPDX-License-Identifier: MIT */

/* The limit of connections that each user has, and whose a connection is. */

#include "server-rig.h"

#include <sys/socket.h>

#define ANYBODY 12345 /* a user other than root */

static struct rig rig;

static int make(void **state)
{
	(void)state;
	rig = (struct rig){
		.access = ACCESS_READER,
		.limits = { .connections = 20,
			    .connections_per_uid = 5,
			    .reader_message = 1000,
			    .writer_message = 1000,
			    .timeout_usec = 1000000 },
	};
	rig_make(&rig);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	rig_drop(&rig);
	return 0;
}

static struct client connect_as(uid_t uid)
{
	struct client client;
	bool is_root = getuid() == 0;

	if (is_root)
		assert_int_equal(seteuid(uid), 0);
	client = client_of(rig_connect(&rig));
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|");
	return client;
}

/* A user other than root has a limit of its own, and one user's limit is not another's. */
static void test_connections_of_a_user(void **state)
{
	struct client clients[6], other;

	(void)state;
	rig_listen(&rig, SOCK_NONBLOCK);
	for (size_t i = 0; i < 6; i++)
		clients[i] = connect_as(ANYBODY);
	for (size_t i = 0; i < 5; i++)
		expect(&rig, &clients[i], "{}");
	expect_closed(&rig, &clients[5]);
	if (getuid() == 0) {
		other = connect_as(ANYBODY + 1);
		expect(&rig, &other, "{}");
		client_drop(&other);
	}
	client_drop(&clients[0]);
	pump(&rig);
	clients[0] = connect_as(ANYBODY);
	expect(&rig, &clients[0], "{}");
	for (size_t i = 0; i < 6; i++)
		client_drop(&clients[i]);
}

/* newuidmap is root to the kernel, but it is the user who starts it, and who can stop it halfway.
 */
static void test_connections_of_a_set_user_id_program(void **state)
{
	struct client clients[6], plain, root;

	(void)state;
	if (getuid() != 0)
		skip();
	rig_listen(&rig, SOCK_NONBLOCK);
	assert_int_equal(setresuid(ANYBODY, 0, 0), 0);
	for (size_t i = 0; i < 6; i++) {
		clients[i] = client_of(rig_connect(&rig));
		client_send(&clients[i], "{\"method\":\"" NAMED "Echo\"}|");
	}
	for (size_t i = 0; i < 5; i++)
		expect(&rig, &clients[i], "{}");
	expect_closed(&rig, &clients[5]);
	assert_int_equal(setresuid(0, 0, 0), 0);
	/* what the user opens without it counts as well */
	plain = connect_as(ANYBODY);
	expect_closed(&rig, &plain);
	root = connect_as(0);
	expect(&rig, &root, "{}");
	for (size_t i = 0; i < 6; i++)
		client_drop(&clients[i]);
	client_drop(&plain);
	client_drop(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_connections_of_a_user, make, drop),
		cmocka_unit_test_setup_teardown(test_connections_of_a_set_user_id_program, make,
						drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
