/* SPDX-License-Identifier: MIT */

/* Reconcile, ListForeign and History as a sound daemon answers them. */

#include "fixture.h"

#define CALL(method, parameters, more)                                                             \
	"{\"parameters\":{" parameters "},\"method\":\"io.subidd.Allocator." method "\"" more "}"
#define MORE ",\"more\":true"

/* Ends the peer and compares what it was asked first. */
static void check_call(struct peer *peer, struct subidd_client *client, const char *call)
{
	peer_stop(peer, client);
	assert_string_equal(peer->calls[0], call);
	peer_done(peer);
}

static void test_reconcile(void **state)
{
	static const char *const pods[] = { "pod-3", "pod-4" };
	const struct subidd_reconcile_request request = { pods, 2, "kubelet", true,
							  1700000000000000 };
	struct subidd_reconciliation *r = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(RECONCILE_REPLY), 1);

	(void)state;
	assert_int_equal(subidd_reconcile(client, &request, sizeof(request), &r), 0);
	assert_int_equal(r->n_released, 2);
	assert_string_equal(r->released[0], "pod-1");
	assert_string_equal(r->released[1], "pod-2");
	assert_int_equal(r->n_missing, 1);
	assert_string_equal(r->missing[0], "pod-3");
	assert_string_equal(r->json,
			    "{\"released\":[\"pod-1\",\"pod-2\"],\"missing\":[\"pod-3\"]}");
	assert_null(subidd_reconciliation_free(r));
	check_call(&peer, client,
		   CALL("Reconcile",
			"\"pods\":[\"pod-3\",\"pod-4\"],\"pool\":\"kubelet\",\"createdBefore\":"
			"1700000000000000,\"dryRun\":true",
			""));
}

static void test_reconcile_with_an_empty_list(void **state)
{
	const struct subidd_reconcile_request request = {};
	struct peer peer;
	struct subidd_client *client = peer_start(
		&peer, &REPLY("{\"parameters\":{\"released\":[],\"missing\":[]}}"), 1);

	(void)state;
	assert_int_equal(subidd_reconcile(client, &request, sizeof(request), NULL), 0);
	check_call(&peer, client, CALL("Reconcile", "\"pods\":[]", ""));
}

static void test_what_cannot_be_sent(void **state)
{
	static const char *const missing[] = { "pod-3", NULL }, *const bad[] = { "\xff" };
	struct {
		struct subidd_reconcile_request request;
		const char *newer;
	} larger = { .newer = "set" };
	struct {
		struct subidd_history_query query;
		uint64_t newer;
	} query = { .newer = 1 };
	const struct subidd_reconcile_request requests[] = { { missing, 2 }, { bad, 1 } };
	struct subidd_reconciliation *r = NULL;
	struct subidd_event_iterator *iterator = NULL;
	struct subidd_foreign_iterator *foreign = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, NULL, 0);

	(void)state;
	assert_int_equal(subidd_reconcile(client, &requests[0], sizeof(*requests), &r), -EINVAL);
	assert_string_equal(subidd_client_error_message(client), "pods[1] is missing");
	assert_int_equal(subidd_reconcile(client, &requests[1], sizeof(*requests), &r), -EINVAL);
	assert_string_equal(subidd_client_error_message(client), "pods[0] is not valid UTF-8");
	assert_int_equal(subidd_reconcile(client, &larger.request, sizeof(larger), &r), -E2BIG);
	assert_int_equal(subidd_history(client, &query.query, sizeof(query), &iterator), -E2BIG);
	query.newer = 0;
	query.query.since = UINT64_MAX;
	assert_int_equal(subidd_history(client, &query.query, sizeof(query), &iterator), -EINVAL);
	assert_string_equal(subidd_client_error_message(client), "since is too large");
	assert_int_equal(subidd_list_foreign(client, "\xff", &foreign), -EINVAL);
	assert_null(r);
	assert_null(iterator);
	peer_stop(&peer, client);
	assert_int_equal(peer.n_calls, 0);
}

static void test_list_foreign(void **state)
{
	static const char stream[] = FOREIGN_REPLY(
		"\"continues\":true,") "\0{\"parameters\":{\"foreign\":[{\"pool\":\"p\",\"start\":0,"
				       "\"count\":4294967295,\"command\":\"kubelet\"}]}}";
	const struct peer_reply reply = { stream, sizeof(stream), PEER_PLAIN };
	struct subidd_foreign_iterator *iterator = NULL;
	const struct subidd_foreign *f = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &reply, 1);

	(void)state;
	assert_int_equal(subidd_list_foreign(client, "kubelet", &iterator), 0);
	assert_int_equal(subidd_foreign_iterator_next(iterator, &f), 1);
	assert_string_equal(f->json, FOREIGN);
	assert_string_equal(f->pool, "kubelet");
	assert_int_equal(f->start, 200000);
	assert_int_equal(f->count, 65536);
	assert_int_equal(f->pid, 77);
	assert_string_equal(f->command, "conmon");
	assert_int_equal(subidd_foreign_iterator_next(iterator, &f), 1);
	assert_int_equal(f->count, UINT32_MAX);
	assert_int_equal(f->pid, 0);
	assert_int_equal(subidd_foreign_iterator_next(iterator, &f), 0);
	assert_null(subidd_foreign_iterator_free(iterator));
	check_call(&peer, client, CALL("ListForeign", "\"pool\":\"kubelet\"", MORE));
}

static void check_event(const struct subidd_event *e)
{
	assert_string_equal(e->json, EVENT);
	assert_int_equal(e->sequence, 12);
	assert_int_equal(e->time, 1700000000000000);
	assert_int_equal(e->kind, SUBIDD_EVENT_RELEASED);
	assert_string_equal(e->kind_name, "released");
	assert_string_equal(e->pod, "pod-1");
	assert_string_equal(e->pool, "kubelet");
	assert_int_equal(e->start, 131072);
	assert_int_equal(e->count, 65536);
	assert_string_equal(e->pod_namespace, "default");
	assert_string_equal(e->pod_name, "web-0");
	assert_true(e->has_client);
	assert_int_equal(e->client_uid, 0);
	assert_int_equal(e->client_pid, 99);
	assert_int_equal(e->pid, 4242);
	assert_string_equal(e->other_pod, "pod-2");
	assert_int_equal(e->cause, SUBIDD_CAUSE_PROCESS_ENDED);
	assert_string_equal(e->cause_name, "processEnded");
}

static void check_pool_event(const struct subidd_event *e)
{
	assert_int_equal(e->kind, SUBIDD_EVENT_POOL_CHANGED);
	assert_null(e->pod);
	assert_int_equal(e->start, 0);
	assert_int_equal(e->count, 0);
	assert_null(e->pod_namespace);
	assert_null(e->pod_name);
	assert_false(e->has_client);
	assert_int_equal(e->client_pid, 0);
	assert_int_equal(e->pid, 0);
	assert_null(e->other_pod);
	assert_int_equal(e->cause, SUBIDD_CAUSE_NONE);
	assert_null(e->cause_name);
}

static void test_history(void **state)
{
	static const char stream[] = EVENTS_REPLY("\"continues\":true,",
						  POOL_EVENT) "\0" EVENTS_REPLY("", EVENT);
	const struct peer_reply reply = { stream, sizeof(stream), PEER_PLAIN };
	const struct subidd_history_query query = { "pod-1", true, 0, 1, 2, 3 };
	struct subidd_event_iterator *iterator = NULL;
	const struct subidd_event *e = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &reply, 1);

	(void)state;
	assert_int_equal(subidd_history(client, &query, sizeof(query), &iterator), 0);
	assert_int_equal(subidd_event_iterator_next(iterator, &e), 1);
	check_pool_event(e);
	assert_int_equal(subidd_event_iterator_next(iterator, &e), 1);
	check_event(e);
	assert_int_equal(subidd_event_iterator_next(iterator, &e), 0);
	assert_null(subidd_event_iterator_free(iterator));
	check_call(&peer, client,
		   CALL("History", "\"pod\":\"pod-1\",\"id\":0,\"since\":1,\"until\":2,\"limit\":3",
			MORE));
}

/* A newer daemon may have more kinds of events and causes. */
static void test_words_of_newer_daemons(void **state)
{
	static const char reply[] = EVENTS_REPLY(
		"", "{\"sequence\":1,\"time\":1,\"kind\":\"sung\",\"cause\":\"joy\"}");
	struct subidd_event_iterator *iterator = NULL;
	const struct subidd_event *e = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(reply), 1);

	(void)state;
	assert_int_equal(subidd_history(client, NULL, 0, &iterator), 0);
	assert_int_equal(subidd_event_iterator_next(iterator, &e), 1);
	assert_int_equal(e->kind, SUBIDD_EVENT_UNKNOWN);
	assert_string_equal(e->kind_name, "sung");
	assert_int_equal(e->cause, SUBIDD_CAUSE_UNKNOWN);
	assert_string_equal(e->cause_name, "joy");
	subidd_event_iterator_free(iterator);
	check_call(&peer, client, "{\"method\":\"io.subidd.Allocator.History\"" MORE "}");
}

/* Each word of the interface is a kind, in the order of the enum. */
static void test_kinds_and_causes(void **state)
{
	static const char reply[] = EVENTS_REPLY(
		"",
#define NAMED(kind) "{\"sequence\":1,\"time\":1,\"kind\":\"" kind "\"},"
		NAMED("allocated") NAMED("revived") NAMED("released") NAMED("drained")
			NAMED("reused") NAMED("bound") NAMED("adopted") NAMED("vanished")
				NAMED("conflict") NAMED("poolChanged") NAMED("restored")
#define CAUSED(cause) "{\"sequence\":1,\"time\":1,\"kind\":\"released\",\"cause\":\"" cause "\"}"
					CAUSED("request") "," CAUSED("reconcile"));
	struct subidd_event_iterator *iterator = NULL;
	const struct subidd_event *e = NULL;
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &REPLY(reply), 1);

	(void)state;
	assert_int_equal(subidd_history(client, NULL, 0, &iterator), 0);
	for (int kind = SUBIDD_EVENT_ALLOCATED; kind <= SUBIDD_EVENT_RESTORED; kind++) {
		assert_int_equal(subidd_event_iterator_next(iterator, &e), 1);
		assert_int_equal(e->kind, kind);
	}
	for (int cause = SUBIDD_CAUSE_REQUEST; cause <= SUBIDD_CAUSE_RECONCILE; cause++) {
		assert_int_equal(subidd_event_iterator_next(iterator, &e), 1);
		assert_int_equal(e->cause, cause);
	}
	subidd_event_iterator_free(iterator);
	peer_stop(&peer, client);
	peer_done(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_reconcile),
		CLIENT_TEST(test_reconcile_with_an_empty_list),
		CLIENT_TEST(test_what_cannot_be_sent),
		CLIENT_TEST(test_list_foreign),
		CLIENT_TEST(test_history),
		CLIENT_TEST(test_words_of_newer_daemons),
		CLIENT_TEST(test_kinds_and_causes),
	};

	return cmocka_run_group_tests_name("client events", tests, NULL, NULL);
}
