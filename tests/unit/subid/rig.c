/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define TIMEOUT_USEC UINT64_C(60000000) /* of what is answered */
#define SHORT_USEC UINT64_C(100000)	/* of what is not */

char rig_answer[1 << 16];
size_t rig_n_lookups;

static struct sockaddr_un address_of(const struct rig *rig)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, rig->socket);
	return address;
}

/* Reads one call, up to its NUL byte. */
static bool read_call(struct rig *rig, int fd)
{
	size_t n = 0;

	do {
		if (n == sizeof(rig->call) || recv(fd, rig->call + n, 1, 0) != 1)
			return false;
	} while (rig->call[n++] != '\0');
	return true;
}

static void wait_for_end(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		continue;
}

static void trickle(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (send(fd, " ", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&pause, NULL);
}

static void flood(int fd)
{
	while (send(fd, " ", 1, MSG_NOSIGNAL) == 1)
		continue;
}

static void answer(struct rig *rig, int fd)
{
	bool is_status = strstr(rig->call, ".GetStatus\"");
	const char *text = is_status ? rig->status : rig->pod;

	atomic_fetch_add(is_status ? &rig->n_status : &rig->n_pod, 1);
	send(fd, text, rig->manner == RIG_ENDS_EARLY ? strlen(text) : strlen(text) + 1,
	     MSG_NOSIGNAL);
}

static void serve(struct rig *rig, int fd)
{
	if (!read_call(rig, fd))
		return;
	switch (rig->manner) {
	case RIG_ANSWERS:
	case RIG_ENDS_EARLY:
		answer(rig, fd);
		break;
	case RIG_IS_SILENT:
		wait_for_end(fd);
		break;
	case RIG_TRICKLES:
		trickle(fd);
		break;
	case RIG_FLOODS:
		flood(fd);
		break;
	case RIG_REFUSES:
	case RIG_IS_FULL:
	case RIG_HANGS_UP:
		break;
	}
}

static void *run(void *user)
{
	struct rig *rig = user;
	int fd;

	while ((fd = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve(rig, fd);
		close(fd);
	}
	return NULL;
}

/* Connects without waiting until no more connections are taken. */
static void fill_backlog(struct rig *rig)
{
	struct sockaddr_un address = address_of(rig);

	for (size_t i = 0; i < ELEMENTS_OF(rig->fillers); i++) {
		rig->fillers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(rig->fillers[i] >= 0);
		if (connect(rig->fillers[i], (struct sockaddr *)&address, sizeof(address)) < 0) {
			assert_int_equal(errno, EAGAIN);
			return;
		}
	}
	fail_msg("the backlog does not become full");
}

void rig_start(struct rig *rig, enum rig_manner manner)
{
	struct sockaddr_un address = address_of(rig);

	rig->manner = manner;
	rig->n_status = rig->n_pod = 0;
	rig->world.timeout = manner == RIG_ANSWERS ? TIMEOUT_USEC : SHORT_USEC;
	rig->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < ELEMENTS_OF(rig->fillers); i++)
		rig->fillers[i] = -1;
	unlink(rig->socket);
	assert_int_equal(bind(rig->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	if (manner == RIG_REFUSES)
		return;
	assert_int_equal(listen(rig->listener, manner == RIG_IS_FULL ? 0 : 16), 0);
	if (manner == RIG_IS_FULL)
		fill_backlog(rig);
	else
		assert_int_equal(pthread_create(&rig->thread, NULL, run, rig), 0);
}

void rig_stop(struct rig *rig)
{
	shutdown(rig->listener, SHUT_RDWR);
	if (rig->manner != RIG_REFUSES && rig->manner != RIG_IS_FULL)
		pthread_join(rig->thread, NULL);
	for (size_t i = 0; i < ELEMENTS_OF(rig->fillers); i++)
		closep(&rig->fillers[i]);
	close(rig->listener);
}

static int find_uid(const char *name, uint32_t *ret)
{
	rig_n_lookups++;
	if (strcmp(name, "far") != 0)
		return -ENOENT;
	*ret = 5005;
	return 0;
}

void rig_make(struct rig *rig)
{
	*rig = (struct rig){ .listener = -1, .status = STATUS(POOL("kubelet", RANGE)) };
	rig->pod = NO_POD;
	scratch_make(&rig->scratch);
	strcpy(rig->socket, scratch_path(&rig->scratch, "/socket"));
	scratch_write(&rig->scratch, "/etc/passwd",
		      "root:x:0:0::/:/bin/sh\nkubelet:x:998:998::/:/bin/sh\n"
		      "pods:x:997:997::/:/bin/sh\nalice:x:1001:1001::/:/bin/sh\n"
		      "amy:x:1001:1001::/:/bin/sh\nnode:x:998:998::/:/bin/sh\n");
	rig->world = (struct answer_world){
		.root = rig->scratch.root,
		.socket = rig->socket,
		.timeout = SHORT_USEC,
		.find_uid = find_uid,
	};
}

void rig_set_lines(struct rig *rig, const char *lines)
{
	static const char *const paths[] = { "/etc/subuid", "/etc/subgid" };

	for (size_t i = 0; i < ELEMENTS_OF(paths); i++)
		if (lines)
			scratch_write(&rig->scratch, paths[i], lines);
		else
			unlink(scratch_path(&rig->scratch, paths[i]));
}

void rig_drop(struct rig *rig)
{
	scratch_remove(&rig->scratch);
}

/* The thread of the daemon may have one more while it lives. */
static void expect_fds(const struct rig *rig, int before)
{
	if (rig->manner == RIG_REFUSES || rig->manner == RIG_IS_FULL)
		assert_int_equal(count_fds(), before);
	else
		assert_true(count_fds() <= before + 1);
}

static void add(const char *text)
{
	assert_true(strlen(rig_answer) + strlen(text) + 2 < sizeof(rig_answer));
	if (*rig_answer)
		strcat(rig_answer, " ");
	strcat(rig_answer, text);
}

int rig_list(struct rig *rig, const char *owner, enum id_kind kind)
{
	struct id_range *ranges = NULL;
	int before = count_fds(), r;
	char text[32];
	size_t n = 0;

	*rig_answer = '\0';
	r = answer_list(&rig->world, owner, kind, &ranges, &n);
	assert_true(r == 0 || (!ranges && n == 0));
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu32, ranges[i].start,
			 ranges[i].count);
		add(text);
	}
	free(ranges);
	expect_fds(rig, before);
	return r;
}

int rig_has(struct rig *rig, const char *owner, uint64_t start, uint64_t count)
{
	bool has = false, has_gids = false;
	int before = count_fds();
	int r = answer_has_range(&rig->world, owner, start, count, ID_UID, &has);

	assert_int_equal(answer_has_range(&rig->world, owner, start, count, ID_GID, &has_gids), r);
	assert_int_equal(has, has_gids);
	assert_true(r == 0 || !has);
	expect_fds(rig, before);
	strcpy(rig_answer, has ? "yes" : "no");
	return r;
}

int rig_owners(struct rig *rig, uint64_t id)
{
	int before = count_fds(), r;
	uint32_t *uids = NULL;
	size_t n = 0;
	char text[16];

	*rig_answer = '\0';
	r = answer_find_owners(&rig->world, id, ID_UID, &uids, &n);
	assert_true(r == 0 || (!uids && n == 0));
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%" PRIu32, uids[i]);
		add(text);
	}
	free(uids);
	expect_fds(rig, before);
	return r;
}
