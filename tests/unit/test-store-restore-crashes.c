/* SPDX-License-Identifier: MIT */

/* Restoring, cut off at each of its steps. */

#include "restore-folder.h"

#include <sys/wait.h>

static int steps_left = -1; /* before the process dies; -1: it lives */

static void step(void)
{
	if (steps_left >= 0 && steps_left-- == 0)
		_exit(9);
}

/* What the linker puts in the place of the calls that change files. */
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);

int __wrap_link(const char *from, const char *to)
{
	step();
	return __real_link(from, to);
}

int __wrap_unlink(const char *path)
{
	step();
	return __real_unlink(path);
}

int __wrap_rename(const char *from, const char *to)
{
	step();
	return __real_rename(from, to);
}

int __wrap_fsync(int fd)
{
	step();
	return __real_fsync(fd);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
	step();
	return __real_pwrite(fd, data, size, at);
}

/* Restores in a process that dies before its N-th step. Returns whether it came to its end. */
static bool restore_for(const char *name, int n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		_cleanup_(freep) char *message = NULL;
		_cleanup_(freep) char *kept = NULL;

		steps_left = n;
		_exit(restore_from(name, &kept, &message) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0));
	return WEXITSTATUS(status) == 0;
}

/* Returns 0, 1 or 2: the state as it was; it is refused until it is restored again; restored. */
static int look(void)
{
	_cleanup_(freep) char *message = NULL;
	struct store *store = NULL;
	int r = store_open(folder.path, &store, &message);

	store_free(store);
	if (r == 0)
		return strcmp(rows(), "a:1:draining:1 ") == 0 ? 2 : 0;
	assert_int_equal(r, STORE_E_LOST);
	assert_non_null(strstr(message, "run subidd --restore FILE again"));
	return 1;
}

static void remove_all(void)
{
	struct snapshot shot = take_snapshot();

	for (size_t i = 0; i < shot.n; i++) {
		unlink(folder_path(&folder, shot.names[i]));
		free(shot.names[i]);
		free(shot.data[i]);
	}
	unlink(folder_path(&folder, "lock"));
}

static void test_crashes(void **state)
{
	int n_seen[3] = {}, last = 0;
	bool is_over = false;

	(void)state;
	for (int n = 0; !is_over; n++) {
		int what;

		make_both();
		is_over = restore_for(BACKUP, n);
		what = look();
		n_seen[what]++;
		assert_true(what >= last); /* there is no way back */
		last = what;
		if (what == 0)
			assert_string_equal(rows(), "a:1:active:0 b:2:active:0 ");
		if (what == 1)
			expect_unfit(DATABASE, STORE_E_LOST, "before-restore-TIME");
		expect_restored(BACKUP);
		assert_string_equal(rows(), "a:1:draining:1 ");
		assert_true(has_file(KEPT));
		assert_false(has_file(DATABASE ".new"));
		assert_false(has_file(DATABASE ".restore"));
		remove_all();
	}
	print_message("# %d as before, %d to be restored again, %d restored\n", n_seen[0],
		      n_seen[1], n_seen[2]);
	assert_true(n_seen[0] > 0 && n_seen[1] > 0 && n_seen[2] > 0);
}

/* The kept one has its log, wherever the restoring of the state's own database was cut off. */
static void test_crashes_on_own(void **state)
{
	bool is_over = false;

	(void)state;
	for (int n = 0; !is_over; n++) {
		pid_t pid;
		int status;

		make_both();
		pid = fork();
		if (pid == 0) {
			restore_add(open_store(), "c", 3);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		is_over = restore_for(DATABASE, n);
		expect_restored(has_file(KEPT "-wal") ? KEPT : DATABASE);
		assert_string_equal(rows(), "a:1:draining:1 b:2:draining:2 c:3:draining:3 ");
		remove_all();
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_crashes),
		TEST(test_crashes_on_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
