/* SPDX-License-Identifier: MIT */
#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/stat.h>

void folder_make(struct folder *folder)
{
	strcpy(folder->path, "/tmp/subidd-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void folder_remove(const struct folder *folder)
{
	assert_int_equal(nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *folder_path(const struct folder *folder, const char *name)
{
	static char buffers[4][PATH_MAX];
	static unsigned int next;
	char *path = buffers[next++ % ELEMENTS_OF(buffers)];

	snprintf(path, PATH_MAX, "%s/%s", folder->path, name);
	return path;
}

char *file_bytes(const char *path, size_t *ret_size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	data = calloc(1, (size_t)status.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)status.st_size), status.st_size);
	*ret_size = (size_t)status.st_size;
	return data;
}

void file_write(const char *path, const void *data, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
}

int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the folder itself */
}

uint64_t chance_begin(void)
{
	const char *text = getenv("SUBIDD_TEST_SEED");
	uint64_t seed;

	if (text)
		seed = strtoull(text, NULL, 10);
	else
		assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
	seed |= 1; /* 0 is no state of the generator */
	print_message("# to repeat this: SUBIDD_TEST_SEED=%" PRIu64 "\n", seed);
	return seed;
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators") */
uint32_t chance(uint64_t *state, uint32_t n)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32) % n;
}
