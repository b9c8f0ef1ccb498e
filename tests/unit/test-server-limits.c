/* SPDX-License-Identifier: MIT */

/* The limits: messages, time, connections, descriptors, memory. */

#include "server-rig.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define READER_MAX 1000
#define WRITER_MAX 20000
#define SLOW_READS 2000

static struct rig rig;

static int make(void **state)
{
	(void)state;
	rig = (struct rig){
		.access = ACCESS_READER,
		.limits = { .connections = 20,
			    .connections_per_uid = 5,
			    .reader_message = READER_MAX,
			    .writer_message = WRITER_MAX,
			    .timeout_usec = TIMEOUT_USEC },
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

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(server_default_limits.connections, 1024);
	assert_int_equal(server_default_limits.connections_per_uid, 128);
	assert_int_equal(server_default_limits.reader_message, 65536);
	assert_int_equal(server_default_limits.writer_message, 4194304);
	assert_int_equal(server_default_limits.timeout_usec, 30000000);
}

/* A call that is LENGTH bytes long without its NUL. */
static char *long_call(size_t length)
{
	static const char begin[] = "{\"method\":\"" NAMED "Echo\",\"parameters\":{\"text\":\"";
	char *text = malloc(length + 1);

	memset(text, 'x', length);
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + length - 3, "\"}}", 4);
	return text;
}

static void try_length(enum varlink_access access, size_t limit)
{
	rig.access = access;
	for (size_t over = 0; over <= 1; over++) {
		_cleanup_(freep) char *text = long_call(limit + over);
		struct client client = client_make(&rig);

		client_send_bytes(&client, text, limit + over + 1);
		pump(&rig);
		assert_int_equal(client_take(&client), !over);
		assert_int_equal(client.size > limit / 2, !over);
		client_drop(&client);
		pump(&rig);
	}
}

static void test_message_limit(void **state)
{
	(void)state;
	try_length(ACCESS_READER, READER_MAX);
	try_length(ACCESS_WRITER, WRITER_MAX);
	try_length(ACCESS_ROOT, WRITER_MAX);
	assert_int_equal(rig.n_echoes, 3);
}

/* Over the limit without an end: it is not waited for. */
static void test_endless_message(void **state)
{
	_cleanup_(freep) char *text = long_call(2 * READER_MAX);
	struct client client = client_make(&rig), other = client_make(&rig);

	(void)state;
	client_send_bytes(&client, text, READER_MAX + 1);
	expect_closed(&rig, &client);
	client_send(&other, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &other, "{}");
	client_drop(&client);
	client_drop(&other);
}

static void wait_closed(struct client *client)
{
	while (client_take(client))
		wait_event(&rig);
}

/* A started message must end in time; one byte now and then is no way around it. */
static void test_slow_message(void **state)
{
	static const char text[] = "{\"method\":\"" NAMED "Echo\"";
	struct client client = client_make(&rig), quiet = client_make(&rig);
	int i = 0;

	(void)state;
	client_send_bytes(&client, text, sizeof(text) - 1);
	while (client_take(&client)) {
		send(client.fd, " ", 1, MSG_NOSIGNAL);
		pump(&rig);
		assert_true(sd_event_run(rig.event, TIMEOUT_USEC / 10) >= 0);
		assert_true(i++ < 200);
	}
	assert_int_equal(rig.n_logged, 1);
	/* one that has begun nothing may wait as long as it likes */
	client_send(&quiet, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &quiet, "{}");
	client_drop(&client);
	client_drop(&quiet);
}

static void test_slow_message_alone(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|{");
	expect(&rig, &client, "{}");
	wait_closed(&client);
	assert_int_equal(client.size, 0);
	client_drop(&client);
}

static void start_flood(struct client *client, int n)
{
	char call[256 + 512], text[513] = {};

	memset(text, 'y', sizeof(text) - 1);
	snprintf(call, sizeof(call),
		 "{\"method\":\"" NAMED "Count\",\"more\":true,\"parameters\":"
		 "{\"n\":%d,\"text\":\"%s\"}}|",
		 n, text);
	client_send(client, call);
}

/* A reader that does not read costs one reply, and gets all of them once it reads. */
static void test_back_pressure(void **state)
{
	struct client client = client_make(&rig);
	size_t n = 0, before, after;
	unsigned int n_made;
	int size = 4096;

	(void)state;
	setsockopt(client.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	start_flood(&client, SLOW_READS);
	pump(&rig);
	before = mallinfo2().uordblks;
	n_made = rig.n_streamed;
	pump(&rig);
	after = mallinfo2().uordblks;
	assert_int_equal(rig.n_streamed, n_made);
	assert_true(n_made < SLOW_READS);
	assert_true(after <= before);
	while (n < SLOW_READS) {
		_cleanup_(freep) char *message = NULL;

		if (client_take(&client) && (message = client_next(&client)))
			n++;
		else
			pump(&rig);
	}
	expect_nothing(&rig, &client);
	client_drop(&client);
}

/* A reply that is not taken in time. */
static void test_slow_reader(void **state)
{
	struct client client = client_make(&rig);

	(void)state;
	start_flood(&client, 100000);
	pump(&rig);
	assert_int_equal(server_get_counts(rig.server).connections, 1);
	while (server_get_counts(rig.server).connections > 0)
		wait_event(&rig);
	assert_int_equal(rig.n_streams, 0);
	assert_int_equal(rig.n_logged, 1);
	client_drop(&client);
}

static void test_connections(void **state)
{
	struct client clients[21];

	(void)state;
	if (getuid() != 0)
		skip();
	rig_listen(&rig, SOCK_NONBLOCK);
	for (size_t i = 0; i < 21; i++) {
		clients[i] = client_of(rig_connect(&rig));
		client_send(&clients[i], "{\"method\":\"" NAMED "Echo\"}|");
	}
	for (size_t i = 0; i < 20; i++)
		expect(&rig, &clients[i], "{}");
	expect_closed(&rig, &clients[20]);
	assert_int_equal(server_get_counts(rig.server).connections, 20);
	assert_int_equal(server_get_counts(rig.server).max_connections, 20);
	assert_int_equal(server_get_counts(rig.server).refused, 1);
	/* one that goes makes room for another one */
	client_drop(&clients[0]);
	pump(&rig);
	clients[0] = client_of(rig_connect(&rig));
	client_send(&clients[0], "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &clients[0], "{}");
	for (size_t i = 0; i < 21; i++)
		client_drop(&clients[i]);
	pump(&rig);
	assert_int_equal(server_get_counts(rig.server).connections, 0);
	assert_int_equal(rig.n_idle, 1);
}

/* systemd hands listening sockets over in blocking mode. */
static void test_blocking_listener(void **state)
{
	struct client client;

	(void)state;
	rig_listen(&rig, 0);
	client = client_of(rig_connect(&rig));
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|");
	alarm(10);
	expect(&rig, &client, "{}");
	alarm(0);
	client_drop(&client);
}

/* Takes all descriptors that there are, after setting a limit that is soon reached. */
static size_t exhaust(int *fds, size_t n)
{
	struct rlimit limit;
	size_t i = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while ((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		assert_true(++i < n);
	assert_int_equal(errno, EMFILE);
	return i;
}

static void test_no_descriptors(void **state)
{
	struct client clients[10], before;
	int fds[128];
	size_t n;

	(void)state;
	rig_listen(&rig, SOCK_NONBLOCK);
	before = client_of(rig_connect(&rig));
	pump(&rig);
	for (size_t i = 0; i < ELEMENTS_OF(clients); i++)
		clients[i] = client_of(rig_connect(&rig));
	n = exhaust(fds, ELEMENTS_OF(fds));
	/* all who wait are refused, and the loop comes to rest */
	for (size_t i = 0; i < ELEMENTS_OF(clients); i++) {
		expect_closed(&rig, &clients[i]);
		client_drop(&clients[i]);
		clients[i] = client_of(rig_connect(&rig));
	}
	client_send(&before, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &before, "{}");
	while (n > 0)
		closep(&fds[--n]);
	expect_closed(&rig, &clients[9]);
	client_drop(&before);
	before = client_of(rig_connect(&rig));
	client_send(&before, "{\"method\":\"" NAMED "Echo\"}|");
	expect(&rig, &before, "{}");
	client_drop(&before);
	for (size_t i = 0; i < ELEMENTS_OF(clients); i++)
		client_drop(&clients[i]);
}

/* Not even the spare descriptor helps: the loop waits a little and tries again. */
static void test_no_descriptors_at_all(void **state)
{
	struct rlimit limit, none;
	struct client client;

	(void)state;
	rig_listen(&rig, SOCK_NONBLOCK);
	client = client_of(rig_connect(&rig));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	pump(&rig);
	assert_int_equal(rig.n_logged, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	client_send(&client, "{\"method\":\"" NAMED "Echo\"}|");
	while (rig.n_echoes == 0)
		wait_event(&rig);
	expect(&rig, &client, "{}");
	client_drop(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_message_limit),
		TEST(test_endless_message),
		TEST(test_slow_message),
		TEST(test_slow_message_alone),
		TEST(test_back_pressure),
		TEST(test_slow_reader),
		TEST(test_connections),
		TEST(test_blocking_listener),
		TEST(test_no_descriptors),
		TEST(test_no_descriptors_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
