/* SPDX-License-Identifier: MIT */

/*
 * Each call with its 1st, 2nd, ... request for memory failing, until it succeeds. What fails is
 * what the library's own objects ask for, of libc and of json-c, by the linker's --wrap: inside of
 * its parser json-c 0.16 does not survive a lack of memory itself.
 */

#include "fixture.h"
#include "json.h"

#include <poll.h>
#include <stdio.h>

/* Requests of this thread until one fails; negative for never. The peer's thread has its own. */
static _Thread_local long countdown = -1;

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

#define WRAP(type, function, failure, parameters, arguments)                                       \
	type __real_##function parameters;                                                         \
	type __wrap_##function parameters;                                                         \
	type __wrap_##function parameters                                                          \
	{                                                                                          \
		return fails() ? failure : __real_##function arguments;                            \
	}

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, NULL, (void *pointer, size_t size), (pointer, size))
WRAP(char *, strdup, NULL, (const char *text), (text))
WRAP(int, vasprintf, -1, (char **ret, const char *format, va_list list), (ret, format, list))
WRAP(FILE *, open_memstream, NULL, (char **ret, size_t *ret_size), (ret, ret_size))
WRAP(struct json_object *, json_object_new_object, NULL, (void), ())
WRAP(struct json_object *, json_object_new_string, NULL, (const char *text), (text))
WRAP(struct json_object *, json_object_new_int64, NULL, (int64_t number), (number))
WRAP(struct json_object *, json_object_new_boolean, NULL, (json_bool value), (value))
WRAP(struct json_object *, json_object_new_array, NULL, (void), ())
WRAP(int, json_object_array_add, -1, (struct json_object * array, struct json_object *value),
     (array, value))
WRAP(int, json_object_object_add, -1,
     (struct json_object * object, const char *name, struct json_object *value),
     (object, name, value))
WRAP(struct json_tokener *, json_tokener_new_ex, NULL, (int depth), (depth))

static int do_allocate(struct subidd_client *client)
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
	int r = subidd_allocate(client, &request, sizeof(request), &result);

	subidd_result_free(result);
	return r;
}

static int do_release(struct subidd_client *client)
{
	struct subidd_result *result = NULL;
	int r = subidd_release(client, "pod-1", &result);

	subidd_result_free(result);
	return r;
}

static int do_get(struct subidd_client *client)
{
	struct subidd_result *result = NULL;
	int r = subidd_get(client, "pod-1", &result);

	subidd_result_free(result);
	return r;
}

static int do_lookup(struct subidd_client *client)
{
	struct subidd_result *result = NULL;
	int r = subidd_lookup(client, 131105, &result);

	subidd_result_free(result);
	return r;
}

static int do_list(struct subidd_client *client)
{
	const struct subidd_allocation *a;
	struct subidd_iterator *iterator = NULL;
	int r;

	r = subidd_list(client, "kubelet", SUBIDD_STATE_ACTIVE, &iterator);
	if (r < 0)
		return r;
	do {
		r = subidd_iterator_next(iterator, &a);
	} while (r > 0);
	subidd_iterator_free(iterator);
	return r;
}

static int do_get_status(struct subidd_client *client)
{
	struct subidd_status *status = NULL;
	int r = subidd_get_status(client, &status);

	subidd_status_free(status);
	return r;
}

static int do_reload(struct subidd_client *client)
{
	struct subidd_status *status = NULL;
	int r = subidd_reload(client, &status);

	subidd_status_free(status);
	return r;
}

static int do_bind(struct subidd_client *client)
{
	struct subidd_result *result = NULL;
	int r = subidd_bind(client, "pod-1", 4242, &result);

	subidd_result_free(result);
	return r;
}

static int do_reconcile(struct subidd_client *client)
{
	static const char *const pods[] = { "pod-3", "pod-4" };
	const struct subidd_reconcile_request request = { pods, 2, "kubelet", true, 5 };
	struct subidd_reconciliation *reconciliation = NULL;
	int r = subidd_reconcile(client, &request, sizeof(request), &reconciliation);

	subidd_reconciliation_free(reconciliation);
	return r;
}

static int do_list_foreign(struct subidd_client *client)
{
	const struct subidd_foreign *foreign;
	struct subidd_foreign_iterator *iterator = NULL;
	int r;

	r = subidd_list_foreign(client, "kubelet", &iterator);
	if (r < 0)
		return r;
	do {
		r = subidd_foreign_iterator_next(iterator, &foreign);
	} while (r > 0);
	subidd_foreign_iterator_free(iterator);
	return r;
}

static int go_through(struct subidd_event_iterator *iterator)
{
	const struct subidd_event *event;
	int r;

	do {
		r = subidd_event_iterator_next(iterator, &event);
	} while (r > 0);
	subidd_event_iterator_free(iterator);
	return r;
}

static int do_history(struct subidd_client *client)
{
	const struct subidd_history_query query = { "pod-1", true, 5, 6, 7, 8 };
	struct subidd_event_iterator *iterator = NULL;
	int r = subidd_history(client, &query, sizeof(query), &iterator);

	return r < 0 ? r : go_through(iterator);
}

static int do_monitor(struct subidd_client *client)
{
	struct subidd_event_iterator *iterator = NULL;
	int r = subidd_monitor(client, &iterator);

	return r < 0 ? r : go_through(iterator);
}

static int do_backup(struct subidd_client *client)
{
	struct subidd_backup_iterator *iterator = NULL;
	const struct subidd_piece *piece;
	int r = subidd_backup(client, &iterator);

	if (r < 0)
		return r;
	do {
		r = subidd_backup_iterator_next(iterator, &piece);
	} while (r > 0);
	subidd_backup_iterator_free(iterator);
	return r;
}

/* What the callback of a started call was told last; 1 while it has not come to its end. */
static int told;

static void hear_result(struct subidd_client *client, int error, struct subidd_result *result,
			void *userdata)
{
	(void)client;
	(void)userdata;
	told = error;
	subidd_result_free(result);
}

static void hear_event(struct subidd_client *client, int r, const struct subidd_event *event,
		       void *userdata)
{
	(void)client;
	(void)event;
	(void)userdata;
	told = r == -EAGAIN ? 1 : r;
}

/* Goes on until the callback of a call was told the end, if it was started. */
static int await_end(struct subidd_client *client, int r)
{
	struct pollfd fd = { .fd = subidd_client_get_poll_fd(client), .events = POLLIN };

	for (told = 1; r == 0 && told == 1;) {
		poll(&fd, 1, -1);
		r = subidd_client_process(client);
	}
	return r < 0 ? r : told;
}

static int do_start_allocate(struct subidd_client *client)
{
	const struct subidd_request request = {
		"pod-1", "kubelet", 65536, "default", "web-0", 4242
	};
	int r = subidd_start_allocate(client, &request, sizeof(request), hear_result, NULL, NULL);

	return await_end(client, r);
}

static int do_start_get(struct subidd_client *client)
{
	return await_end(client, subidd_start_get(client, "pod-1", hear_result, NULL, NULL));
}

static int do_start_monitor(struct subidd_client *client)
{
	return await_end(client, subidd_start_monitor(client, hear_event, NULL, NULL));
}

static const char backup_stream[] =
	"{\"continues\":true,\"parameters\":{\"offset\":0,\"size\":6,\"data\":\"Zm9v\"}}\0"
	"{\"parameters\":{\"offset\":3,\"size\":6,\"data\":\"Zm9v\"}}";
static const char list_stream[] = LIST_REPLY("\"continues\":true,") "\0" LIST_REPLY("");
static const char foreign_stream[] = FOREIGN_REPLY("\"continues\":true,") "\0" FOREIGN_REPLY("");
static const char events_stream[] = EVENTS_REPLY("\"continues\":true,",
						 "") "\0" EVENTS_REPLY("", EVENT "," POOL_EVENT);
#define REFUSAL                                                                                    \
	"{\"error\":\"io.subidd.Allocator.NoSuchPool\",\"parameters\":{\"pool\":\"kubelet\"}}"

static const struct {
	int (*call)(struct subidd_client *);
	struct peer_reply reply;
	int end;
} cases[] = {
	{ do_allocate, { ALLOCATE_REPLY, sizeof(ALLOCATE_REPLY), 0 }, 0 },
	{ do_release, { RELEASE_REPLY, sizeof(RELEASE_REPLY), 0 }, 0 },
	{ do_get, { GET_REPLY, sizeof(GET_REPLY), 0 }, 0 },
	{ do_lookup, { LOOKUP_REPLY, sizeof(LOOKUP_REPLY), 0 }, 0 },
	{ do_list, { list_stream, sizeof(list_stream), 0 }, 0 },
	{ do_get_status, { STATUS_REPLY, sizeof(STATUS_REPLY), 0 }, 0 },
	{ do_reload, { RELOAD_REPLY, sizeof(RELOAD_REPLY), 0 }, 0 },
	{ do_bind, { BIND_REPLY, sizeof(BIND_REPLY), 0 }, 0 },
	{ do_reconcile, { RECONCILE_REPLY, sizeof(RECONCILE_REPLY), 0 }, 0 },
	{ do_list_foreign, { foreign_stream, sizeof(foreign_stream), 0 }, 0 },
	{ do_history, { events_stream, sizeof(events_stream), 0 }, 0 },
	{ do_monitor, { events_stream, sizeof(events_stream), 0 }, 0 },
	{ do_backup, { backup_stream, sizeof(backup_stream), 0 }, 0 },
	{ do_get, { REFUSAL, sizeof(REFUSAL), 0 }, -ENXIO },
	{ do_start_allocate, { ALLOCATE_REPLY, sizeof(ALLOCATE_REPLY), 0 }, 0 },
	{ do_start_monitor, { events_stream, sizeof(events_stream), 0 }, 0 },
	{ do_start_get, { REFUSAL, sizeof(REFUSAL), 0 }, -ENXIO },
};

/* Calls with the N-th allocation failing. Returns true once there was no N-th one. */
static bool call_failing(size_t i, long n)
{
	struct peer peer;
	struct subidd_client *client = peer_start(&peer, &cases[i].reply, 1);
	bool all_succeeded;
	int r;

	countdown = n;
	r = cases[i].call(client);
	all_succeeded = countdown >= 0;
	countdown = -1;
	if (all_succeeded)
		assert_int_equal(r, cases[i].end);
	else if (r != cases[i].end) /* only the message may be lost to a lack of memory */
		assert_int_equal(r, -ENOMEM);
	if (r < 0)
		assert_non_null(subidd_client_error_message(client));
	peer_stop(&peer, client);
	peer_done(&peer);
	return all_succeeded;
}

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
		long n = 0;

		while (!call_failing(i, n))
			n++;
		print_message("# call %zu allocates %ld times\n", i, n);
		assert_true(n > 5);
	}
}

static void test_new(void **state)
{
	struct subidd_client *client = NULL;

	(void)state;
	for (long n = 0; n < 2; n++) {
		countdown = n;
		assert_int_equal(subidd_client_new(&client, "/x"), -ENOMEM);
	}
	countdown = 0;
	assert_int_equal(subidd_client_new_from_fd(&client, 0), -ENOMEM);
	assert_null(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_calls),
		CLIENT_TEST(test_new),
	};

	return cmocka_run_group_tests_name("client memory", tests, NULL, NULL);
}
