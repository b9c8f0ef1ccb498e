/* SPDX-License-Identifier: MIT */
#include "namespaces.h"
#include "testing.h"

#include "node/clock.h"
#include "node/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define NOBODY 65534
#define BOOT_OFFSET 1000000 /* s, of the time namespace */
#define OTHER_BOOT "01234567-89ab-cdef-0123-456789abcdef"

static pid_t fork_sleeper(namespaces_act_fn act, void *userdata)
{
	return namespaces_fork(NULL, NULL, act, userdata);
}

static struct process identify(pid_t pid)
{
	struct process process;

	assert_int_equal(process_identify((uint32_t)pid, &process), 0);
	assert_int_equal(process.pid, pid);
	assert_int_equal(strlen(process.boot), BOOT_ID_LENGTH);
	return process;
}

/* The process lives, as all three functions say. */
static void expect_alive(const struct process *process)
{
	_cleanup_(closep) int fd = -1;
	struct process again = identify((pid_t)process->pid);
	struct pollfd poller = { .events = POLLIN };

	assert_true(process_equal(&again, process));
	assert_int_equal(process_is_alive(process), 1);
	assert_int_equal(process_open(process, &fd), 0);
	poller.fd = fd;
	assert_int_equal(poll(&poller, 1, 0), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void expect_ended(const struct process *process)
{
	int fd = 77;

	assert_int_equal(process_is_alive(process), 0);
	assert_int_equal(process_open(process, &fd), -ESRCH);
	assert_int_equal(fd, 77);
}

static void test_life(void **state)
{
	int n_fds = count_fds();
	pid_t child = fork_sleeper(NULL, NULL);
	struct process process = identify(child), other;
	_cleanup_(closep) int fd = -1;
	struct pollfd poller = { .events = POLLIN };

	(void)state;
	expect_alive(&process);
	assert_int_equal(process_open(&process, &fd), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	namespaces_await_zombie(child);
	poller.fd = fd;
	assert_int_equal(poll(&poller, 1, 0), 1);
	expect_ended(&process);
	assert_int_equal(process_identify((uint32_t)child, &other), -ESRCH);
	assert_int_equal(waitpid(child, NULL, 0), child);
	expect_ended(&process);
	assert_int_equal(process_identify((uint32_t)child, &other), -ESRCH);
	assert_int_equal(count_fds(), n_fds + 1);
}

/* The same PID later, or in another boot, is another process. */
static void test_others(void **state)
{
	struct process process = identify(getpid()), other = process;

	(void)state;
	expect_alive(&process);
	other.start++;
	expect_ended(&other);
	other.start = process.start - 1;
	expect_ended(&other);
	other = process;
	strcpy(other.boot, OTHER_BOOT);
	expect_ended(&other);
	other = (struct process){ 0 };
	expect_ended(&other);
}

static void test_no_process(void **state)
{
	static const uint32_t pids[] = { 0, INT_MAX, (uint32_t)INT_MAX + 1, UINT32_MAX };
	struct process process = { .pid = 7 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(pids); i++)
		assert_int_equal(process_identify(pids[i], &process), -ESRCH);
	assert_int_equal(process.pid, 7);
}

static void take_name(void *userdata)
{
	prctl(PR_SET_NAME, userdata);
}

/* The name stands before the start in the file, and is the process's to choose. */
static void test_names(void **state)
{
	static const char *const names[] = { "a) R 1 1 1 1 1", "))) ((", ")", "",
					     "a\n1 2 3 4 5",   " " };

	(void)state;
	for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
		struct process before = identify(getpid()), process;
		pid_t child = fork_sleeper(take_name, (void *)names[i]);

		process = identify(child);
		assert_true(process.start >= before.start);
		assert_true(process.start < before.start + 100 * 3600);
		expect_alive(&process);
		namespaces_kill(child);
	}
}

/* A thread that ends once the other end of its pipe is closed. */
struct sleeper {
	_Atomic pid_t id;
	int fds[2];
	pthread_t thread;
};

static void *sleep_in_thread(void *userdata)
{
	struct sleeper *sleeper = userdata;
	char word;

	sleeper->id = (pid_t)syscall(SYS_gettid);
	while (read(sleeper->fds[0], &word, 1) < 0)
		;
	return NULL;
}

static void sleeper_start(struct sleeper *sleeper)
{
	assert_int_equal(pipe2(sleeper->fds, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_in_thread, sleeper), 0);
	while (sleeper->id == 0)
		sched_yield();
}

/* The ID of a thread is no process, though there are files in /proc for it. */
static void test_thread(void **state)
{
	struct sleeper sleeper = { 0 };
	struct process process;

	(void)state;
	sleeper_start(&sleeper);
	assert_int_equal(process_identify((uint32_t)sleeper.id, &process), -ESRCH);
	close(sleeper.fds[1]);
	pthread_join(sleeper.thread, NULL);
	close(sleeper.fds[0]);
}

static void end_thread(int signal)
{
	(void)signal;
	syscall(SYS_exit, 0);
}

static void start_thread(void *userdata)
{
	signal(SIGUSR1, end_thread);
	sleeper_start(userdata);
}

static bool is_zombie(pid_t pid)
{
	_cleanup_(fclosep) FILE *file = NULL;
	char path[32], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	return strstr(text, ") Z ");
}

/* The first thread is shown as a zombie, but the process lives as long as any thread of it. */
static void test_first_thread_ends(void **state)
{
	struct sleeper sleeper = { 0 };
	pid_t child = fork_sleeper(start_thread, &sleeper);
	struct process process = identify(child);

	(void)state;
	expect_alive(&process);
	assert_int_equal(syscall(SYS_tgkill, child, child, SIGUSR1), 0);
	while (!is_zombie(child))
		sched_yield();
	expect_alive(&process);
	namespaces_kill(child);
	expect_ended(&process);
}

static void test_ordinary_user(void **state)
{
	struct process process = identify(1);
	int r;

	(void)state;
	if (geteuid() != 0)
		return expect_alive(&process);
	assert_int_equal(seteuid(NOBODY), 0);
	r = process_is_alive(&process);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 1);
}

/* What a child that /proc hides the processes of others from makes of PID and of an ended process.
 */
static void look_from_hiding(uint32_t pid, const struct process *ended)
{
	struct process process = { .pid = pid }, other;
	struct idmap maps[2];
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		_exit(77);
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(1);
	if (process_identify(pid, &other) != -EPERM || process_open(&process, &fd) != -EPERM ||
	    process_is_alive(&process) != -EPERM || process_read_maps(&process, maps) != -EPERM)
		_exit(2);
	_exit(process_is_alive(ended) != 0);
}

/* Ranges are released by what is said here: what cannot be seen has not ended. */
static void test_hidden(void **state)
{
	pid_t gone = fork_sleeper(NULL, NULL), child;
	struct process ended = identify(gone);
	int status;

	(void)state;
	namespaces_need();
	namespaces_kill(gone);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		look_from_hiding((uint32_t)getppid(), &ended);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 77) {
		print_message("# no /proc can be mounted here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* What a child in another time namespace makes of this process and of the time. */
struct view {
	struct process process;
	struct moment moment;
	struct timespec shown; /* by the clock itself */
};

static void look_from_inside(pid_t pid, int fd)
{
	struct view view;

	if (clock_init() < 0 || process_identify((uint32_t)pid, &view.process) < 0)
		_exit(1);
	clock_now(&view.moment);
	clock_gettime(CLOCK_BOOTTIME, &view.shown);
	_exit(write(fd, &view, sizeof(view)) != sizeof(view));
}

static void enter_time_namespace(pid_t pid, int fd)
{
	char text[64];
	int length = sprintf(text, "boottime %d 0", BOOT_OFFSET);
	int file;

	if (unshare(CLONE_NEWTIME) < 0)
		_exit(77);
	file = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, text, (size_t)length) != length)
		_exit(1);
	if (fork() == 0)
		look_from_inside(pid, fd);
	wait(NULL);
	_exit(0);
}

static void test_time_namespace(void **state)
{
	struct process process = identify(getpid());
	struct moment before, after;
	struct view view;
	int fds[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	clock_now(&before);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		enter_time_namespace(getppid(), fds[1]);
	close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 77) {
		close(fds[0]);
		print_message("# time namespaces are refused here\n");
		skip();
	}
	assert_int_equal(read(fds[0], &view, sizeof(view)), sizeof(view));
	close(fds[0]);
	clock_now(&after);
	assert_true(process_equal(&view.process, &process));
	assert_in_range(view.moment.boot, before.boot, after.boot);
	assert_in_range(view.moment.wall, before.wall, after.wall);
	assert_in_range((uint64_t)view.shown.tv_sec, before.boot / 1000000 + BOOT_OFFSET,
			after.boot / 1000000 + BOOT_OFFSET + 1);
}

static void test_clock(void **state)
{
	char boot[BOOT_ID_LENGTH + 1], again[BOOT_ID_LENGTH + 1];
	struct moment last = { 0 }, now;
	struct timespec wall;
	int64_t offset;

	(void)state;
	assert_int_equal(clock_init(), 0);
	assert_int_equal(clock_boot_offset(&offset), 0);
	assert_int_equal(clock_boot_id(boot), 0);
	assert_int_equal(clock_boot_id(again), 0);
	assert_string_equal(boot, again);
	for (int i = 0; i < 1000; i++) {
		clock_now(&now);
		assert_true(now.boot >= last.boot);
		last = now;
	}
	clock_gettime(CLOCK_REALTIME, &wall);
	assert_in_range(now.wall / 1000000, wall.tv_sec - 60, wall.tv_sec + 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),	       cmocka_unit_test(test_others),
		cmocka_unit_test(test_no_process),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_thread),	       cmocka_unit_test(test_first_thread_ends),
		cmocka_unit_test(test_ordinary_user),  cmocka_unit_test(test_clock),
		cmocka_unit_test(test_time_namespace), cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
