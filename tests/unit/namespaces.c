/* SPDX-License-Identifier: MIT */
#include "namespaces.h"

#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define UNIT 65536u

/* The one that fails may be a child, in which no test may go on. */
static void check(bool is_true)
{
	if (is_true)
		return;
	print_message("# namespaces: %s\n", strerror(errno));
	_exit(1);
}

struct id_range namespaces_range(void)
{
	return (struct id_range){ UNIT * (33000 + (uint32_t)getpid() % 210 * 112), UNIT * 112 };
}

void namespaces_write_map(pid_t process, const char *name, const char *text)
{
	_cleanup_(closep) int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", process, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd >= 0);
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void say(int fd)
{
	check(write(fd, "x", 1) == 1);
}

static void hear(int fd)
{
	char word;

	check(read(fd, &word, 1) == 1);
}

/* The child's part: says when it has its namespace and when it is done. */
_Noreturn static void live(const char *uids, const char *gids, int from_parent, int to_parent,
			   namespaces_act_fn act, void *userdata)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	check(!uids || unshare(CLONE_NEWUSER) == 0);
	say(to_parent);
	hear(from_parent);
	check(!gids || !*gids || setresgid(0, 0, 0) == 0);
	check(!uids || !*uids || setresuid(0, 0, 0) == 0);
	prctl(PR_SET_DUMPABLE, 1); /* else its files in /proc are not its own */
	if (act)
		act(userdata);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of IDs has cleared it */
	say(to_parent);
	for (;;)
		pause();
}

pid_t namespaces_fork(const char *uids, const char *gids, namespaces_act_fn act, void *userdata)
{
	int to_child[2], to_parent[2];
	pid_t child;

	check(pipe2(to_child, O_CLOEXEC) == 0);
	check(pipe2(to_parent, O_CLOEXEC) == 0);
	child = fork();
	check(child >= 0);
	if (child == 0) {
		close(to_child[1]);
		close(to_parent[0]);
		live(uids, gids, to_child[0], to_parent[1], act, userdata);
	}
	close(to_child[0]);
	close(to_parent[1]);
	hear(to_parent[0]);
	if (uids && *uids)
		namespaces_write_map(child, "uid_map", uids);
	if (gids && *gids)
		namespaces_write_map(child, "gid_map", gids);
	say(to_child[1]);
	hear(to_parent[0]);
	close(to_child[1]);
	close(to_parent[0]);
	return child;
}

/* One of the chain: lives for as long as it takes to fork the next. */
_Noreturn static void run_chain(int stop, uint64_t *n)
{
	struct pollfd poller = { .fd = stop };

	while (poll(&poller, 1, 0) == 0 && fork() == 0)
		++*n;
	_exit(0);
}

/* Outside of the range, and the parent of all of the chain: their zombies would be seen. */
_Noreturn static void keep_chain(struct id_range range, int stop, int ready, uint64_t *n)
{
	int mapped[2], made[2];
	char map[64];
	pid_t child;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGCHLD, SIG_IGN);
	check(pipe2(mapped, O_CLOEXEC) == 0);
	check(pipe2(made, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		check(unshare(CLONE_NEWUSER) == 0);
		say(made[1]);
		hear(mapped[0]);
		check(setresuid(0, 0, 0) == 0);
		run_chain(stop, n);
	}
	hear(made[0]);
	snprintf(map, sizeof(map), "0 %u %u\n", range.start, range.count);
	namespaces_write_map(child, "uid_map", map);
	namespaces_write_map(child, "gid_map", map);
	say(mapped[1]);
	say(ready);
	close(ready);
	/* as SIGCHLD is ignored, this waits for all of them and then fails (wait(2)) */
	while (wait(NULL) >= 0 || errno != ECHILD)
		;
	_exit(0);
}

struct chain chain_start(struct id_range range)
{
	struct chain chain;
	int stop[2], ready[2];

	chain.n = mmap(NULL, sizeof(*chain.n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	check(chain.n != MAP_FAILED);
	check(pipe2(stop, O_CLOEXEC) == 0);
	check(pipe2(ready, O_CLOEXEC) == 0);
	chain.keeper = fork();
	check(chain.keeper >= 0);
	if (chain.keeper == 0) {
		close(stop[1]);
		close(ready[0]);
		keep_chain(range, stop[0], ready[1], chain.n);
	}
	close(stop[0]);
	close(ready[1]);
	hear(ready[0]);
	chain.stop = stop[1];
	chain.ended = ready[0];
	return chain;
}

void chain_stop(struct chain *chain)
{
	char word;

	close(chain->stop);
	check(read(chain->ended, &word, 1) == 0); /* the last one has closed it */
	close(chain->ended);
	check(waitpid(chain->keeper, NULL, 0) == chain->keeper); /* and been waited for */
	munmap(chain->n, sizeof(*chain->n));
}

void namespaces_kill(pid_t child)
{
	check(kill(child, SIGKILL) == 0);
	check(waitpid(child, NULL, 0) == child);
}

void namespaces_await_zombie(pid_t child)
{
	siginfo_t info;

	check(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
}

void namespaces_need(void)
{
	int status = 0;
	pid_t child;

	if (geteuid() != 0) {
		print_message("# needs root\n");
		skip();
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0) {
		print_message("# user namespaces are refused here\n");
		skip();
	}
}
