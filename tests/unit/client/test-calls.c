/* SPDX-License-Identifier: MIT */

/* Each method as a sound daemon answers it: what is sent, and what comes back. */

#include "fixture.h"

#define CALL(method, parameters) "{" parameters "\"method\":\"io.subidd.Allocator." method "\"}"

#define CALL_MORE(method, parameters)                                                              \
	"{" parameters "\"method\":\"io.subidd.Allocator." method "\",\"more\":true}"

static void check_allocation(const struct subidd_allocation *a)
{
	assert_string_equal(a->pod, "pod-1");
	assert_string_equal(a->pool, "kubelet");
	assert_int_equal(a->start, 131072);
	assert_int_equal(a->count, 65536);
	assert_int_equal(a->origin, SUBIDD_ORIGIN_REQUEST);
	assert_true(a->in_pool);
	assert_string_equal(a->pod_namespace, "default");
	assert_string_equal(a->pod_name, "web-0");
	assert_int_equal(a->client_uid, 1000);
	assert_int_equal(a->created_at, 1700000000000000);
	assert_int_equal(a->released_at, 0);
	assert_int_equal(a->pid, 4242);
}

static void check_mappings(const struct subidd_result *result)
{
	assert_int_equal(result->n_uid_mappings, 1);
	assert_int_equal(result->n_gid_mappings, 1);
	assert_int_equal(result->uid_mappings[0].container_id, 0);
	assert_int_equal(result->uid_mappings[0].host_id, 131072);
	assert_int_equal(result->uid_mappings[0].size, 65536);
	assert_memory_equal(result->uid_mappings, result->gid_mappings,
			    sizeof(struct subidd_mapping));
}

/* Ends the peer and compares what it was asked. */
static void check_call(struct peer *peer, struct subidd_client *client, const char *call)
{
	assert_null(subidd_client_error_name(client));
	assert_null(subidd_client_error_message(client));
	peer_stop(peer, client);
	assert_int_equal(peer->n_calls, 1);
	assert_string_equal(peer->calls[0], call);
	peer_done(peer);
}

static void test_allocate(void **state)
{
	const struct subidd_request request = {
		.pod = "pod-1",
		.pool = "kubelet",
		.count = 65536,
		.pod_namespace = "default",
		.pod_name = "web-0",
		.pid = 4242,
		.start = 131072,
	};
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(ALLOCATE_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_allocate(client, &request, sizeof(request), &result), 0);
	check_allocation(result->allocation);
	check_mappings(result);
	assert_int_equal(result->outcome, SUBIDD_OUTCOME_CREATED);
	assert_string_equal(result->json,
			    "{\"allocation\":" ALLOCATION(
				    "active") ",\"outcome\":\"created\"," BOTH_MAPPINGS "}");
	assert_string_equal(result->allocation->json, ALLOCATION("active"));
	subidd_result_free(result);
	check_call(
		&peer, client,
		CALL("Allocate",
		     "\"parameters\":{\"pool\":\"kubelet\",\"count\":65536,\"namespace\":"
		     "\"default\",\"name\":\"web-0\",\"pid\":4242,\"start\":131072,\"pod\":\"pod-1\"},"));
}

static void test_allocate_leaves_out_what_is_not_set(void **state)
{
	const struct subidd_request request = { .pod = "pod-1" };
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(ALLOCATE_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_allocate(client, &request, sizeof(request), &result), 0);
	subidd_result_free(result);
	check_call(&peer, client, CALL("Allocate", "\"parameters\":{\"pod\":\"pod-1\"},"));
}

static void test_allocate_with_requests_of_other_versions(void **state)
{
	struct {
		struct subidd_request request;
		const char *newer;
	} larger = { .request = { .pod = "pod-1" }, .newer = "set" };
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(
		&peer, (struct peer_reply[]){ REPLY(ALLOCATE_REPLY), REPLY(ALLOCATE_REPLY) }, 2);

	(void)state;
	assert_int_equal(subidd_allocate(client, &larger.request, sizeof(larger), &result), -E2BIG);
	assert_non_null(subidd_client_error_message(client));
	larger.newer = NULL;
	assert_int_equal(subidd_allocate(client, &larger.request, sizeof(larger), &result), 0);
	subidd_result_free(result);
	larger.request.pool = "beyond what an older version has";
	assert_int_equal(subidd_allocate(client, &larger.request, sizeof(char *), &result), 0);
	subidd_result_free(result);
	peer_stop(&peer, client);
	assert_string_equal(peer.calls[1], CALL("Allocate", "\"parameters\":{\"pod\":\"pod-1\"},"));
	peer_done(&peer);
}

static void test_release(void **state)
{
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(RELEASE_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_release(client, "pod-1", &result), 0);
	assert_true(result->released);
	assert_int_equal(result->outcome, SUBIDD_OUTCOME_NONE);
	check_allocation(result->allocation);
	assert_int_equal(result->allocation->state, SUBIDD_STATE_RELEASED);
	assert_null(result->uid_mappings);
	subidd_result_free(result);
	check_call(&peer, client, CALL("Release", "\"parameters\":{\"pod\":\"pod-1\"},"));
}

static void test_release_of_an_unknown_pod(void **state)
{
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(
		&peer,
		(struct peer_reply[]){ REPLY("{\"parameters\":{\"released\":false}}"),
				       REPLY("{\"parameters\":{\"released\":false}}") },
		2);

	(void)state;
	assert_int_equal(subidd_release(client, "pod-1", &result), 0);
	assert_false(result->released);
	assert_null(result->allocation);
	assert_string_equal(result->json, "{\"released\":false}");
	subidd_result_free(result);
	assert_int_equal(subidd_release(client, "pod-1", NULL), 0);
	peer_stop(&peer, client);
	peer_done(&peer);
}

static void test_get(void **state)
{
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(GET_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_get(client, "pod-1", &result), 0);
	check_allocation(result->allocation);
	check_mappings(result);
	assert_int_equal(result->outcome, SUBIDD_OUTCOME_NONE);
	subidd_result_free(result);
	check_call(&peer, client, CALL("Get", "\"parameters\":{\"pod\":\"pod-1\"},"));
}

static void test_lookup(void **state)
{
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(LOOKUP_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_lookup(client, 131105, &result), 0);
	check_allocation(result->allocation);
	assert_int_equal(result->container_id, 33);
	assert_int_equal(result->n_uid_mappings, 0);
	subidd_result_free(result);
	check_call(&peer, client, CALL("Lookup", "\"parameters\":{\"id\":131105},"));
}

static void test_lookup_at(void **state)
{
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(LOOKUP_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_lookup_at(client, 131105, 1700000000000000, &result), 0);
	assert_int_equal(result->container_id, 33);
	subidd_result_free(result);
	check_call(&peer, client,
		   CALL("Lookup", "\"parameters\":{\"id\":131105,\"at\":1700000000000000},"));
}

static void test_bind(void **state)
{
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(BIND_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_bind(client, "pod-1", (uint64_t)-1, &result), -EINVAL);
	assert_string_equal(subidd_client_error_message(client), "pid is too large");
	assert_int_equal(subidd_bind(client, NULL, 4242, &result), -EINVAL);
	assert_int_equal(subidd_bind(client, "pod-1", 4242, &result), 0);
	check_allocation(result->allocation);
	assert_null(result->uid_mappings);
	subidd_result_free(result);
	check_call(&peer, client, CALL("Bind", "\"parameters\":{\"pid\":4242,\"pod\":\"pod-1\"},"));
}

static void test_list(void **state)
{
	static const char stream[] = LIST_REPLY(
		"\"continues\":true,") "\0" /* one allocation */
				       "{\"continues\":true,\"parameters\":{\"allocations\":[]}}\0" /* none */
		LIST_REPLY("");
	const struct peer_reply replies[] = { { stream, sizeof(stream), PEER_PLAIN },
					      REPLY(GET_REPLY) };
	struct subidd_iterator *iterator = NULL;
	const struct subidd_allocation *a;
	struct subidd_result *result = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 2);

	(void)state;
	assert_int_equal(subidd_list(client, "kubelet", SUBIDD_STATE_ACTIVE, &iterator), 0);
	assert_int_equal(subidd_get(client, "pod-1", &result), -EBUSY);
	for (int i = 0; i < 2; i++) {
		a = NULL;
		assert_int_equal(subidd_iterator_next(iterator, &a), 1);
		check_allocation(a);
		assert_string_equal(a->json, ALLOCATION("active"));
	}
	assert_int_equal(subidd_iterator_next(iterator, &a), 0);
	assert_int_equal(subidd_iterator_next(iterator, &a), 0);
	assert_int_equal(subidd_get(client, "pod-1", &result), 0);
	subidd_result_free(result);
	subidd_iterator_free(iterator);
	peer_stop(&peer, client);
	assert_string_equal(
		peer.calls[0],
		CALL_MORE("List", "\"parameters\":{\"pool\":\"kubelet\",\"state\":\"active\"},"));
	peer_done(&peer);
}

static void check_pools(const struct subidd_status *status)
{
	const struct subidd_pool *p = status->pools[0];

	assert_int_equal(status->n_pools, 1);
	assert_string_equal(p->name, "kubelet");
	assert_string_equal(p->owner, "kubelet");
	assert_true(p->valid);
	assert_int_equal(p->start, 65536);
	assert_int_equal(p->count, 7208960);
	assert_int_equal(p->unit, 65536);
	assert_int_equal(p->max_pods, 110);
	assert_int_equal(p->capacity, 110);
	assert_int_equal(p->active, 1);
	assert_int_equal(p->draining, 2);
	assert_int_equal(p->released, 3);
	assert_int_equal(p->waiting, 2);
	assert_int_equal(p->foreign, 4);
	assert_int_equal(p->free, 103);
	assert_int_equal(p->outside, 5);
	assert_int_equal(p->n_findings, 2);
	assert_string_equal(p->findings[0]->rule, "well-known-range");
	assert_int_equal(p->findings[0]->level, SUBIDD_LEVEL_WARNING);
	assert_string_equal(p->findings[0]->message, "crosses");
	assert_string_equal(p->findings[0]->file, "/etc/subuid");
	assert_int_equal(p->findings[0]->line, 3);
	assert_int_equal(p->findings[1]->level, SUBIDD_LEVEL_ERROR);
	assert_null(p->findings[1]->file);
	assert_int_equal(p->findings[1]->line, 0);
}

static void test_get_status(void **state)
{
	struct subidd_status *status = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(STATUS_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_get_status(client, &status), 0);
	check_pools(status);
	assert_string_equal(status->version, "0.1.0");
	assert_int_equal(status->started_at, 1700000000000000);
	assert_string_equal(status->database, "/var/lib/subidd/allocations.db");
	assert_int_equal(status->schema, 1);
	assert_int_equal(status->allocations, 4);
	assert_int_equal(status->events, 9);
	assert_int_equal(status->database_size, 8192);
	assert_true(status->scan_is_blind);
	assert_string_equal(status->scan_message, "hidden");
	assert_int_equal(status->scanned_at, 1700000001000000);
	assert_int_equal(status->scan_processes, 250);
	assert_int_equal(status->scan_cost, 700);
	assert_int_equal(status->connections, 1);
	assert_int_equal(status->max_connections, 1024);
	assert_int_equal(status->refused, 2);
	assert_int_equal(status->calls, 3);
	subidd_status_free(status);
	check_call(&peer, client, CALL("GetStatus", ""));
}

static void test_reload(void **state)
{
	const struct peer_reply replies[] = { REPLY(RELOAD_REPLY), REPLY(RELOAD_REPLY) };
	struct subidd_status *status = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, replies, 2);

	(void)state;
	assert_int_equal(subidd_reload(client, &status), 0);
	check_pools(status);
	assert_null(status->version);
	assert_string_equal(status->json, "{\"pools\":" POOLS "}");
	subidd_status_free(status);
	assert_int_equal(subidd_reload(client, NULL), 0);
	peer_stop(&peer, client);
	assert_string_equal(peer.calls[0], CALL("Reload", ""));
	peer_done(&peer);
}

static void test_strings_that_cannot_be_sent(void **state)
{
	static const char *const bad[] = { "\xff", "a\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
					   "cut \xc3" };
	struct subidd_result *result = NULL;
	struct subidd_iterator *iterator = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, NULL, 0);

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
		struct subidd_request request = { .pod = "pod-1", .pod_name = bad[i] };

		assert_int_equal(subidd_allocate(client, &request, sizeof(request), &result),
				 -EINVAL);
		assert_string_equal(subidd_client_error_message(client), "name is not valid UTF-8");
		assert_int_equal(subidd_get(client, bad[i], &result), -EINVAL);
		assert_string_equal(subidd_client_error_message(client), "pod is not valid UTF-8");
		assert_int_equal(subidd_list(client, bad[i], SUBIDD_STATE_ANY, &iterator), -EINVAL);
		assert_string_equal(subidd_client_error_message(client), "pool is not valid UTF-8");
	}
	assert_int_equal(subidd_release(client, NULL, &result), -EINVAL);
	assert_string_equal(subidd_client_error_message(client), "pod is missing");
	assert_int_equal(subidd_list(client, NULL, (enum subidd_state)3, &iterator), -EINVAL);
	assert_null(subidd_client_error_name(client));
	peer_stop(&peer, client);
	assert_int_equal(peer.n_calls, 0);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(subidd_state_name(SUBIDD_STATE_DRAINING), "draining");
	assert_string_equal(subidd_origin_name(SUBIDD_ORIGIN_KUBELET), "kubelet");
	assert_string_equal(subidd_outcome_name(SUBIDD_OUTCOME_REVIVED), "revived");
	assert_string_equal(subidd_level_name(SUBIDD_LEVEL_ERROR), "error");
	assert_null(subidd_state_name(SUBIDD_STATE_ANY));
	assert_null(subidd_level_name((enum subidd_level)2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_allocate),
		CLIENT_TEST(test_allocate_leaves_out_what_is_not_set),
		CLIENT_TEST(test_allocate_with_requests_of_other_versions),
		CLIENT_TEST(test_release),
		CLIENT_TEST(test_release_of_an_unknown_pod),
		CLIENT_TEST(test_get),
		CLIENT_TEST(test_lookup),
		CLIENT_TEST(test_lookup_at),
		CLIENT_TEST(test_bind),
		CLIENT_TEST(test_list),
		CLIENT_TEST(test_get_status),
		CLIENT_TEST(test_reload),
		CLIENT_TEST(test_strings_that_cannot_be_sent),
		CLIENT_TEST(test_names),
	};

	return cmocka_run_group_tests_name("client calls", tests, NULL, NULL);
}
