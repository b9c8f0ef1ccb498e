/* SPDX-License-Identifier: MIT */
#include "bench-daemon.h"

#include "bench-samples.h"

#include "cleanup.h"
#include "decimal.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define SETTLE_TRIES 300
#define SETTLED_SECONDS 0.01 /* of processor time, in an interval */

#define READY_TIMEOUT 60000 /* ms */

/* 61,437 units, which leaves room behind 60,000. */
static const char *const files[][2] = {
	{ "etc/subuid", "containers:65536:4026466304\n" },
	{ "etc/subgid", "containers:65536:4026466304\n" },
	{ "etc/passwd", "root:x:0:0::/root:/bin/sh\ncontainers:x:902:902::/:/bin/false\n" },
	{ "etc/group", "root:x:0:\ncontainers:x:902:\n" },
	{ "etc/subidd/subidd.conf", "[Pool containers]\n" },
};

static char *path_in(const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		err(2, "no memory");
	return path;
}

static void make_folder(const char *root, const char *name)
{
	_cleanup_(freep) char *path = path_in(root, name);

	if (mkdir(path, 0755) < 0)
		err(2, "%s", path);
}

static void write_file(const char *root, const char *name, const void *bytes, size_t size)
{
	_cleanup_(freep) char *path = path_in(root, name);
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		err(2, "%s", path);
}

static uint64_t *map_counter(const char *root)
{
	_cleanup_(freep) char *path = path_in(root, "syncs");
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		err(2, "%s", path);
	return map;
}

static int bind_notify(const char *root)
{
	_cleanup_(freep) char *path = path_in(root, "notify");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long for the path of a socket: use --dir with a shorter one",
		     path);
	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) < 0)
		err(2, "%s", path);
	return fd;
}

void daemon_init(struct daemon *daemon, const char *program, const char *folder, const char *name)
{
	static const uint64_t zero;

	*daemon = (struct daemon){ .program = program, .root = path_in(folder, name) };
	make_folder(folder, name);
	make_folder(daemon->root, "etc");
	make_folder(daemon->root, "etc/subidd");
	for (size_t i = 0; i < ELEMENTS_OF(files); i++)
		write_file(daemon->root, files[i][0], files[i][1], strlen(files[i][1]));
	write_file(daemon->root, "syncs", &zero, sizeof(zero));
	daemon->n_syncs = map_counter(daemon->root);
	daemon->notify = bind_notify(daemon->root);
	daemon->socket = path_in(daemon->root, "run/subidd/io.subidd.Allocator");
}

static void run(const struct daemon *daemon)
{
	_cleanup_(freep) char *notify = path_in(daemon->root, "notify");
	_cleanup_(freep) char *syncs = path_in(daemon->root, "syncs");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("NOTIFY_SOCKET", notify, 1);
	setenv("BENCH_SYNCS", syncs, 1);
	setenv("LD_PRELOAD", COUNT_SYNCS, 1);
	execl(daemon->program, "subidd", "--root", daemon->root, "--log-level", "error", NULL);
	warn("%s", daemon->program);
	_exit(2);
}

/* Waits for the next message of sd_notify(3); returns whether it says that the daemon is ready. */
static bool is_ready(const struct daemon *daemon, int process)
{
	struct pollfd fds[] = { { daemon->notify, POLLIN, 0 }, { process, POLLIN, 0 } };
	char text[4096] = "\n";
	ssize_t n;

	if (poll(fds, ELEMENTS_OF(fds), READY_TIMEOUT) <= 0 || !(fds[0].revents & POLLIN))
		errx(2, "the daemon did not become ready");
	n = recv(daemon->notify, text + 1, sizeof(text) - 2, 0);
	if (n < 0)
		err(2, "sd_notify");
	text[n + 1] = 0;
	return strstr(text, "\nREADY=1");
}

double daemon_start(struct daemon *daemon)
{
	_cleanup_(closep) int process = -1;
	double began = clock_usec();

	daemon->process = fork();
	if (daemon->process < 0)
		err(2, "fork");
	if (daemon->process == 0)
		run(daemon);
	process = pidfd_open(daemon->process, 0);
	while (!is_ready(daemon, process))
		;
	return clock_usec() - began;
}

void daemon_stop(struct daemon *daemon, int signal)
{
	char text[4096];
	int status;

	kill(daemon->process, signal);
	if (waitpid(daemon->process, &status, 0) < 0)
		err(2, "waitpid");
	if (signal != SIGKILL && status != 0)
		errx(2, "the daemon has ended with the wait status %d", status);
	daemon->process = 0;
	while (recv(daemon->notify, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

uint64_t daemon_syncs(const struct daemon *daemon)
{
	return __atomic_load_n(daemon->n_syncs, __ATOMIC_RELAXED);
}

double daemon_cpu(const struct daemon *daemon)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(daemon->process, &clock) != 0 || clock_gettime(clock, &used) < 0)
		errx(2, "the clock of the daemon");
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

/* There is nothing that would tell of it but that its processor time stands nearly still. */
void daemon_settle(const struct daemon *daemon)
{
	const struct timespec interval = { .tv_nsec = 200 * 1000 * 1000 };

	for (int i = 0; i < SETTLE_TRIES; i++) {
		double before = daemon_cpu(daemon);

		nanosleep(&interval, NULL);
		if (daemon_cpu(daemon) - before < SETTLED_SECONDS)
			return;
	}
	errx(2, "the daemon never comes to rest");
}

double daemon_peak(const struct daemon *daemon)
{
	_cleanup_(freep) char *line = NULL;
	_cleanup_(fclosep) FILE *file = NULL;
	char path[64];
	size_t size = 0;
	uint64_t kib;

	snprintf(path, sizeof(path), "/proc/%d/status", daemon->process);
	file = fopen(path, "re");
	while (file && getline(&line, &size, file) > 0) {
		const char *digits = line + strcspn(line, "0123456789");

		if (strncmp(line, "VmHWM:", 6) == 0 &&
		    decimal_parse(digits, strspn(digits, "0123456789"), INT64_MAX, &kib) == 0)
			return (double)kib / 1024;
	}
	errx(2, "%s: no VmHWM", path);
}

void daemon_done(struct daemon *daemon)
{
	if (daemon->process > 0)
		daemon_stop(daemon, SIGTERM);
	closep(&daemon->notify);
	munmap(daemon->n_syncs, sizeof(*daemon->n_syncs));
	free(daemon->socket);
	free(daemon->root);
}
