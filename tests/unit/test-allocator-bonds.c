/* SPDX-License-Identifier: MIT */

/* What ends allocations by itself: the end of a process, and a list of pods that live. */

#include "allocator-life.h"

#include <errno.h>

static void test_bind(void **state)
{
	(void)state;
	assert_int_equal(ask_tied("a", 5, 50), 0);
	assert_int_equal(outcome, OUTCOME_CREATED);
	assert_int_equal(answer.process.pid, 5);
	assert_int_equal(answer.process.start, 50);
	assert_string_equal(answer.process.boot, boot_id);
	/* the same once more, another one, a pod that has its range already */
	assert_int_equal(tie("a", 5, 50), 0);
	assert_int_equal(ask_tied("a", 5, 50), 0);
	assert_int_equal(outcome, OUTCOME_EXISTING);
	assert_int_equal(tie("a", 5, 51), 0);
	assert_int_equal(answer.process.start, 51);
	assert_int_equal(ask_tied("a", 6, 60), 0);
	assert_int_equal(outcome, OUTCOME_EXISTING);
	assert_int_equal(answer.process.pid, 6);
	/* to ask without one changes nothing */
	expect_range("a", OUTCOME_EXISTING, U, U);
	assert_int_equal(answer.process.pid, 6);
	assert_string_equal(events(), "allocated a 1:1; bound a 1:1 pid 5; bound a 1:1 pid 5; "
				      "bound a 1:1 pid 6");
	let_go("a");
	assert_int_equal(answer.process.pid, 0);
	assert_int_equal(tie("a", 6, 60), ALLOCATOR_E_NOT_FOUND);
	assert_int_equal(ask_tied("a", 7, 70), 0);
	assert_int_equal(outcome, OUTCOME_REVIVED);
	assert_int_equal(answer.process.pid, 7);
	assert_string_equal(events(), "released a 1:1 request; revived a 1:1; bound a 1:1 pid 7");
	commit();
	start_with(8);
	expect_range("a", OUTCOME_EXISTING, U, U);
	assert_int_equal(answer.process.start, 70);
}

static int bind_as(uint32_t uid, const char *pod)
{
	struct process process = process_of(9, 9);

	return allocator_bind(allocator, pod, &process, (struct requester){ uid, 2, false },
			      later(1), &answer);
}

static int ask_tied_as(uint32_t uid, const char *pod)
{
	struct process process = process_of(9, 9);
	const struct allocate_request request = {
		.pod = pod, .process = &process, .by = { uid, 2, false }, .now = later(1)
	};

	return allocator_allocate(allocator, &request, &answer, &outcome, &refusal);
}

static void test_bind_owners(void **state)
{
	(void)state;
	assert_int_equal(ask_as(1000, "a"), 0);
	assert_int_equal(adopt("k", "8:1"), 0);
	events();
	assert_int_equal(bind_as(1001, "a"), ALLOCATOR_E_NOT_OWNER);
	assert_int_equal(ask_tied_as(1001, "a"), ALLOCATOR_E_NOT_OWNER);
	assert_int_equal(bind_as(1000, "k"), ALLOCATOR_E_KUBELET);
	assert_int_equal(ask_tied_as(1000, "k"), ALLOCATOR_E_KUBELET);
	assert_int_equal(tie("k", 9, 9), ALLOCATOR_E_KUBELET);
	assert_int_equal(bind_as(1000, "x"), ALLOCATOR_E_NOT_FOUND);
	assert_string_equal(events(), "");
	assert_int_equal(bind_as(1000, "a"), 0);
	assert_int_equal(tie("a", 5, 5), 0);
	/* who binds to what it is bound to must own it as well */
	assert_int_equal(tie("a", 9, 9), 0);
	assert_int_equal(bind_as(1001, "a"), ALLOCATOR_E_NOT_OWNER);
}

static void test_ended(void **state)
{
	(void)state;
	assert_false(ended("a", 5, 50));
	assert_int_equal(ask_tied("a", 5, 50), 0);
	assert_int_equal(ask_tied("b", 5, 50), 0);
	ask("c");
	/* another process, the PID used again, another boot */
	assert_false(ended("a", 6, 50));
	assert_false(ended("a", 5, 51));
	boot_id = "22222222-2222-2222-2222-222222222222";
	assert_false(ended("a", 5, 50));
	boot_id = "11111111-1111-1111-1111-111111111111";
	assert_false(ended("c", 5, 50));
	assert_false(ended("c", 0, 0) && false);
	events();
	assert_true(ended("a", 5, 50));
	assert_string_equal(rows(), "a:1:1:draining b:2:1:active c:3:1:active ");
	assert_string_equal(events(), "released a 1:1 processEnded");
	assert_false(ended("a", 5, 50));
	/* it came back, and is tied to another one or to none */
	expect_range("a", OUTCOME_REVIVED, U, U);
	assert_false(ended("a", 5, 50));
	assert_int_equal(tie("a", 5, 52), 0);
	assert_false(ended("a", 5, 50));
	assert_true(ended("b", 5, 50));
	assert_true(ended("a", 5, 52));
}

static int add_bound(const struct allocation *row, void *userdata)
{
	char *text = userdata;

	assert_true(row->in_pool);
	sprintf(text + strlen(text), "%s:%u:%lu ", row->pod, row->process.pid,
		(unsigned long)row->process.start);
	return 0;
}

static int stop(const struct allocation *row, void *userdata)
{
	(void)row;
	(void)userdata;
	return -ECANCELED;
}

static void test_each_bound(void **state)
{
	char text[128] = "";

	(void)state;
	assert_int_equal(ask_tied("a", 5, 50), 0);
	ask("b");
	assert_int_equal(ask_tied("c", 5, 50), 0);
	assert_int_equal(ask_tied("d", 4000000000, UINT64_C(1) << 60), 0);
	let_go("c");
	assert_int_equal(allocator_each_bound(allocator, add_bound, text), 0);
	assert_string_equal(text, "a:5:50 d:4000000000:1152921504606846976 ");
	assert_int_equal(allocator_each_bound(allocator, stop, NULL), -ECANCELED);
}

static char swept[65536];
static int stop_after;

static int add_swept(const struct allocation *row, void *userdata)
{
	(void)userdata;
	sprintf(swept + strlen(swept), "%s ", row->pod);
	return --stop_after == 0 ? -ECANCELED : 0;
}

/* The pods are a text of sorted letters. */
static int reconcile(struct reconcile_request request, const char *living)
{
	const char *pods[32];
	char names[32][2] = {};

	for (size_t i = 0; living[i]; i++) {
		names[i][0] = living[i];
		pods[request.n_pods++] = names[i];
	}
	request.pods = pods;
	if (request.created_before == 0)
		request.created_before = UINT64_MAX;
	request.now = later(1);
	*swept = 0;
	return allocator_reconcile(allocator, &request, add_swept, NULL);
}

static const struct reconcile_request by_root = { .by = { 0, 1, true } };

static void test_reconcile(void **state)
{
	(void)state;
	ask("a");
	ask("b");
	ask("c");
	give_back("b");
	ask("d");
	events();
	assert_int_equal(reconcile(by_root, "abxyz"), 0);
	assert_string_equal(swept, "c d ");
	assert_string_equal(rows(), "a:1:1:active b:2:1:released c:3:1:draining d:4:1:draining ");
	assert_string_equal(events(), "released c 3:1 reconcile; released d 4:1 reconcile");
	assert_int_equal(reconcile(by_root, "abxyz"), 0);
	assert_string_equal(swept, "");
	assert_int_equal(reconcile(by_root, ""), 0);
	assert_string_equal(swept, "a ");
}

static void test_reconcile_before(void **state)
{
	struct reconcile_request request = by_root;

	(void)state;
	ask("a");
	request.created_before = the_time.wall; /* not before it, so it stays */
	assert_int_equal(reconcile(request, ""), 0);
	assert_string_equal(swept, "");
	ask("b");
	request.created_before++;
	assert_int_equal(reconcile(request, ""), 0);
	assert_string_equal(swept, "a ");
	/* what comes back counts from then on */
	expect_range("a", OUTCOME_REVIVED, U, U);
	assert_int_equal(reconcile(request, ""), 0);
	assert_string_equal(swept, "");
}

static void test_reconcile_whose(void **state)
{
	struct reconcile_request request = { .by = { 1000, 2, false } };

	(void)state;
	set_pools((const struct pool_geometry[]){ { "kubelet", U, 4 * U, U, false },
						  { "other", 9 * U, 4 * U, U, false } },
		  2);
	assert_int_equal(ask_pool("r", "kubelet"), 0);
	assert_int_equal(adopt("k", "4:1"), 0);
	assert_int_equal(ask_pool("o", "other"), 0);
	set_pool(U, 4 * U, U);
	assert_int_equal(ask_as(1000, "a"), 0);
	assert_int_equal(ask_as(1001, "b"), 0);
	assert_int_equal(reconcile(request, ""), 0);
	assert_string_equal(swept, "a ");
	request = by_root;
	request.pool = "other"; /* it is gone */
	assert_int_equal(reconcile(request, ""), ALLOCATOR_E_NO_SUCH_POOL);
	request.pool = "kubelet";
	request.is_dry_run = true;
	commit();
	events();
	assert_int_equal(reconcile(request, ""), 0);
	assert_string_equal(swept, "r b ");
	assert_string_equal(events(), "");
	assert_false(allocator_is_pending(allocator));
	request.is_dry_run = false;
	assert_int_equal(reconcile(request, ""), 0);
	assert_string_equal(swept, "r b ");
	assert_int_equal(reconcile(by_root, ""), 0);
	assert_string_equal(swept, "o ");
	assert_string_equal(units(), "1 3 0 0 0 0");
}

static void test_reconcile_many(void **state)
{
	static char names[10000][8];
	static const char *pods[5000];
	struct reconcile_request request = by_root;

	(void)state;
	set_pool(U, 10000 * U, U);
	for (int i = 0; i < 10000; i++) {
		snprintf(names[i], sizeof(names[i]), "p%05d", i);
		assert_int_equal(ask(names[i]), 0);
		if (i % 2)
			pods[i / 2] = names[i];
	}
	commit();
	request.pods = pods;
	request.n_pods = 5000;
	request.created_before = UINT64_MAX;
	request.now = later(1);
	/* all or nothing */
	*swept = 0;
	stop_after = 4000;
	assert_int_equal(allocator_reconcile(allocator, &request, add_swept, NULL), -ECANCELED);
	assert_int_equal(allocator_n_draining(allocator) > 0,
			 true); /* until it is looked at again */
	expect_range("p00000", OUTCOME_EXISTING, U, U);
	assert_int_equal(allocator_n_draining(allocator), 0);
	assert_string_equal(units(), "10000 0 0 0 0 0");
	*swept = 0;
	assert_int_equal(allocator_reconcile(allocator, &request, add_swept, NULL), 0);
	assert_int_equal(strlen(swept), 5000 * 7);
	assert_string_equal(units(), "5000 5000 0 0 0 0");
	drain();
	assert_string_equal(units(), "5000 0 5000 0 0 5000");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_bind),
		TEST(test_bind_owners),
		TEST(test_ended),
		TEST(test_each_bound),
		TEST(test_reconcile),
		TEST(test_reconcile_before),
		TEST(test_reconcile_whose),
		TEST(test_reconcile_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
