/* SPDX-License-Identifier: MIT */

/* Disks that are full, files that go, daemons that are killed in the middle of a batch. */

#include "allocator-rig.h"

#include "allocator-private.h"
#include "store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define N_BATCH 40

static void fill_pool(void)
{
	set_pool(U, 2000 * U, U);
	expect_range("before", OUTCOME_CREATED, U, U);
	commit();
}

/* A kill takes all of the batch, and nothing of what was committed before. */
static void test_killed(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	allocator_free(take_ptr(allocator));
	pid = fork();
	if (pid == 0) {
		char pod[16];

		/* the same folder, not a new one */
		restart();
		fill_pool();
		for (int i = 0; i < N_BATCH; i++) {
			snprintf(pod, sizeof(pod), "pod%d", i);
			ask(pod);
		}
		give_back("before");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	restart();
	set_pool(U, 2000 * U, U);
	assert_string_equal(rows(), "before:1:1:active ");
	assert_string_equal(usage(), "2000 1 0 1999 0");
}

static void test_freed_without_commit(void **state)
{
	(void)state;
	fill_pool();
	ask("lost");
	assert_true(allocator_is_pending(allocator));
	restart();
	assert_string_equal(rows(), "before:1:1:active ");
}

static void test_nothing_to_commit(void **state)
{
	struct allocation got;

	(void)state;
	fill_pool();
	assert_false(allocator_is_pending(allocator));
	expect_range("before", OUTCOME_EXISTING, U, U);
	assert_int_equal(allocator_get(allocator, "before", &got), 0);
	assert_int_equal(ask_count("x", 1), ALLOCATOR_E_BAD_COUNT);
	assert_true(give_back("before"));
	assert_true(allocator_is_pending(allocator));
	commit();
	assert_false(give_back("before"));
	assert_false(allocator_is_pending(allocator));
}

/* The database goes away under the daemon: nothing can be had until it is back. */
static void test_lost_database(void **state)
{
	const char *path = folder_path(&folder, "allocations.db");
	const char *away = folder_path(&folder, "away.db");
	struct allocation got;
	bool released;

	(void)state;
	fill_pool();
	restart(); /* all is in the file, nothing in the log */
	set_pool(U, 2000 * U, U);
	ask("in the batch");
	assert_int_equal(rename(path, away), 0);
	/* SQLite takes a transaction back by itself when the disk fails */
	sqlite3_exec(allocator->store->db, "ROLLBACK", NULL, NULL, NULL);
	assert_int_equal(allocator_commit(allocator), -EIO);
	assert_int_equal(ask("x"), -EUCLEAN);
	assert_int_equal(allocator_get(allocator, "before", &got), -EUCLEAN);
	assert_int_equal(allocator_release(allocator, "before", (struct requester){ 0, 1, true },
					   the_time, &got, &released),
			 -EUCLEAN);
	assert_true(*allocator_message(allocator));
	assert_false(allocator_is_pending(allocator));
	assert_int_equal(rename(away, path), 0);
	expect_range("before", OUTCOME_EXISTING, U, U);
	assert_int_equal(allocator_get(allocator, "in the batch", &got), ALLOCATOR_E_NOT_FOUND);
}

/* What a child on a disk of its own reports. */
enum { DISK_OK, DISK_NONE = 77, DISK_WRONG };

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			print_message("# line %d\n", __LINE__);                                    \
			_exit(DISK_WRONG);                                                         \
		}                                                                                  \
	} while (0)

static bool mount_disk(void)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return mount("tmpfs", folder.path, "tmpfs", 0, "size=1m") == 0;
}

/* Takes all of the disk but a few pages. */
static void fill_disk(size_t n_pages_left)
{
	static const char page[4096];
	char path[256];
	size_t size = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", folder.path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (write(fd, page, sizeof(page)) == sizeof(page))
		size += sizeof(page);
	MUST(errno == ENOSPC);
	MUST(ftruncate(fd, (off_t)(size - n_pages_left * sizeof(page))) == 0);
	close(fd);
}

static void empty_disk(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/ballast", folder.path);
	MUST(unlink(path) == 0);
}

static bool is_held(const char *pod)
{
	struct allocation got;
	int r = allocator_get(allocator, pod, &got);

	MUST(r == 0 || r == ALLOCATOR_E_NOT_FOUND);
	return r == 0;
}

/*
 * A batch on a disk with so many pages left: it is committed as a whole, or it is gone as a whole
 * and was said to have failed; a request that failed alone has changed nothing. Then there is room
 * again.
 */
static void try_batch(size_t n_pages, int round)
{
	bool given[N_BATCH] = {};
	char pod[64];
	int r;

	fill_disk(n_pages);
	for (int i = 0; i < N_BATCH; i++) {
		snprintf(pod, sizeof(pod), "r%d-pod%d-%0*d", round, i, 40, 0);
		r = ask(pod);
		MUST(r <= 0);
		given[i] = r == 0;
		MUST(r == 0 || *allocator_message(allocator));
	}
	r = allocator_is_pending(allocator) ? allocator_commit(allocator) : -1;
	empty_disk();
	for (int i = 0; i < N_BATCH; i++) {
		snprintf(pod, sizeof(pod), "r%d-pod%d-%0*d", round, i, 40, 0);
		if (r == 0)
			MUST(is_held(pod) == given[i]);
		else
			MUST(!is_held(pod));
	}
	MUST(is_held("before"));
	snprintf(pod, sizeof(pod), "after%d", round);
	MUST(ask(pod) == 0 && outcome == OUTCOME_CREATED);
	MUST(allocator_commit(allocator) == 0);
}

/* The counts in memory are those of a daemon that has just read the store. */
static void check_counts(void)
{
	struct pool_usage before = allocator_usage(allocator, 0, the_time), after;

	restart();
	set_pool(U, 2000 * U, U);
	after = allocator_usage(allocator, 0, the_time);
	MUST(memcmp(&before, &after, sizeof(after)) == 0);
}

static void full_disk_child(void)
{
	if (!mount_disk())
		_exit(DISK_NONE);
	restart();
	fill_pool();
	for (int round = 0; round < 30; round++) {
		try_batch((size_t)round % 15, round);
		check_counts();
	}
	allocator_free(take_ptr(allocator));
	_exit(DISK_OK);
}

static void test_full_disk(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	allocator_free(take_ptr(allocator));
	pid = fork();
	if (pid == 0)
		full_disk_child();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == DISK_NONE) {
		print_message("# no file system can be mounted here\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), DISK_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, allocator_setup, allocator_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_killed),
		TEST(test_freed_without_commit),
		TEST(test_nothing_to_commit),
		TEST(test_lost_database),
		TEST(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
