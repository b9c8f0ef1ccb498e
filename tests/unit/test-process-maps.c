/* SPDX-License-Identifier: MIT */

/* The maps of one process: of the one that was meant, or of none. */

#include "namespaces.h"
#include "testing.h"

#include "node/process.h"

#include <errno.h>
#include <signal.h>

static struct process identify(pid_t pid)
{
	struct process process;

	assert_int_equal(process_identify((uint32_t)pid, &process), 0);
	return process;
}

static void test_maps(void **state)
{
	struct id_range range = namespaces_range();
	char uids[64], gids[64];
	struct process process;
	struct idmap maps[2];
	pid_t child;

	(void)state;
	namespaces_need();
	snprintf(uids, sizeof(uids), "0 %u 1000\n", range.start);
	snprintf(gids, sizeof(gids), "0 %u 10\n10 %u 5\n", range.start + 7, range.start + 100);
	child = namespaces_fork(uids, gids, NULL, NULL);
	process = identify(child);
	assert_int_equal(process_read_maps(&process, maps), 0);
	assert_int_equal(maps[0].n_hosts, 1);
	assert_true(id_range_equal(maps[0].hosts[0], (struct id_range){ range.start, 1000 }));
	assert_int_equal(maps[1].n_hosts, 2);
	assert_int_equal(maps[1].hosts[1].start, range.start + 100);
	/* another process had that PID, and this one ends */
	process.start++;
	assert_int_equal(process_read_maps(&process, maps), -ESRCH);
	process.start--;
	assert_int_equal(process_read_maps(&process, maps), 0);
	namespaces_kill(child);
	assert_int_equal(process_read_maps(&process, maps), -ESRCH);
	assert_int_equal(maps[1].n_hosts, 2);
}

static void test_no_maps(void **state)
{
	struct process process;
	struct idmap maps[2];
	int n_fds = count_fds();
	pid_t child;

	(void)state;
	namespaces_need();
	child = namespaces_fork("", "", NULL, NULL);
	process = identify(child);
	assert_int_equal(process_read_maps(&process, maps), 0);
	assert_true(maps[0].is_empty && maps[1].is_empty);
	assert_int_equal(maps[0].n_hosts + maps[1].n_hosts, 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	namespaces_await_zombie(child);
	assert_int_equal(process_read_maps(&process, maps), -ESRCH);
	namespaces_kill(child);
	process = (struct process){};
	assert_int_equal(process_read_maps(&process, maps), -ESRCH);
	assert_int_equal(count_fds(), n_fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_no_maps),
	};

	return cmocka_run_group_tests_name("process-maps", tests, NULL, NULL);
}
