/* SPDX-License-Identifier: MIT */
#include "node/podfile.h"
#include "oom.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define NOBODY 65534
#define MAPS "[{\"hostId\":131072,\"containerId\":0,\"length\":65536}]"
#define GOOD "{\"uidMappings\":" MAPS ",\"gidMappings\":" MAPS "}"

/* A pod's folder. */
struct pod {
	struct folder folder;
	int fd;
	struct podfile_stamp stamp;
};

static void pod_make(struct pod *pod)
{
	*pod = (struct pod){};
	folder_make(&pod->folder);
	pod->fd = open(pod->folder.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(pod->fd >= 0);
}

static void pod_drop(struct pod *pod)
{
	close(pod->fd);
	folder_remove(&pod->folder);
}

static const char *path_of(const struct pod *pod)
{
	return folder_path(&pod->folder, PODFILE_NAME);
}

static void pod_write(const struct pod *pod, const char *text)
{
	file_write(path_of(pod), text, strlen(text));
}

/* Reads it, and returns the reason if there is one. */
static const char *expect(struct pod *pod, enum podfile_kind kind)
{
	struct podfile podfile = {};
	const char *reason;

	assert_int_equal(podfile_read(pod->fd, &pod->stamp, &podfile), 0);
	reason = podfile.reason;
	if (podfile.kind != kind)
		fail_msg("kind %d: %s", (int)podfile.kind, reason);
	podfile_done(&podfile);
	return reason;
}

static void test_read(void **state)
{
	struct pod pod;

	(void)state;
	pod_make(&pod);
	expect(&pod, PODFILE_NONE);
	pod_write(&pod, "");
	expect(&pod, PODFILE_NONE);
	pod_write(&pod, GOOD);
	expect(&pod, PODFILE_RANGE);
	pod_write(&pod, "x");
	expect(&pod, PODFILE_MALFORMED);
	unlink(path_of(&pod));
	expect(&pod, PODFILE_NONE);
	pod_drop(&pod);
}

static void test_too_large(void **state)
{
	char text[PODFILE_MAX + 1];
	struct pod pod;

	(void)state;
	pod_make(&pod);
	memset(text, ' ', sizeof(text));
	memcpy(text, GOOD, strlen(GOOD));
	file_write(path_of(&pod), text, PODFILE_MAX);
	expect(&pod, PODFILE_RANGE);
	file_write(path_of(&pod), text, sizeof(text));
	assert_string_equal(expect(&pod, PODFILE_UNREADABLE), "File too large");
	pod_drop(&pod);
}

static void test_no_file(void **state)
{
	int n_fds = count_fds();
	struct pod pod;

	(void)state;
	pod_make(&pod);
	assert_int_equal(mkfifo(path_of(&pod), 0600), 0);
	assert_string_equal(expect(&pod, PODFILE_UNREADABLE), "Not a regular file");
	unlink(path_of(&pod));
	assert_int_equal(mkdir(path_of(&pod), 0700), 0);
	assert_string_equal(expect(&pod, PODFILE_UNREADABLE), "Is a directory");
	rmdir(path_of(&pod));
	assert_int_equal(symlink("/dev/null", path_of(&pod)), 0);
	assert_string_equal(expect(&pod, PODFILE_UNREADABLE), "it is a symbolic link");
	pod_drop(&pod);
	assert_int_equal(count_fds(), n_fds);
}

static void test_closed_to_us(void **state)
{
	struct pod pod;

	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else can become somebody else */
	pod_make(&pod);
	pod_write(&pod, GOOD);
	chmod(path_of(&pod), 0600);
	chmod(pod.folder.path, 0755);
	assert_int_equal(seteuid(NOBODY), 0);
	assert_string_equal(expect(&pod, PODFILE_UNREADABLE), "Permission denied");
	assert_int_equal(seteuid(0), 0);
	pod_drop(&pod);
}

/* The clock, by so many seconds ahead. The linker sends the calls here. */
static time_t ahead;
int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = __real_clock_gettime(clock, ret);

	ret->tv_sec += ahead;
	return r;
}

static int read_again(struct pod *pod)
{
	_cleanup_(podfile_done) struct podfile podfile = {};

	return podfile_read(pod->fd, &pod->stamp, &podfile);
}

/* A file that was written just now could be written again without a trace: it is read each time. */
static void test_same(void **state)
{
	struct pod pod;

	(void)state;
	pod_make(&pod);
	pod_write(&pod, GOOD);
	assert_int_equal(read_again(&pod), 0);
	assert_int_equal(read_again(&pod), 0);
	ahead = 10;
	assert_int_equal(read_again(&pod), 0);
	assert_int_equal(read_again(&pod), PODFILE_SAME);
	assert_int_equal(read_again(&pod), PODFILE_SAME);
	/* the clock was set back: this is no age */
	ahead = -10;
	assert_int_equal(read_again(&pod), 0);
	ahead = 10;
	assert_int_equal(read_again(&pod), 0);
	assert_int_equal(read_again(&pod), PODFILE_SAME);
	pod_write(&pod, "x");
	expect(&pod, PODFILE_MALFORMED);
	ahead = 0;
	pod_drop(&pod);
}

static struct pod oom_pod;

static bool read_file(void)
{
	_cleanup_(podfile_done) struct podfile podfile = {};
	int r = podfile_read(oom_pod.fd, &oom_pod.stamp, &podfile);

	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(podfile.kind, r == 0 ? PODFILE_RANGE : PODFILE_NONE);
	return r == 0;
}

static void test_memory(void **state)
{
	(void)state;
	pod_make(&oom_pod);
	pod_write(&oom_pod, GOOD);
	oom_loop(OOM_OWN, read_file, NULL, 1);
	pod_drop(&oom_pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),	cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_no_file), cmocka_unit_test(test_closed_to_us),
		cmocka_unit_test(test_same),	cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("podfile-read", tests, NULL, NULL);
}
