/* SPDX-License-Identifier: MIT */

/* Replies that no sound daemon gives. */

#include "fixture.h"

#define NO_VARLINK "what the daemon at the given connection sent is no reply of varlink"
/* A Get reply with one thing replaced. */
#define ALLOCATION_WITH(pod, start, count, state, more)                                            \
	"{\"pod\":" pod ",\"pool\":\"p\",\"start\":" start ",\"count\":" count ",\"state\":" state \
	",\"origin\":\"request\",\"inPool\":true,\"clientUid\":0,\"createdAt\":1" more "}"
#define GET_WITH(allocation, mappings)                                                             \
	"{\"parameters\":{\"allocation\":" allocation ",\"uidMappings\":" MAPPINGS                 \
	",\"gidMappings\":" mappings "}}"
#define GET_ALLOCATION(pod, start, count, state, more)                                             \
	GET_WITH(ALLOCATION_WITH(pod, start, count, state, more), MAPPINGS)
#define GET_MAPPINGS(mappings)                                                                     \
	GET_WITH(ALLOCATION_WITH("\"pod-1\"", "131072", "65536", "\"active\"", ""), mappings)

static const struct bad_reply bad_gets[] = {
	BAD("", NO_VARLINK),
	BAD("[]", NO_VARLINK),
	BAD("{", NO_VARLINK),
	BAD("{\"parameters\":{\"allocation\":", NO_VARLINK),
	BAD("{\"parameters\":5}", NO_VARLINK),
	BAD("{\"error\":5}", NO_VARLINK),
	BAD("{\"error\":\"a.b.C\",\"continues\":true}", NO_VARLINK),
	BAD("{\"parameters\":{\"a\":\"\xff\"}}", NO_VARLINK),
	BAD("{\"parameters\":{\"a\":1,\"a\":2}}", NO_VARLINK),
	BAD("{\"surprise\":1}", NO_VARLINK),
	BAD("{\"continues\":true,\"parameters\":{}}", WRONG("continues")),
	BAD("{}", WRONG("allocation")),
	BAD("{\"parameters\":{}}", WRONG("allocation")),
	BAD("{\"parameters\":{\"allocation\":[]}}", WRONG("allocation")),
	BAD("{\"parameters\":{\"allocation\":{}}}", WRONG("uidMappings")),
	BAD(GET_ALLOCATION("5", "131072", "65536", "\"active\"", ""), WRONG("pod")),
	BAD(GET_ALLOCATION("\"a\\u0000b\"", "131072", "65536", "\"active\"", ""), WRONG("pod")),
	BAD(GET_ALLOCATION("\"pod-2\"", "131072", "65536", "\"active\"", ""), WRONG("pod")),
	BAD(GET_ALLOCATION("\"pod-1\"", "-1", "65536", "\"active\"", ""), WRONG("start")),
	BAD(GET_ALLOCATION("\"pod-1\"", "1.5", "65536", "\"active\"", ""), WRONG("start")),
	BAD(GET_ALLOCATION("\"pod-1\"", "4294967296", "1", "\"active\"", ""), WRONG("start")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "0", "\"active\"", ""), WRONG("count")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "4294836224", "\"active\"", ""), WRONG("count")),
	BAD(GET_ALLOCATION("\"pod-1\"", "4294967295", "1", "\"active\"", ""), WRONG("count")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "65536", "\"lost\"", ""), WRONG("state")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "65536", "0", ""), WRONG("state")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "65536", "\"active\"", ",\"name\":5"),
	    WRONG("name")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "65536", "\"active\"",
			   ",\"releasedAt\":99999999999999999999"),
	    WRONG("releasedAt")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "65536", "\"active\"", ",\"pid\":-1"),
	    WRONG("pid")),
	BAD(GET_ALLOCATION("\"pod-1\"", "131072", "65536", "\"active\"", ",\"pid\":2147483648"),
	    WRONG("pid")),
	BAD(GET_MAPPINGS("[]"), WRONG("gidMappings")),
	BAD(GET_MAPPINGS("[5]"), WRONG("gidMappings")),
	BAD(GET_MAPPINGS("[null]"), WRONG("gidMappings")),
	BAD(GET_MAPPINGS("[{\"containerID\":0,\"hostID\":131072,\"size\":65535}]"),
	    WRONG("gidMappings")),
	BAD(GET_MAPPINGS("[{\"containerID\":0,\"hostID\":131072,\"size\":65537}]"), WRONG("size")),
	BAD(GET_MAPPINGS("[{\"containerID\":0,\"hostID\":131072,\"size\":0}]"), WRONG("size")),
	BAD(GET_MAPPINGS("[{\"containerID\":0,\"hostID\":0,\"size\":65536}]"), WRONG("hostID")),
	BAD(GET_MAPPINGS("[{\"containerID\":1,\"hostID\":131072,\"size\":65536}]"),
	    WRONG("containerID")),
	BAD(GET_MAPPINGS("[{\"containerID\":0,\"hostID\":131072,\"size\":65536},"
			 "{\"containerID\":65536,\"hostID\":196608,\"size\":1}]"),
	    WRONG("size")),
};

#define LOOKUP_WITH(id)                                                                            \
	"{\"parameters\":{\"allocation\":" ALLOCATION("active") ",\"containerID\":" id "}}"

static const struct bad_reply bad_lookups[] = {
	BAD(LOOKUP_WITH("null"), WRONG("containerID")),
	BAD(LOOKUP_WITH("32"), WRONG("containerID")),
	BAD(LOOKUP_WITH("65569"), WRONG("containerID")),
	BAD(LOOKUP_WITH("-4294967263"), WRONG("containerID")),
};

#define POOL_WITH(start, findings)                                                                    \
	"{\"name\":\"p\",\"owner\":\"o\",\"valid\":true,\"start\":" start                             \
	",\"count\":65536,\"unit\":65536,\"maxPods\":1,\"capacity\":1,\"active\":0,"                  \
	"\"draining\":0,\"released\":0,\"foreign\":0,\"free\":1,\"outside\":0,\"findings\":" findings \
	"}"
#define STATUS_WITH(pools, store)                                                                  \
	"{\"parameters\":{\"version\":\"1\",\"startedAt\":1,\"pools\":" pools ",\"store\":" store  \
	",\"clients\":{}}}"

#define SOUND_STORE "{\"path\":\"\",\"schema\":1,\"allocations\":0,\"size\":1}"

static const struct bad_reply bad_statuses[] = {
	BAD("{}", WRONG("version")),
	BAD(STATUS_WITH("{}", "{}"), WRONG("pools")),
	BAD(STATUS_WITH("[5]", "{}"), WRONG("pools")),
	BAD(STATUS_WITH("[null]", "{}"), WRONG("pools")),
	BAD(STATUS_WITH("[{}]", "{}"), WRONG("name")),
	BAD(STATUS_WITH("[" POOL_WITH("4294967295", "[]") "]", "{}"), WRONG("count")),
	BAD(STATUS_WITH("[" POOL_WITH("0", "[1]") "]", "{}"), WRONG("findings")),
	BAD(STATUS_WITH("[" POOL_WITH("0", "[{\"rule\":\"r\",\"level\":\"fatal\"}]") "]", "{}"),
	    WRONG("level")),
	BAD(STATUS_WITH("[]", "{}"), WRONG("path")),
	BAD(STATUS_WITH("[]", "{\"path\":\"\",\"schema\":1,\"allocations\":0,\"size\":1}"),
	    WRONG("connections")),
	BAD(STATUS_WITH("[]", "{\"path\":\"\",\"schema\":1,\"allocations\":0,\"events\":-1,"
			      "\"size\":1}"),
	    WRONG("events")),
	BAD(STATUS_WITH("[]", SOUND_STORE ",\"scan\":[]"), WRONG("scan")),
	BAD(STATUS_WITH("[]", SOUND_STORE ",\"scan\":{}"), WRONG("blind")),
	BAD(STATUS_WITH("[]", SOUND_STORE ",\"scan\":{\"blind\":0}"), WRONG("blind")),
	BAD(STATUS_WITH("[]", SOUND_STORE ",\"scan\":{\"blind\":true}"), WRONG("processes")),
	BAD(STATUS_WITH("[]", SOUND_STORE ",\"scan\":{\"blind\":true,\"message\":1}"),
	    WRONG("message")),
	BAD(STATUS_WITH("[]", SOUND_STORE ",\"scan\":{\"blind\":true,\"lastAt\":1.5}"),
	    WRONG("lastAt")),
};

static const struct bad_reply bad_lists[] = {
	BAD("{}", WRONG("allocations")),
	BAD("{\"parameters\":{\"allocations\":[5]}}", WRONG("allocations")),
	BAD("{\"parameters\":{\"allocations\":[null]}}", WRONG("allocations")),
	BAD("{\"parameters\":{\"allocations\":[{}]}}", WRONG("pod")),
	BAD("{\"continues\":true,\"parameters\":{\"allocations\":[{}]}}", WRONG("pod")),
};

static int do_get(struct subidd_client *client)
{
	struct subidd_result *result = NULL;

	return subidd_get(client, "pod-1", &result);
}

static int do_lookup(struct subidd_client *client)
{
	struct subidd_result *result = NULL;

	return subidd_lookup(client, 131105, &result);
}

static int do_get_status(struct subidd_client *client)
{
	struct subidd_status *status = NULL;

	return subidd_get_status(client, &status);
}

static int do_list(struct subidd_client *client)
{
	const struct subidd_allocation *a;
	struct subidd_iterator *iterator = NULL;
	int r;

	r = subidd_list(client, NULL, SUBIDD_STATE_ANY, &iterator);
	if (r == 0) {
		r = subidd_iterator_next(iterator, &a);
		assert_int_equal(subidd_iterator_next(iterator, &a), 0);
	}
	subidd_iterator_free(iterator);
	return r;
}

static void test_bad_gets(void **state)
{
	(void)state;
	check_all(bad_gets, ELEMENTS_OF(bad_gets), do_get);
}

static void test_bad_lookups(void **state)
{
	(void)state;
	check_all(bad_lookups, ELEMENTS_OF(bad_lookups), do_lookup);
}

static void test_bad_statuses(void **state)
{
	(void)state;
	check_all(bad_statuses, ELEMENTS_OF(bad_statuses), do_get_status);
}

static void test_bad_lists(void **state)
{
	(void)state;
	check_all(bad_lists, ELEMENTS_OF(bad_lists), do_list);
}

/* Newer daemons may say more. */
static void test_unknown_members_are_ignored(void **state)
{
	static const char reply[] = GET_ALLOCATION("\"pod-1\"", "131072", "65536", "\"active\"",
						   ",\"mood\":{\"a\":[1.5]}");
	const struct peer_reply replies[] = { REPLY(reply) };
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 1);

	(void)state;
	assert_int_equal(subidd_get(client, "pod-1", &result), 0);
	assert_non_null(strstr(result->allocation->json, ",\"mood\":{\"a\":[1.5]}}"));
	subidd_result_free(result);
	peer_stop(&peer, client);
	peer_done(&peer);
}

/* A pod that maps in several steps, as long as it is the whole allocation. */
static void test_several_mappings(void **state)
{
	static const char reply[] = GET_MAPPINGS(
		"[{\"containerID\":0,\"hostID\":131072,\"size\":5},"
		"{\"containerID\":5,\"hostID\":131077,\"size\":65531}]");
	const struct peer_reply replies[] = { REPLY(reply) };
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 1);

	(void)state;
	assert_int_equal(subidd_get(client, "pod-1", &result), 0);
	assert_int_equal(result->n_gid_mappings, 2);
	assert_int_equal(result->gid_mappings[1].host_id, 131077);
	subidd_result_free(result);
	peer_stop(&peer, client);
	peer_done(&peer);
}

/* 16 MiB are the limit of a reply. */
static void test_replies_that_are_too_long(void **state)
{
	const size_t limit = 16 * 1024 * 1024;
	_cleanup_(freep) char *text = malloc(limit + 1);

	(void)state;
	memset(text, ' ', limit + 1);
	for (size_t extra = 0; extra < 2; extra++) {
		struct peer_reply reply = { text, limit + 1, PEER_PLAIN };
		struct peer peer;
		struct subidd_client *client = peer_start(&peer, &reply, 1);

		text[limit] = extra ? ' ' : 0;
		assert_int_equal(do_get(client), -EPROTO);
		assert_string_equal(
			subidd_client_error_message(client),
			extra ? "the daemon at the given connection sent too long a reply"
			      : NO_VARLINK);
		peer_stop(&peer, client);
		peer_done(&peer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_bad_gets),
		CLIENT_TEST(test_bad_lookups),
		CLIENT_TEST(test_bad_statuses),
		CLIENT_TEST(test_bad_lists),
		CLIENT_TEST(test_unknown_members_are_ignored),
		CLIENT_TEST(test_several_mappings),
		CLIENT_TEST(test_replies_that_are_too_long),
	};

	return cmocka_run_group_tests_name("client replies", tests, NULL, NULL);
}
