/* SPDX-License-Identifier: MIT */

/* What the methods make of their parameters and of what the allocator answers. */

#include "methods-rig.h"

#include <errno.h>

#define ERROR(name, parameters)                                                                    \
	"{\"parameters\":{" parameters "},\"error\":\"io.subidd.Allocator." name "\"}"
#define INVALID(name)                                                                              \
	"{\"parameters\":{\"parameter\":\"" name                                                   \
	"\"},\"error\":\"org.varlink.service.InvalidParameter\"}"
#define ALLOCATION                                                                                 \
	"{\"pod\":\"a\",\"pool\":\"kubelet\",\"start\":131072,\"count\":65536,"                    \
	"\"state\":\"active\",\"origin\":\"request\",\"inPool\":false,\"clientUid\":0,"            \
	"\"createdAt\":0,\"pid\":12}"

static int make(void **state)
{
	(void)state;
	methods_rig_make();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	methods_rig_drop();
	return 0;
}

static void test_bind(void **state)
{
	(void)state;
	methods_rig.living_pid = 12;
	expect_answer("Bind", "\"pod\":\"a\",\"pid\":12", NULL,
		      "{\"parameters\":{\"allocation\":" ALLOCATION "}}");
	assert_int_equal(methods_rig.process.pid, 12);
	assert_int_equal(methods_rig.process.start, 5);
	assert_int_equal(methods_rig.by.uid, 7);
	assert_int_equal(methods_rig.by.pid, 70);
	assert_false(methods_rig.by.is_privileged);
	assert_int_equal(methods_rig.n_asked, 1);
	expect_answer("Bind", "\"pod\":\"a\",\"pid\":13", NULL,
		      ERROR("NoSuchProcess", "\"pid\":13"));
	methods_rig.hidden_pid = 14;
	expect_answer("Bind", "\"pod\":\"a\",\"pid\":14", NULL,
		      ERROR("NoSuchProcess", "\"pid\":14"));
	expect_answer("Bind", "\"pod\":\"a\",\"pid\":0", NULL, INVALID("pid"));
	expect_answer("Bind", "\"pod\":\"a\",\"pid\":2147483648", NULL, INVALID("pid"));
	expect_answer("Bind", "\"pod\":\"a\"", NULL, INVALID("pid"));
	assert_int_equal(methods_rig.n_asked, 1);
}

/* Each answer of the allocator about a pod, from each method that can get it. */
static void test_refusals(void **state)
{
	static const struct {
		int result;
		const char *text;
	} answers[] = {
		{ -ENOSPC, ERROR("StoreFailed", "\"message\":\"disk full\"") },
		{ ALLOCATOR_E_NOT_FOUND, ERROR("NoSuchAllocation", "\"pod\":\"a\"") },
		{ ALLOCATOR_E_NOT_OWNER, "{\"error\":\"org.varlink.service.PermissionDenied\"}" },
		{ ALLOCATOR_E_KUBELET, ERROR("OwnedByKubelet", "\"pod\":\"a\"") },
	};

	(void)state;
	methods_rig.living_pid = 12;
	for (size_t i = 0; i < ELEMENTS_OF(answers); i++) {
		methods_rig.result = answers[i].result;
		expect_answer("Bind", "\"pod\":\"a\",\"pid\":12", NULL, answers[i].text);
		if (answers[i].result == ALLOCATOR_E_NOT_FOUND)
			continue; /* is no error of Release, and none that Allocate can get */
		expect_answer("Release", "\"pod\":\"a\"", NULL, answers[i].text);
		expect_answer("Allocate", "\"pod\":\"a\"", NULL, answers[i].text);
	}
	methods_rig.result = ALLOCATOR_E_NOT_FOUND;
	expect_answer("Release", "\"pod\":\"a\"", NULL, "{\"parameters\":{\"released\":false}}");
}

/* The process is looked for before anything is changed. */
static void test_allocate(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig.living_pid = 12;
	expect_answer("Allocate", "\"pod\":\"a\",\"pid\":13", NULL,
		      ERROR("NoSuchProcess", "\"pid\":13"));
	expect_answer("Allocate", "\"pod\":\"a\",\"pid\":-1", NULL, INVALID("pid"));
	assert_int_equal(methods_rig.n_asked, 0);
	caller_start(&caller, "Allocate", "\"pod\":\"a\",\"pid\":12", NULL);
	caller_next(&caller);
	assert_non_null(methods_rig.allocate.process);
	assert_int_equal(methods_rig.process.pid, 12);
	assert_int_equal(methods_rig.allocate.by.pid, 70);
	caller_drop(&caller);
	caller_start(&caller, "Allocate", "\"pod\":\"a\"", NULL);
	caller_next(&caller);
	assert_null(methods_rig.allocate.process);
	caller_drop(&caller);
}

/* With a start the maps of the process come along; it is root's alone. */
static void test_allocate_start(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig.living_pid = 12;
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":131072,\"pid\":13", NULL,
		      "{\"error\":\"org.varlink.service.PermissionDenied\"}");
	methods_rig.access = ACCESS_ROOT;
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":131072,\"pid\":13", NULL,
		      ERROR("NoSuchProcess", "\"pid\":13"));
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":0", NULL, INVALID("start"));
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":-1", NULL, INVALID("start"));
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":4294967296", NULL, INVALID("start"));
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":\"1\"", NULL, INVALID("start"));
	methods_rig.unmapped_pid = 12;
	expect_answer("Allocate", "\"pod\":\"a\",\"start\":131072,\"pid\":12", NULL,
		      ERROR("NoSuchProcess", "\"pid\":12"));
	assert_int_equal(methods_rig.n_asked, 0);
	/* without a start nobody reads them */
	caller_start(&caller, "Allocate", "\"pod\":\"a\",\"pid\":12", NULL);
	caller_next(&caller);
	assert_int_equal(methods_rig.allocate.start, 0);
	assert_null(methods_rig.allocate.maps);
	caller_drop(&caller);
	methods_rig.unmapped_pid = 0;
	caller_start(&caller, "Allocate",
		     "\"pod\":\"a\",\"start\":4294967295,\"count\":65536,\"pid\":12", NULL);
	caller_next(&caller);
	assert_true(methods_rig.allocate.start == UINT32_MAX);
	assert_int_equal(methods_rig.allocate.count, 65536);
	assert_int_equal(methods_rig.process.pid, 12);
	assert_int_equal(methods_rig.map.start, 12);
	caller_drop(&caller);
	caller_start(&caller, "Allocate", "\"pod\":\"a\",\"start\":131072", NULL);
	caller_next(&caller);
	assert_null(methods_rig.allocate.process);
	assert_null(methods_rig.allocate.maps);
	caller_drop(&caller);
}

static void test_start_refused(void **state)
{
	static const char request[] = "\"pod\":\"a\",\"start\":131072";

	(void)state;
	methods_rig.access = ACCESS_ROOT;
	methods_rig.refusal.range = (struct id_range){ 196608, 65536 };
	methods_rig.result = ALLOCATOR_E_BAD_START;
	expect_answer("Allocate", request, NULL, INVALID("start"));
	methods_rig.result = ALLOCATOR_E_RANGE_MISMATCH;
	expect_answer("Allocate", request, NULL,
		      ERROR("RangeMismatch", "\"pod\":\"a\",\"start\":196608,\"count\":65536"));
	methods_rig.result = ALLOCATOR_E_RANGE_TAKEN;
	expect_answer("Allocate", request, NULL,
		      ERROR("RangeTaken", "\"start\":196608,\"count\":65536"));
	methods_rig.refusal.pid = 12;
	expect_answer("Allocate", request, NULL,
		      ERROR("RangeTaken", "\"start\":196608,\"count\":65536,\"pid\":12"));
	methods_rig.refusal.pid = 0;
	strcpy(methods_rig.refusal.pod, "b");
	expect_answer("Allocate", request, NULL,
		      ERROR("RangeTaken", "\"start\":196608,\"count\":65536,\"pod\":\"b\""));
}

static void test_lookup(void **state)
{
	static const char found[] = "{\"parameters\":{\"allocation\":" ALLOCATION
				    ",\"containerID\":8}}";

	(void)state;
	expect_answer("Lookup", "\"id\":131080", NULL, found);
	assert_true(methods_rig.at == UINT64_MAX);
	expect_answer("Lookup", "\"id\":131080,\"at\":0", NULL, found);
	assert_int_equal(methods_rig.at, 0);
	expect_answer("Lookup", "\"id\":131080,\"at\":99", NULL, found);
	assert_int_equal(methods_rig.at, 99);
	expect_answer("Lookup", "\"id\":131080,\"at\":-1", NULL, INVALID("at"));
	expect_answer("Lookup", "\"id\":131080,\"at\":9223372036854775807", NULL, INVALID("at"));
	methods_rig.result = ALLOCATOR_E_NOT_FOUND;
	expect_answer("Lookup", "\"id\":131080,\"at\":99", NULL,
		      ERROR("NoSuchAllocation", "\"id\":131080"));
}

static void test_reconcile(void **state)
{
	(void)state;
	expect_answer("Reconcile", "\"pods\":[]", NULL,
		      "{\"parameters\":{\"released\":[\"a\"],\"missing\":[]}}");
	assert_true(methods_rig.reconcile.created_before == UINT64_MAX);
	assert_false(methods_rig.reconcile.is_dry_run);
	assert_null(methods_rig.reconcile.pool);
	expect_answer("Reconcile",
		      "\"pods\":[\"c\",\"d\",\"a\",\"b\",\"c\",\"a\"],\"createdBefore\":0,"
		      "\"dryRun\":true,\"pool\":\"kubelet\"",
		      NULL, "{\"parameters\":{\"released\":[],\"missing\":[\"b\",\"c\",\"d\"]}}");
	assert_int_equal(methods_rig.reconcile.n_pods, 4);
	assert_int_equal(methods_rig.reconcile.created_before, 0);
	assert_true(methods_rig.reconcile.is_dry_run);
	assert_int_equal(methods_rig.reconcile.by.pid, 70);
	/* it had one, and has none */
	methods_rig.allocations[0].state = ALLOCATION_DRAINING;
	expect_answer("Reconcile", "\"pods\":[\"a\"]", NULL,
		      "{\"parameters\":{\"released\":[],\"missing\":[\"a\"]}}");
}

static void test_reconcile_refused(void **state)
{
	(void)state;
	expect_answer("Reconcile", "", NULL, INVALID("pods"));
	expect_answer("Reconcile", "\"pods\":[\"a\",1]", NULL, INVALID("pods"));
	/* what cannot be a pod was garbled on its way, and that pod's range would be released */
	expect_answer("Reconcile", "\"pods\":[\"a\",\"\"]", NULL, INVALID("pods"));
	expect_answer("Reconcile", "\"pods\":[\"a\\n\"]", NULL, INVALID("pods"));
	expect_answer("Reconcile", "\"pods\":[],\"createdBefore\":-1", NULL,
		      INVALID("createdBefore"));
	methods_rig.read_result = -EIO;
	expect_answer("Reconcile", "\"pods\":[]", NULL,
		      ERROR("StoreFailed", "\"message\":\"disk full\""));
	assert_int_equal(methods_rig.n_asked, 0);
	methods_rig.read_result = 0;
	methods_rig.result = ALLOCATOR_E_NO_SUCH_POOL;
	expect_answer("Reconcile", "\"pods\":[],\"pool\":\"x\"", NULL,
		      ERROR("NoSuchPool", "\"pool\":\"x\""));
	methods_rig.access = ACCESS_READER;
	expect_answer("Reconcile", "\"pods\":[]", NULL,
		      "{\"error\":\"org.varlink.service.PermissionDenied\"}");
}

/* As many pods as a node's range can have. */
static void test_reconcile_many(void **state)
{
	enum { N = 60000 };
	_cleanup_(freep) char *text = malloc(N * 50);
	size_t length = (size_t)sprintf(text, "\"pods\":[\"a\"");
	struct json_object *reply, *list;
	struct caller caller;

	(void)state;
	for (int i = N; i > 1; i--)
		length += (size_t)sprintf(text + length, ",\"00000000-0000-0000-0000-%012d\"", i);
	strcpy(text + length, "]");
	caller_start(&caller, "Reconcile", text, NULL);
	reply = caller_next(&caller);
	assert_true(json_object_object_get_ex(reply, "parameters", &reply));
	assert_true(json_object_object_get_ex(reply, "missing", &list));
	assert_int_equal(json_object_array_length(list), N - 1);
	assert_true(json_object_object_get_ex(reply, "released", &list));
	assert_int_equal(json_object_array_length(list), 0);
	caller_drop(&caller);
}

static void test_status(void **state)
{
	struct json_object *reply, *o, *pool;
	struct caller caller;
	size_t length;

	(void)state;
	assert_int_equal(findings_add(&methods_rig.pools.items[0].findings, RULE_TOO_SMALL,
				      LEVEL_WARNING, NULL, 0, "one"),
			 0);
	assert_int_equal(
		findings_add(&methods_rig.runtime, RULE_TOO_SMALL, LEVEL_WARNING, NULL, 0, "two"),
		0);
	assert_int_equal(
		findings_add(&methods_rig.runtime, RULE_TOO_SMALL, LEVEL_ERROR, NULL, 0, "three"),
		0);
	caller_start(&caller, "GetStatus", "", NULL);
	reply = caller_next(&caller);
	assert_true(json_object_object_get_ex(reply, "parameters", &reply));
	assert_true(json_object_object_get_ex(reply, "scan", &o));
	assert_string_equal(json_text(o, &length), "{\"blind\":true,\"processes\":42,\"cost\":1500,"
						   "\"message\":\"hidden ?\",\"lastAt\":900}");
	assert_true(json_object_object_get_ex(reply, "store", &o));
	assert_string_equal(json_text(o, &length),
			    "{\"path\":\"/state/allocations.db\",\"schema\":2,\"allocations\":0,"
			    "\"events\":77,\"size\":0}");
	assert_true(json_object_object_get_ex(reply, "pools", &o));
	pool = json_object_array_get_idx(o, 0);
	assert_true(json_object_object_get_ex(pool, "waiting", &o));
	assert_int_equal(json_object_get_int(o), 4);
	assert_true(json_object_object_get_ex(pool, "findings", &o));
	assert_string_equal(json_text(o, &length),
			    "[{\"rule\":\"too-small\",\"level\":\"error\",\"message\":\"three\"},"
			    "{\"rule\":\"too-small\",\"level\":\"warning\",\"message\":\"one\"},"
			    "{\"rule\":\"too-small\",\"level\":\"warning\",\"message\":\"two\"}]");
	caller_drop(&caller);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_bind),	   TEST(test_refusals),		 TEST(test_allocate),
		TEST(test_allocate_start), TEST(test_start_refused),	 TEST(test_lookup),
		TEST(test_reconcile),	   TEST(test_reconcile_refused), TEST(test_reconcile_many),
		TEST(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
