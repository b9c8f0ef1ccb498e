/* SPDX-License-Identifier: MIT */

/*
 * The libsubid module beside a daemon that is dead, hangs or talks nonsense, with files that are
 * too large, in threads, and without memory. It runs in set-user-ID programs: none of it may last.
 */

#include "rig.h"

#include "subid-ask.h"
#include "subid-lines.h"
#include "subid-question.h"

#include "node/subidfile.h"
#include "oom.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define LINES "kubelet:65536:65536\nalice:1000000:65536\n"
#define PATIENCE_SEC 20 /* for three questions of a tenth of a second each */
#define N_THREADS 8

static struct rig rig;

static int make(void **state)
{
	(void)state;
	rig_make(&rig);
	rig_set_lines(&rig, LINES);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	rig_drop(&rig);
	return 0;
}

static void expect_daemonless(enum rig_manner manner)
{
	struct timespec before, after;

	rig_start(&rig, manner);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), ANSWER_E_NO_DAEMON);
	assert_int_equal(rig_list(&rig, "pod-1", ID_UID), ANSWER_E_NO_DAEMON);
	assert_int_equal(rig_has(&rig, "kubelet", 65536, 1), ANSWER_E_NO_DAEMON);
	assert_int_equal(rig_has(&rig, "alice", 65536, 1), ANSWER_E_NO_DAEMON);
	assert_int_equal(rig_owners(&rig, 65536), ANSWER_E_NO_DAEMON);
	assert_int_equal(rig_list(&rig, "alice", ID_GID), 0);
	assert_string_equal(rig_answer, "1000000:65536");
	assert_int_equal(rig_has(&rig, "alice", 1000000, 65536), 0);
	assert_string_equal(rig_answer, "yes");
	assert_int_equal(rig_owners(&rig, 1000000), 0);
	assert_string_equal(rig_answer, "1001");
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < PATIENCE_SEC);
	rig_stop(&rig);
}

static void test_no_socket(void **state)
{
	(void)state;
	rig.manner = RIG_REFUSES;
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), ANSWER_E_NO_DAEMON);
	assert_int_equal(rig_list(&rig, "alice", ID_UID), 0);
	memset(rig.socket, 'x', sizeof(rig.socket) - 1);
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), ANSWER_E_NO_DAEMON);
}

static void test_refuses(void **state)
{
	(void)state;
	expect_daemonless(RIG_REFUSES);
}

static void test_is_full(void **state)
{
	(void)state;
	expect_daemonless(RIG_IS_FULL);
}

static void test_is_silent(void **state)
{
	(void)state;
	expect_daemonless(RIG_IS_SILENT);
}

static void test_trickles(void **state)
{
	(void)state;
	expect_daemonless(RIG_TRICKLES);
}

static void test_floods(void **state)
{
	(void)state;
	expect_daemonless(RIG_FLOODS);
}

static void test_hangs_up(void **state)
{
	(void)state;
	expect_daemonless(RIG_HANGS_UP);
	expect_daemonless(RIG_ENDS_EARLY);
}

static void test_nonsense(void **state)
{
	(void)state;
	rig.status = "hello";
	rig.pod = "{\"parameters\":{\"allocation\":{\"pod\":\"other\"}}}";
	expect_daemonless(RIG_ANSWERS);
	rig.status = rig.pod = "{\"error\":\"org.varlink.service.PermissionDenied\"}";
	expect_daemonless(RIG_ANSWERS);
	rig.status = rig.pod = "";
	expect_daemonless(RIG_ANSWERS);
	rig.status = STATUS(POOL("kubelet", RANGE)) "x";
	rig.pod = POD("other", "active");
	expect_daemonless(RIG_ANSWERS);
	rig.status = STATUS(POOL("kubelet", "\"owner\":\"kubelet\"," RANGE));
	rig.pod = POD("pod-1", "active") "}";
	expect_daemonless(RIG_ANSWERS);
	rig.status = STATUS(POOL("kubelet", "\"start\":0,\"count\":0"));
	expect_daemonless(RIG_ANSWERS);
}

/* The daemon runs without privilege: it must not be able to give IDs of the node itself to anybody.
 */
static void test_host_ids(void **state)
{
	static const char *const ranges[] = {
		"\"start\":0,\"count\":65536",	    "\"start\":0,\"count\":4294967295",
		"\"start\":1000,\"count\":1",	    "\"start\":65535,\"count\":65536",
		"\"start\":4294901760,\"count\":1", "\"start\":4294836224,\"count\":65537",
	};
	char status[512], pod[512];

	(void)state;
	rig.status = status;
	rig.pod = pod;
	for (size_t i = 0; i < ELEMENTS_OF(ranges); i++) {
		snprintf(status, sizeof(status), STATUS(POOL("kubelet", "%s")), ranges[i]);
		snprintf(
			pod, sizeof(pod),
			"{\"parameters\":{\"allocation\":{\"pod\":\"pod-1\",\"state\":\"active\",%s}}}",
			ranges[i]);
		expect_daemonless(RIG_ANSWERS);
	}
}

/* A reply as long as the limit is read, and one byte more is not. */
static void test_reply_size(void **state)
{
	_cleanup_(freep) char *text = malloc(ASK_REPLY_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', ASK_REPLY_MAX + 2);
	memcpy(text, rig.status, strlen(rig.status));
	rig.status = text;
	text[ASK_REPLY_MAX] = '\0';
	rig_start(&rig, RIG_ANSWERS);
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), 0);
	text[ASK_REPLY_MAX] = ' ';
	text[ASK_REPLY_MAX + 1] = '\0';
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), ANSWER_E_NO_DAEMON);
	rig_stop(&rig);
}

/* A file as large as the limit is read, and one byte more is not; nor are too many ranges. */
static void test_file_size(void **state)
{
	const char *path = scratch_path(&rig.scratch, "/etc/subuid");
	_cleanup_(freep) char *text = malloc(SUBID_FILE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '#', SUBID_FILE_MAX + 1);
	memcpy(text, LINES, strlen(LINES));
	rig_start(&rig, RIG_REFUSES);
	file_write(path, text, SUBID_FILE_MAX);
	assert_int_equal(rig_list(&rig, "alice", ID_UID), 0);
	file_write(path, text, SUBID_FILE_MAX + 1);
	assert_int_equal(rig_list(&rig, "alice", ID_UID), ANSWER_E_REFUSED);
	rig_stop(&rig);
}

static void test_many_lines(void **state)
{
	static const char line[] = "alice:70000:1\n";
	_cleanup_(freep) char *text = malloc((LINES_OF_OWNER_MAX + 1) * strlen(line) + 1);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i <= LINES_OF_OWNER_MAX; i++)
		memcpy(text + i * strlen(line), line, sizeof(line));
	rig_start(&rig, RIG_REFUSES);
	rig_set_lines(&rig, text);
	assert_int_equal(rig_list(&rig, "alice", ID_UID), ANSWER_E_REFUSED);
	text[LINES_OF_OWNER_MAX * strlen(line)] = '\0';
	rig_set_lines(&rig, text);
	assert_int_equal(rig_list(&rig, "alice", ID_UID), 0);
	assert_int_equal(rig_has(&rig, "alice", 70000, 1), 0);
	assert_string_equal(rig_answer, "yes");
	rig_stop(&rig);
}

/* As many owners of one ID as there may be, and one more. */
static void test_many_owners(void **state)
{
	_cleanup_(freep) char *text = NULL;
	size_t size, last = 0;
	FILE *lines;

	(void)state;
	lines = open_memstream(&text, &size);
	assert_non_null(lines);
	for (size_t i = 0; i <= QUESTION_OWNERS_MAX; i++) {
		fflush(lines);
		last = size;
		fprintf(lines, "%zu:70000:1\n", 10000 + i);
	}
	fclose(lines);
	rig_start(&rig, RIG_REFUSES);
	rig_set_lines(&rig, text);
	assert_int_equal(rig_owners(&rig, 70000), ANSWER_E_REFUSED);
	text[last] = '\0';
	rig_set_lines(&rig, text);
	assert_int_equal(rig_owners(&rig, 70000), 0);
	assert_string_equal(rig_answer + strlen(rig_answer) - 5, "14095");
	rig_stop(&rig);
}

static void test_many_pools(void **state)
{
	static const char head[] = "{\"parameters\":{\"pools\":[" POOL("kubelet", RANGE),
			  more[] = "," INVALID_POOL("other"), tail[] = "]}}";
	char text[sizeof(head) + REPLY_POOLS_MAX * sizeof(more) + sizeof(tail)], *end;

	(void)state;
	end = stpcpy(text, head);
	for (size_t i = 1; i < REPLY_POOLS_MAX; i++)
		end = stpcpy(end, more);
	strcpy(end, tail);
	rig.status = text;
	rig_start(&rig, RIG_ANSWERS);
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), 0);
	strcpy(stpcpy(end, more), tail);
	assert_int_equal(rig_list(&rig, "kubelet", ID_UID), ANSWER_E_NO_DAEMON);
	rig_stop(&rig);
}

static void *ask_often(void *user)
{
	size_t *n_wrong = user;

	for (int i = 0; i < 50; i++) {
		struct id_range *ranges = NULL;
		bool has = false;
		size_t n = 0;

		*n_wrong += answer_list(&rig.world, "kubelet", ID_UID, &ranges, &n) != 0 ||
			    n != 1 || ranges->start != 131072;
		*n_wrong += answer_has_range(&rig.world, "alice", 1000000, 65536, ID_GID, &has) !=
				    0 ||
			    !has;
		free(ranges);
	}
	return NULL;
}

static void test_threads(void **state)
{
	size_t n_wrong[N_THREADS] = { 0 };
	pthread_t threads[N_THREADS];

	(void)state;
	rig_start(&rig, RIG_ANSWERS);
	for (size_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &n_wrong[i]), 0);
	for (size_t i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(n_wrong[i], 0);
	}
	rig_stop(&rig);
}

/* Each of the three functions, for each kind of owner. */
static bool attempt(void)
{
	static const char *const owners[] = { "kubelet", "pod-1", "alice", "998" };
	bool good = true;

	for (size_t i = 0; good && i < ELEMENTS_OF(owners); i++) {
		struct id_range *ranges = NULL;
		uint32_t *uids = NULL;
		bool has = false;
		size_t n = 0;
		int r;

		r = answer_list(&rig.world, owners[i], ID_UID, &ranges, &n);
		free(ranges);
		if (r == 0)
			r = answer_has_range(&rig.world, owners[i], 131072, 1, ID_GID, &has);
		if (r == 0)
			r = answer_find_owners(&rig.world, i % 2 ? 131072 : 1000000, ID_UID, &uids,
					       &n);
		free(uids);
		assert_true(r == 0 || r == -ENOMEM);
		good = r == 0;
	}
	return good;
}

static void test_no_memory(void **state)
{
	(void)state;
	scratch_write(&rig.scratch, "/etc/subidd/subidd.conf.d/a.conf", "[Pool kubelet]\n");
	rig.pod = POD("pod-1", "active");
	rig_start(&rig, RIG_ANSWERS);
	rig.pod = NO_POD;
	rig_set_lines(&rig, LINES "pod-1:5:5\n");
	oom_loop(OOM_ALL, attempt, NULL, 1);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_socket, make, drop),
		cmocka_unit_test_setup_teardown(test_refuses, make, drop),
		cmocka_unit_test_setup_teardown(test_is_full, make, drop),
		cmocka_unit_test_setup_teardown(test_is_silent, make, drop),
		cmocka_unit_test_setup_teardown(test_trickles, make, drop),
		cmocka_unit_test_setup_teardown(test_floods, make, drop),
		cmocka_unit_test_setup_teardown(test_hangs_up, make, drop),
		cmocka_unit_test_setup_teardown(test_nonsense, make, drop),
		cmocka_unit_test_setup_teardown(test_host_ids, make, drop),
		cmocka_unit_test_setup_teardown(test_reply_size, make, drop),
		cmocka_unit_test_setup_teardown(test_file_size, make, drop),
		cmocka_unit_test_setup_teardown(test_many_lines, make, drop),
		cmocka_unit_test_setup_teardown(test_many_owners, make, drop),
		cmocka_unit_test_setup_teardown(test_many_pools, make, drop),
		cmocka_unit_test_setup_teardown(test_threads, make, drop),
		cmocka_unit_test_setup_teardown(test_no_memory, make, drop),
	};

	return cmocka_run_group_tests_name("subid-limits", tests, NULL, NULL);
}
