/* SPDX-License-Identifier: MIT */

/* Each error of the daemon: its errno, name, parameters and message. */

#include "fixture.h"

#define ALLOCATOR "io.subidd.Allocator."
#define SERVICE "org.varlink.service."
#define REFUSED(name, parameters)                                                                  \
	name, "{\"error\":\"" name "\",\"parameters\":{" parameters "}}",                          \
		sizeof("{\"error\":\"" name "\",\"parameters\":{" parameters "}}")

static const struct {
	const char *name;
	const char *reply;
	size_t length;
	int error;
	const char *message;
} cases[] = {
	{ REFUSED(ALLOCATOR "NoSuchAllocation", "\"pod\":\"x\""), -ENOENT,
	  "there is no allocation of the pod x" },
	{ REFUSED(ALLOCATOR "NoSuchAllocation", "\"pod\":null,\"id\":7"), -ENOENT,
	  "there is no allocation that the ID 7 lies in" },
	{ REFUSED(ALLOCATOR "NoSuchPool", "\"pool\":\"x\""), -ENXIO, "there is no pool x" },
	{ REFUSED(ALLOCATOR "PoolExhausted",
		  "\"pool\":\"x\",\"capacity\":110,\"active\":100,\"draining\":5,\"waiting\":4,"
		  "\"foreign\":1"),
	  -ENOSPC,
	  "the pool x has no room: of 110 units 100 are active, 5 draining, 4 waiting to be used "
	  "again, 1 foreign" },
	{ REFUSED(ALLOCATOR "InvalidPool",
		  "\"pool\":\"x\",\"rule\":\"past-end\",\"message\":\"/etc/subuid:3: too far\""),
	  -EUCLEAN, "the pool x is invalid (past-end): /etc/subuid:3: too far" },
	{ REFUSED(ALLOCATOR "CountMismatch", "\"pod\":\"x\",\"have\":65536,\"want\":131072"),
	  -EEXIST, "the pod x has 65536 IDs and not 131072" },
	{ REFUSED(ALLOCATOR "RangeTaken", "\"pod\":\"x\",\"start\":131072,\"count\":65536"),
	  -EADDRINUSE, "the range 131072:65536 is taken by the pod x" },
	{ REFUSED(ALLOCATOR "RangeTaken", "\"start\":131072,\"count\":1,\"pid\":7"), -EADDRINUSE,
	  "the range 131072:1 is taken by the process 7" },
	{ REFUSED(ALLOCATOR "RangeTaken", "\"start\":131072,\"count\":65536"), -EADDRINUSE,
	  "the range 131072:65536 is taken" },
	{ REFUSED(ALLOCATOR "RangeMismatch", "\"pod\":\"x\",\"start\":131072,\"count\":65536"),
	  -EADDRNOTAVAIL, "the pod x has another range, 131072:65536" },
	{ REFUSED(ALLOCATOR "NoSuchProcess", "\"pid\":7"), -ESRCH,
	  "there is no process 7, or it has ended" },
	{ REFUSED(ALLOCATOR "OwnedByKubelet", "\"pod\":\"x\""), -EPERM,
	  "the kubelet gave the pod x its range by itself" },
	{ REFUSED(ALLOCATOR "QuotaExceeded", "\"limit\":9"), -EDQUOT,
	  "this user has as many active allocations as it may, which is 9" },
	{ REFUSED(ALLOCATOR "StoreFailed", "\"message\":\"disk full\""), -EIO,
	  "the daemon's database failed, nothing was changed: disk full" },
	{ REFUSED(ALLOCATOR "InvalidConfiguration",
		  "\"message\":\"unknown key\",\"file\":\"/etc/x\",\"line\":12"),
	  -EBADMSG, "the daemon's configuration is broken: /etc/x:12: unknown key" },
	{ REFUSED(ALLOCATOR "InvalidConfiguration", "\"message\":\"two\\nlines\\u007f\""), -EBADMSG,
	  "the daemon's configuration is broken: two lines " },
	{ REFUSED(SERVICE "InvalidParameter", "\"parameter\":\"pod\""), -EINVAL,
	  "the daemon refused the parameter pod" },
	{ REFUSED(SERVICE "PermissionDenied", ""), -EACCES, "the daemon does not permit this" },
	{ REFUSED(SERVICE "InterfaceNotFound", "\"interface\":\"x\""), -EOPNOTSUPP,
	  "the daemon does not know the interface x" },
	{ REFUSED(SERVICE "MethodNotFound", "\"method\":\"x\""), -EOPNOTSUPP,
	  "the daemon does not know the method x" },
	{ REFUSED(SERVICE "MethodNotImplemented", "\"method\":\"x\""), -EOPNOTSUPP,
	  "the daemon does not implement the method x" },
	{ REFUSED(SERVICE "ExpectedMore", ""), -EREMOTEIO,
	  "the daemon answered with the error org.varlink.service.ExpectedMore" },
	{ REFUSED("x.y.Other", "\"a\":1"), -EREMOTEIO,
	  "the daemon answered with the error x.y.Other" },
	/* what an error of another shape would look like */
	{ REFUSED(ALLOCATOR "NoSuchPool", "\"pool\":[]"), -ENXIO, "there is no pool ?" },
	{ REFUSED(ALLOCATOR "QuotaExceeded", "\"limit\":1.5"), -EDQUOT,
	  "this user has as many active allocations as it may, which is ?" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		const struct peer_reply replies[] = {
			{ cases[i].reply, cases[i].length, PEER_PLAIN }, REPLY(GET_REPLY)
		};
		struct subidd_result *result = NULL;
		struct peer peer;
		struct subidd_client *client = peer_start(&peer, replies, 2);

		assert_int_equal(subidd_get(client, "pod-1", &result), cases[i].error);
		assert_null(result);
		assert_string_equal(subidd_client_error_name(client), cases[i].name);
		assert_string_equal(subidd_client_error_message(client), cases[i].message);

		/* a refusal is no failure of the connection */
		assert_int_equal(subidd_get(client, "pod-1", &result), 0);
		assert_null(subidd_client_error_name(client));
		assert_null(subidd_client_error_message(client));
		subidd_result_free(result);
		peer_stop(&peer, client);
		peer_done(&peer);
	}
}

static void test_parameters(void **state)
{
	const struct peer_reply replies[] = {
		REPLY("{\"error\":\"x.y.Z\",\"parameters\":{\"s\":\"text\",\"i\":-5,\"n\":null,\"b\":true}}"),
		REPLY("{\"error\":\"x.y.Z\"}"),
	};
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 2);
	int64_t number = 1;

	(void)state;
	assert_null(subidd_client_error_string(client, "s"));
	assert_int_equal(subidd_get(client, "pod-1", &result), -EREMOTEIO);
	assert_string_equal(subidd_client_error_string(client, "s"), "text");
	assert_null(subidd_client_error_string(client, "i"));
	assert_null(subidd_client_error_string(client, "n"));
	assert_null(subidd_client_error_string(client, "missing"));
	assert_int_equal(subidd_client_error_int(client, "s", &number), -ENODATA);
	assert_int_equal(subidd_client_error_int(client, "b", &number), -ENODATA);
	assert_int_equal(number, 1);
	assert_int_equal(subidd_client_error_int(client, "i", &number), 0);
	assert_int_equal(number, -5);
	assert_int_equal(subidd_get(client, "pod-1", &result), -EREMOTEIO);
	assert_null(subidd_client_error_string(client, "s"));
	peer_stop(&peer, client);
	peer_done(&peer);
}

/* An error ends a list, at its begin and after some replies. */
static void test_errors_of_lists(void **state)
{
	static const char stream[] = LIST_REPLY("\"continues\":true,") "\0{\"error\":\"" ALLOCATOR
								       "NoSuchPool\"}";
	const struct peer_reply replies[] = {
		REPLY("{\"error\":\"" ALLOCATOR "NoSuchPool\",\"parameters\":{\"pool\":\"x\"}}"),
		{ stream, sizeof(stream), PEER_PLAIN },
		REPLY(GET_REPLY),
	};
	const struct subidd_allocation *a;
	struct subidd_iterator *iterator = NULL;
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 3);

	(void)state;
	assert_int_equal(subidd_list(client, "x", SUBIDD_STATE_ANY, &iterator), -ENXIO);
	assert_string_equal(subidd_client_error_string(client, "pool"), "x");
	assert_int_equal(subidd_list(client, NULL, SUBIDD_STATE_ANY, &iterator), 0);
	assert_int_equal(subidd_iterator_next(iterator, &a), 1);
	assert_int_equal(subidd_iterator_next(iterator, &a), -ENXIO);
	assert_int_equal(subidd_iterator_next(iterator, &a), 0);
	assert_int_equal(subidd_get(client, "pod-1", &result), 0);
	subidd_result_free(result);
	subidd_iterator_free(iterator);
	peer_stop(&peer, client);
	peer_done(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_errors),
		CLIENT_TEST(test_parameters),
		CLIENT_TEST(test_errors_of_lists),
	};

	return cmocka_run_group_tests_name("client errors", tests, NULL, NULL);
}
