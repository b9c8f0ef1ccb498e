/* SPDX-License-Identifier: MIT */
#include "node/getsubids.h"
#include "scratch.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define INHERITED 200	 /* a descriptor that was left open */
#define PATIENCE_MS 5000 /* for what takes no time */
#define SHORT_MS 200	 /* for what never ends */

static struct scratch scratch;

static int make(void **state)
{
	(void)state;
	scratch_make(&scratch);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

static struct getsubids_answer ask(const char *body, enum id_kind kind, unsigned int timeout_ms)
{
	struct getsubids_answer answer;

	scratch_write_getsubids(&scratch, body);
	assert_int_equal(getsubids_ask(scratch_path(&scratch, SCRATCH_GETSUBIDS), "kubelet", kind,
				       timeout_ms, &answer),
			 0);
	return answer;
}

static void read_text(const char *path, char *to, size_t size)
{
	_cleanup_(fclosep) FILE *file = fopen(scratch_path(&scratch, path), "re");

	assert_non_null(file);
	to[fread(to, 1, size - 1, file)] = '\0';
}

static void test_answer(void **state)
{
	static const char body[] = "echo \"$# $*\" >>arguments\n"
				   "if [ \"$1\" = -g ]; then echo '0: kubelet 131072 65536'; else\n"
				   "echo '0: kubelet 65536 7208960'; fi";
	struct getsubids_answer answer = ask(body, ID_UID, PATIENCE_MS);
	char arguments[64];

	(void)state;
	assert_null(answer.list.problem);
	assert_int_equal(answer.list.n_entries, 1);
	assert_int_equal(answer.list.entries[0].fault, ENTRY_GOOD);
	assert_int_equal(answer.list.entries[0].start, 65536);
	assert_int_equal(answer.list.entries[0].count, 7208960);
	getsubids_answer_done(&answer);
	answer = ask(body, ID_GID, PATIENCE_MS);
	assert_int_equal(answer.list.entries[0].start, 131072);
	getsubids_answer_done(&answer);
	read_text("/arguments", arguments, sizeof(arguments));
	assert_string_equal(arguments, "1 kubelet\n2 -g kubelet\n");
}

/* Nothing of the daemon's own surroundings reaches the program, or the module that it loads. */
static void test_surroundings(void **state)
{
	struct getsubids_answer answer;
	unsigned long long blocks, ignores;
	sigset_t blocked, before;
	char text[4096];

	(void)state;
	assert_int_equal(dup2(STDERR_FILENO, INHERITED), INHERITED);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
	signal(SIGUSR1, SIG_IGN);
	setenv("SECRET", "x", 1);
	answer = ask(
		"env >environment; cat >input; grep -E 'Sig(Blk|Ign)' /proc/self/status >signals\n"
		"ls /proc/self/fd >descriptors",
		ID_UID, PATIENCE_MS);
	getsubids_answer_done(&answer);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGUSR1, SIG_DFL);
	unsetenv("SECRET");
	close(INHERITED);
	read_text("/environment", text, sizeof(text));
	assert_null(strstr(text, "SECRET"));
	assert_non_null(strstr(text, "LC_ALL=C\n"));
	assert_non_null(strstr(text, "PATH=/usr/bin:/bin\n"));
	read_text("/input", text, sizeof(text));
	assert_string_equal(text, "");
	read_text("/signals", text, sizeof(text));
	assert_int_equal(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocks, &ignores), 2);
	assert_int_equal(blocks, 0);
	assert_int_equal(ignores & 0x7fffffff, 0); /* above it are the C library's own */
	read_text("/descriptors", text, sizeof(text));
	assert_null(strstr(text, "\n200\n"));
}

static void expect_problem(const char *body, const char *problem)
{
	struct getsubids_answer answer = ask(body, ID_UID, PATIENCE_MS);

	assert_string_equal(answer.list.problem, problem);
	assert_int_equal(answer.list.n_entries, 0);
	getsubids_answer_done(&answer);
}

static void test_problems(void **state)
{
	(void)state;
	expect_problem("echo 'Error fetching ranges' >&2; exit 1",
		       "getsubids failed with exit status 1: Error fetching ranges");
	expect_problem("echo one >&2; echo two >&2; echo '0: kubelet 1 1'; exit 3",
		       "getsubids failed with exit status 3: one");
	expect_problem("exit 127", "getsubids failed with exit status 127");
	expect_problem("kill -9 $$", "getsubids was killed by signal 9");
	expect_problem("exit 0", "getsubids answered with nothing");
	expect_problem("yes", "getsubids answered with more than 65536 bytes");
}

static void test_cannot_run(void **state)
{
	struct getsubids_answer answer;

	(void)state;
	assert_int_equal(getsubids_ask("/nonexistent", "kubelet", ID_UID, 1000, &answer), 0);
	assert_string_equal(answer.list.problem,
			    "getsubids cannot be run: No such file or directory");
	getsubids_answer_done(&answer);
	scratch_write(&scratch, SCRATCH_GETSUBIDS, "#!/bin/sh\n");
	assert_int_equal(getsubids_ask(scratch_path(&scratch, SCRATCH_GETSUBIDS), "kubelet", ID_UID,
				       1000, &answer),
			 0);
	assert_string_equal(answer.list.problem, "getsubids cannot be run: Permission denied");
	getsubids_answer_done(&answer);
}

static const struct {
	const char *body;
	size_t n_entries, n_good;
} answers[] = {
	{ "echo '0: kubelet 65536 65536'", 1, 1 },
	{ "echo '0: kubelet 1 2'; echo '1: kubelet 3 4'", 2, 2 },
	{ "echo '0: kubelet 65536 18446744073709551615'", 1, 1 },
	{ "printf '0: kubelet 65536 65536'", 1, 0 }, /* cut off? */
	{ "echo '1: kubelet 65536 65536'", 1, 0 },
	{ "echo '0: other 65536 65536'", 1, 0 },
	{ "echo '0: kubelet 65536'", 1, 0 },
	{ "echo '0: kubelet 65536 65536 1'", 1, 0 },
	{ "echo '0: kubelet 0x10000 65536'", 1, 0 },
	{ "echo '0: kubelet 065536 65536'", 1, 0 },
	{ "echo '0: kubelet -1 65536'", 1, 0 },
	{ "echo '0: kubelet  65536 65536'", 1, 0 },
	{ "echo '0:kubelet 65536 65536'", 1, 0 },
	{ "echo ' 0: kubelet 65536 65536'", 1, 0 },
	{ "echo '0: kubelet 65536 65536 '", 1, 0 },
	{ "printf '0: kubelet 65536 65536\\r\\n'", 1, 0 },
	{ "printf '0: kubelet 65536 65536\\0\\n'", 1, 0 },
	{ "printf '0: kubelet 65536 65536\\n\\0'", 1, 0 },
	{ "echo", 1, 0 },
	{ "echo '0: kubelet 65536 65536'; echo", 2, 1 },
	{ "echo hello", 1, 0 },
	{ "seq 5000", 1000, 0 },
	{ "echo '0: kubelet 1 18446744073709551616'", 1, 0 },
};

static void test_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(answers); i++) {
		struct getsubids_answer answer = ask(answers[i].body, ID_UID, PATIENCE_MS);
		size_t n_good = 0;

		for (size_t j = 0; j < answer.list.n_entries; j++)
			n_good += answer.list.entries[j].fault == ENTRY_GOOD;
		if (answer.list.n_entries != answers[i].n_entries || n_good != answers[i].n_good)
			fail_msg("%s: %zu entries, %zu good", answers[i].body,
				 answer.list.n_entries, n_good);
		getsubids_answer_done(&answer);
	}
}

/* The process is dead, or dies within the time; its parent may be slow to reap it. */
static void expect_death(const char *path)
{
	_cleanup_(closep) int fd = -1;
	struct pollfd poll_fd = { .events = POLLIN };
	char text[32];

	read_text(path, text, sizeof(text));
	assert_true(atoi(text) > 1);
	fd = pidfd_open(atoi(text), 0);
	if (fd < 0) {
		assert_int_equal(errno, ESRCH);
		return;
	}
	poll_fd.fd = fd;
	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_hang(void **state)
{
	int64_t started = now_ms();
	struct getsubids_answer answer = ask("trap '' TERM; echo stuck >&2; echo $$ >parent\n"
					     "sh -c 'echo $$ >child; sleep 1000' & sleep 1000",
					     ID_UID, SHORT_MS);

	(void)state;
	assert_true(now_ms() - started >= SHORT_MS);
	assert_true(now_ms() - started < PATIENCE_MS);
	assert_string_equal(answer.list.problem, "getsubids did not answer within 200 ms: stuck");
	getsubids_answer_done(&answer);
	expect_death("/parent");
	expect_death("/child");
}

/* What it leaves behind does not keep us, and does not stay. */
static void test_left_behind(void **state)
{
	int64_t started = now_ms();
	struct getsubids_answer answer = ask("sleep 1000 & echo $! >child; echo '0: kubelet 1 1'",
					     ID_UID, PATIENCE_MS);

	(void)state;
	assert_true(now_ms() - started < PATIENCE_MS);
	assert_null(answer.list.problem);
	assert_int_equal(answer.list.n_entries, 1);
	getsubids_answer_done(&answer);
	expect_death("/child");
}

static void test_flood_of_errors(void **state)
{
	struct getsubids_answer answer = ask(
		"echo first >&2; yes | head -c 1000000 >&2; echo '0: kubelet 1 1'; exit 1", ID_UID,
		PATIENCE_MS);

	(void)state;
	assert_string_equal(answer.list.problem, "getsubids failed with exit status 1: first");
	getsubids_answer_done(&answer);
	answer = ask("exec yes >&2", ID_UID, SHORT_MS);
	assert_string_equal(answer.list.problem, "getsubids did not answer within 200 ms: y");
	getsubids_answer_done(&answer);
	answer = ask("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", ID_UID, PATIENCE_MS);
	assert_true(strlen(answer.list.problem) < 300);
	getsubids_answer_done(&answer);
}

static size_t count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static void test_no_leak(void **state)
{
	size_t before = count_fds();

	test_problems(state);
	test_cannot_run(state);
	test_left_behind(state);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer, make, drop),
		cmocka_unit_test_setup_teardown(test_surroundings, make, drop),
		cmocka_unit_test_setup_teardown(test_problems, make, drop),
		cmocka_unit_test_setup_teardown(test_cannot_run, make, drop),
		cmocka_unit_test_setup_teardown(test_strict, make, drop),
		cmocka_unit_test_setup_teardown(test_hang, make, drop),
		cmocka_unit_test_setup_teardown(test_left_behind, make, drop),
		cmocka_unit_test_setup_teardown(test_flood_of_errors, make, drop),
		cmocka_unit_test_setup_teardown(test_no_leak, make, drop),
	};

	return cmocka_run_group_tests_name("getsubids", tests, NULL, NULL);
}
