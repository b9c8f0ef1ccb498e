/* SPDX-License-Identifier: MIT */

/* Replies of ListForeign, History and Reconcile that no sound daemon gives. */

#include "fixture.h"

static const struct bad_reply bad_foreign_lists[] = {
	BAD("{}", WRONG("foreign")),
	BAD("{\"parameters\":{\"foreign\":[5]}}", WRONG("foreign")),
	BAD("{\"parameters\":{\"foreign\":[{}]}}", WRONG("pool")),
	BAD("{\"parameters\":{\"foreign\":[{\"pool\":\"p\",\"start\":1,\"count\":0}]}}",
	    WRONG("count")),
	BAD("{\"parameters\":{\"foreign\":[{\"pool\":\"p\",\"start\":1,\"count\":4294967295}]}}",
	    WRONG("count")),
	BAD("{\"parameters\":{\"foreign\":[{\"pool\":\"p\",\"start\":1,\"count\":1,\"pid\":\"x\"}]}}",
	    WRONG("pid")),
};

#define EVENTS_WITH(more)                                                                          \
	EVENTS_REPLY("", "{\"sequence\":1,\"time\":1,\"kind\":\"bound\"," more "}")

static const struct bad_reply bad_histories[] = {
	BAD("{}", WRONG("events")),
	BAD(EVENTS_REPLY("", "5"), WRONG("events")),
	BAD(EVENTS_REPLY("", "{}"), WRONG("sequence")),
	BAD(EVENTS_REPLY("", "{\"sequence\":1,\"time\":1,\"kind\":7}"), WRONG("kind")),
	BAD(EVENTS_REPLY("\"continues\":true,", "{\"sequence\":1,\"time\":1}"), WRONG("kind")),
	BAD(EVENTS_WITH("\"start\":1"), WRONG("count")),
	BAD(EVENTS_WITH("\"count\":1"), WRONG("start")),
	BAD(EVENTS_WITH("\"start\":1,\"count\":0"), WRONG("count")),
	BAD(EVENTS_WITH("\"start\":4294967295,\"count\":1"), WRONG("count")),
	BAD(EVENTS_WITH("\"clientUid\":4294967296"), WRONG("clientUid")),
	BAD(EVENTS_WITH("\"clientPid\":-1"), WRONG("clientPid")),
	BAD(EVENTS_WITH("\"otherPod\":[]"), WRONG("otherPod")),
	BAD(EVENTS_WITH("\"cause\":1"), WRONG("cause")),
};

static const struct bad_reply bad_reconciliations[] = {
	BAD("{}", WRONG("released")),
	BAD("{\"parameters\":{\"released\":[]}}", WRONG("missing")),
	BAD("{\"parameters\":{\"released\":{},\"missing\":[]}}", WRONG("released")),
	BAD("{\"parameters\":{\"released\":[null],\"missing\":[]}}", WRONG("released")),
	BAD("{\"parameters\":{\"released\":[],\"missing\":[\"a\",1]}}", WRONG("missing")),
	BAD("{\"parameters\":{\"released\":[],\"missing\":[\"a\\u0000\"]}}", WRONG("missing")),
};

static int do_list_foreign(struct subidd_client *client)
{
	const struct subidd_foreign *foreign;
	struct subidd_foreign_iterator *iterator = NULL;
	int r;

	r = subidd_list_foreign(client, NULL, &iterator);
	if (r == 0) {
		r = subidd_foreign_iterator_next(iterator, &foreign);
		assert_int_equal(subidd_foreign_iterator_next(iterator, &foreign), 0);
	}
	subidd_foreign_iterator_free(iterator);
	return r;
}

/* The error of a step must still be that of the client, so the step is the last call. */
static int do_history(struct subidd_client *client)
{
	const struct subidd_event *event;
	struct subidd_event_iterator *iterator = NULL;
	int r;

	r = subidd_history(client, NULL, 0, &iterator);
	if (r == 0)
		r = subidd_event_iterator_next(iterator, &event);
	subidd_event_iterator_free(iterator);
	return r;
}

static int do_reconcile(struct subidd_client *client)
{
	const struct subidd_reconcile_request request = {};
	struct subidd_reconciliation *reconciliation = NULL;

	return subidd_reconcile(client, &request, sizeof(request), &reconciliation);
}

static void test_bad_foreign_lists(void **state)
{
	(void)state;
	check_all(bad_foreign_lists, ELEMENTS_OF(bad_foreign_lists), do_list_foreign);
}

static void test_bad_histories(void **state)
{
	(void)state;
	check_all(bad_histories, ELEMENTS_OF(bad_histories), do_history);
}

static void test_bad_reconciliations(void **state)
{
	(void)state;
	check_all(bad_reconciliations, ELEMENTS_OF(bad_reconciliations), do_reconcile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_bad_foreign_lists),
		CLIENT_TEST(test_bad_histories),
		CLIENT_TEST(test_bad_reconciliations),
	};

	return cmocka_run_group_tests_name("client replies of events", tests, NULL, NULL);
}
