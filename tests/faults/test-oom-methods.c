/* SPDX-License-Identifier: MIT */

/*
 * Memory that runs out in each method, from its message to its reply: what answers with an error
 * has changed nothing, what answers otherwise has done what it says.
 */

#include "disk.h"
#include "oom.h"
#include "testing.h"
#include "work.h"

#include "call.h"
#include "methods.h"

#include <errno.h>

#define NAMED "io.subidd.Allocator."
#define MOST_EVENTS 30

static const struct method_call {
	const char *method, *parameters, *flag; /* "%u" in the parameters: another one each time */
} calls[] = {
	{ "Allocate", "\"pod\":\"pod%u\",\"namespace\":\"n\",\"name\":\"a name\"" },
	{ "Allocate", "\"pod\":\"kept\",\"count\":65536" },
	{ "Allocate", "\"pod\":\"kept\",\"count\":131072" },
	{ "Allocate", "\"pod\":\"pod%u\",\"count\":655360000" },
	{ "Allocate", "\"pod\":\"pod%u\",\"pool\":\"none\"" },
	{ "Allocate", "\"pod\":\"pod%u\",\"pid\":1" },
	{ "Allocate", "\"pod\":\"pod%u\",\"start\":262144" },
	{ "Allocate", "\"pod\":\"pod%u\",\"start\":262144,\"count\":131072,\"pid\":1" },
	{ "Allocate", "\"pod\":\"kept\",\"start\":262144" },
	{ "Allocate", "\"pod\":\"pod%u\",\"start\":65536" },
	{ "Allocate", "\"pod\":\"pod%u\",\"start\":65537" },
	{ "Release", "\"pod\":\"kept\"" },
	{ "Release", "\"pod\":\"none\"" },
	{ "Get", "\"pod\":\"kept\"" },
	{ "Get", "\"pod\":\"none\"" },
	{ "List", "\"pool\":\"kubelet\"", "more" },
	{ "Lookup", "\"id\":65537" },
	{ "Lookup", "\"id\":65537,\"at\":9000000000000000" },
	{ "Bind", "\"pod\":\"kept\",\"pid\":1" },
	{ "Reconcile", "\"pods\":[\"b\",\"a\"],\"createdBefore\":9000000000000000" },
	{ "ListForeign", "", "more" },
	{ "History", "\"limit\":50", "more" },
	{ "History", "\"pod\":\"kept\"", "more" },
	{ "History", "\"id\":65537", "more" },
	{ "Monitor", "", "more" },
	{ "GetStatus", "" },
	{ "Reload", "" },
};

static struct work work;
static struct folder folder;
static struct methods methods;
static struct varlink_interface interface;
static const struct method_call *current;
static char *before;		 /* what the store had */
static bool is_error, is_closed; /* what the last call got */
static size_t n_replies, n_calls;

static void count_clients(struct methods_clients *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_clients){ .connections = 1 };
}

static void describe_scan(struct methods_scan *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_scan){ .processes = 1 };
}

static const struct findings *find_runtime(const char *pool, void *userdata)
{
	(void)pool;
	(void)userdata;
	return NULL;
}

static int reload(struct varlink_call *call, void *userdata)
{
	return methods_reply_reload(userdata, call);
}

static int take_message(struct json_object *message, void *userdata)
{
	(void)userdata;
	if (!message)
		return -ENOMEM;
	n_replies++;
	is_error = json_object_object_get_ex(message, "error", NULL);
	json_object_put(message);
	return 0;
}

static void skip_message(void *userdata)
{
	(void)userdata;
}

static char *dump(void)
{
	bool overlaps, has_gap;
	char *text = work_dump(work.store, &overlaps, &has_gap);

	assert_false(text && (overlaps || has_gap));
	return text;
}

/* The message of a call; it is the client's, and needs no memory of ours. */
static size_t write_call(char (*text)[512])
{
	const char *mark = strstr(current->parameters, "%u");
	char parameters[256];

	if (mark)
		snprintf(parameters, sizeof(parameters), "%.*s%zu%s",
			 (int)(mark - current->parameters), current->parameters, n_calls, mark + 2);
	else
		snprintf(parameters, sizeof(parameters), "%s", current->parameters);
	return (size_t)snprintf(*text, sizeof(*text),
				"{\"method\":\"" NAMED "%s\",\"parameters\":{%s}%s%s%s}",
				current->method, parameters, current->flag ? ",\"" : "",
				current->flag ? current->flag : "", current->flag ? "\":true" : "");
}

static bool run_call(void)
{
	const struct varlink_interface *interfaces[] = { &interface };
	const struct varlink_peer peer = { .pid = 1 };
	struct call_owner owner = {
		.interfaces = interfaces,
		.n_interfaces = 1,
		.peer = &peer,
		.access = ACCESS_ROOT,
		.send = take_message,
		.skip = skip_message,
	};
	struct varlink_call call;
	char text[512];
	int r;

	oom_spare(true);
	n_calls++;
	is_error = is_closed = false;
	n_replies = 0;
	free(before);
	before = dump();
	assert_non_null(before);
	oom_spare(false);
	r = call_start(&call, &owner, text, write_call(&text));
	while (r == 0 && call.state == CALL_RUNNING)
		r = call_continue(&call);
	call_done(&call);
	/* json-c without memory can look like a message that is no JSON: it is closed all the same
	 */
	if (r != 0 && r != -ENOMEM && r != -EBADMSG)
		fail_msg("%s: %d", text, r);
	assert_true(r < 0 || n_replies > 0);
	is_closed = r < 0;
	return r == 0;
}

static const struct requester root = { 0, 1, true };

/* As it was before the next call: one pod has a range, and that is all. */
static void clean(void)
{
	const char *living[] = { "kept" };
	const struct allocate_request kept = { .pod = "kept", .by = root, .now = work.now };
	struct reconcile_request others = { .pods = living,
					    .n_pods = 1,
					    .created_before = UINT64_MAX,
					    .by = root,
					    .now = work.now };
	struct allocation answer;
	enum allocate_outcome outcome;
	struct refusal refusal;

	assert_int_equal(allocator_allocate(work.allocator, &kept, &answer, &outcome, &refusal), 0);
	assert_int_equal(allocator_reconcile(work.allocator, &others, work_ignore_row, NULL), 0);
	assert_true(work_drain(&work) >= 0);
	while (allocator_prune(work.allocator, work.now, 100) > 0)
		;
	if (allocator_is_pending(work.allocator))
		assert_int_equal(allocator_commit(work.allocator), 0);
}

/* A batch that SQLite gave up cannot be committed; what can be is right. */
static void check(void)
{
	_cleanup_(freep) char *after = NULL;
	struct allocation answer;
	int r = allocator_is_pending(work.allocator) ? allocator_commit(work.allocator) : 0;

	assert_true(allocator_get(work.allocator, "kept", &answer) >= 0);
	after = dump();
	assert_non_null(after);
	if (r < 0 || (is_error && !is_closed))
		assert_string_equal(after, before);
	clean();
	free(take_ptr(after));
	oom_keep_blocks();
}

static void test_methods(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(calls); i++) {
		current = &calls[i];
		print_message("# %s %s\n", current->method, current->parameters);
		oom_loop(OOM_ALL, run_call, check, 1);
	}
}

static int setup(void **state)
{
	_cleanup_(freep) char *message = NULL;

	(void)state;
	folder_make(&folder);
	work = (struct work){ .random = 1, .now = { 1700000000000000, 1000000000 } };
	strcpy(work.boot, "11111111-1111-1111-1111-111111111111");
	strcpy(work.folder, folder.path);
	work.most_events = MOST_EVENTS;
	assert_int_equal(work_start(&work, &message), 0);
	assert_int_equal(work_set_pool(&work), 0);
	methods = (struct methods){
		.allocator = work.allocator,
		.version = "1",
		.count_clients = count_clients,
		.describe_scan = describe_scan,
		.find_runtime = find_runtime,
		.reload = reload,
		.userdata = &methods,
	};
	interface = methods_interface(&methods);
	clean();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	work_stop(&work, true);
	free(take_ptr(before));
	folder_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
