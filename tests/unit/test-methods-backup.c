/* SPDX-License-Identifier: MIT */

/* Backup: when it begins, and that it ends on every way out. */

#include "methods-rig.h"

#include <errno.h>

#define ERROR(message)                                                                             \
	"{\"parameters\":{\"message\":\"" message                                                  \
	"\"},\"error\":\"io.subidd.Allocator.StoreFailed\"}"
#define UNIT STORE_BACKUP_UNIT

static int make(void **state)
{
	(void)state;
	methods_rig_make();
	methods_rig.access = ACCESS_ROOT;
	methods_rig.backup_size = 13 * UNIT;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	assert_false(methods_rig.is_backup_open);
	assert_null(methods_rig.methods.backup);
	methods_rig_drop();
	return 0;
}

static int64_t number_of(struct json_object *reply, const char *name)
{
	struct json_object *o;

	assert_true(json_object_object_get_ex(reply, "parameters", &o));
	assert_true(json_object_object_get_ex(o, name, &o));
	return json_object_get_int64(o);
}

/* The next piece; the rig's bytes are the numbers of their pages. */
static void expect_piece(struct caller *caller, int64_t offset, size_t n, bool continues)
{
	struct json_object *reply = caller_next(caller), *o;

	assert_int_equal(json_object_object_get_ex(reply, "continues", &o), continues);
	assert_int_equal(number_of(reply, "offset"), offset);
	assert_int_equal(number_of(reply, "size"), methods_rig.backup_size);
	json_object_object_get_ex(reply, "parameters", &o);
	json_object_object_get_ex(o, "data", &o);
	assert_int_equal(json_object_get_string_len(o), (n + 2) / 3 * 4);
}

static void test_whole(void **state)
{
	struct caller caller;

	(void)state;
	for (int i = 0; i < 2; i++) {
		caller_start(&caller, "Backup", "", "more");
		assert_int_equal(call_continue(&caller.call), 0);
		assert_true(methods_rig.is_backup_open);
		expect_piece(&caller, 0, 12 * UNIT, true);
		expect_piece(&caller, 12 * UNIT, UNIT, false);
		assert_int_equal(caller.n_read, json_object_array_length(caller.replies));
		caller_drop(&caller);
		assert_false(methods_rig.is_backup_open);
	}
	methods_rig.backup_size = 12 * UNIT;
	caller_start(&caller, "Backup", "", "more");
	expect_piece(&caller, 0, 12 * UNIT, false);
	caller_drop(&caller);
}

/* What is answered in the same turn must be in it. */
static void test_pending(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig.is_pending = true;
	caller_start(&caller, "Backup", "", "more");
	caller_run(&caller);
	assert_int_equal(caller.call.state, CALL_KEPT);
	assert_false(methods_rig.is_backup_open);
	methods_rig.is_pending = false;
	methods_committed(&methods_rig.methods);
	assert_int_equal(caller.n_woken, 1);
	/* others need not leave a turn without changes to it */
	methods_rig.is_pending = true;
	expect_piece(&caller, 0, 12 * UNIT, true);
	caller_drop(&caller);
	/* and one whose client goes away while it waits */
	methods_rig.is_pending = true;
	caller_start(&caller, "Backup", "", "more");
	caller_run(&caller);
	caller_drop(&caller);
	methods_committed(&methods_rig.methods);
}

static void test_gone(void **state)
{
	struct caller caller;

	(void)state;
	caller_start(&caller, "Backup", "", "more");
	assert_int_equal(call_continue(&caller.call), 0);
	assert_true(methods_rig.is_backup_open);
	caller_drop(&caller);
}

static void test_failures(void **state)
{
	struct caller caller;

	(void)state;
	methods_rig.read_result = -EIO;
	expect_answer("Backup", "", "more", ERROR("disk full"));
	methods_rig.read_result = 0;
	caller_start(&caller, "Backup", "", "more");
	assert_int_equal(call_continue(&caller.call), 0);
	caller.n_read = 1;
	methods_rig.read_result = -ECANCELED;
	caller_expect(&caller, ERROR("disk full"));
	caller_drop(&caller);
}

static void test_one_at_a_time(void **state)
{
	struct caller caller;

	(void)state;
	caller_start(&caller, "Backup", "", "more");
	expect_answer("Backup", "", "more",
		      ERROR("no backup: another one is being made; try again when it is done"));
	assert_non_null(methods_rig.methods.backup);
	expect_piece(&caller, 0, 12 * UNIT, true);
	caller_drop(&caller);
}

static void test_access(void **state)
{
	(void)state;
	methods_rig.access = ACCESS_WRITER;
	expect_answer("Backup", "", "more", "{\"error\":\"org.varlink.service.PermissionDenied\"}");
	methods_rig.access = ACCESS_ROOT;
	expect_answer("Backup", "", NULL, "{\"error\":\"org.varlink.service.ExpectedMore\"}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(test_whole),    TEST(test_pending),       TEST(test_gone),
		TEST(test_failures), TEST(test_one_at_a_time), TEST(test_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
