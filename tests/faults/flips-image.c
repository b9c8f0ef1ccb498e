/* SPDX-License-Identifier: MIT */
#include "flips-image.h"

#include "cleanup.h"
#include "flips-work.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators") */
uint32_t flips_chance(uint64_t *state, uint32_t n)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32) % n;
}

bool image_make_folder(char (*ret)[64])
{
	const char *parent = getenv("TMPDIR");

	if (snprintf(*ret, sizeof(*ret), "%s/subidd-flips-XXXXXX", parent ? parent : "/tmp") >=
	    (int)sizeof(*ret))
		return false;
	return mkdtemp(*ret);
}

void image_remove_folder(const char *folder)
{
	DIR *dir = opendir(folder);

	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(folder);
}

static bool read_file(int folder, const char *name, struct image_file *ret)
{
	_cleanup_(closep) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || strlen(name) >= sizeof(ret->name))
		return false;
	strcpy(ret->name, name);
	ret->size = (size_t)st.st_size;
	ret->data = malloc(ret->size + 1);
	ret->is_flippable = ret->size > 0 && strncmp(name, "allocations.db", 14) == 0 &&
			    !strstr(name, "-shm");
	return ret->data && read(fd, ret->data, ret->size) == st.st_size;
}

static bool read_folder(const char *folder, struct image *image)
{
	DIR *dir = opendir(folder);
	bool works = dir;

	for (struct dirent *entry; works && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		works = image->n_files < IMAGE_FILES_MAX &&
			read_file(dirfd(dir), entry->d_name, &image->files[image->n_files++]);
	}
	if (dir)
		closedir(dir);
	return works && image->n_files > 0;
}

bool image_make(uint64_t seed, struct image *ret)
{
	uint64_t state = seed;
	char folder[64];
	int status = -1;
	bool works;
	pid_t pid;

	ret->is_clean = flips_chance(&state, 2);
	if (!image_make_folder(&folder))
		return false;
	pid = fork();
	if (pid == 0)
		_exit(work(folder, &state, ret->is_clean) ? 0 : 1);
	works = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 &&
		read_folder(folder, ret);
	image_remove_folder(folder);
	return works;
}

void image_done(struct image *image)
{
	for (size_t i = 0; i < image->n_files; i++)
		free(image->files[i].data);
	*image = (struct image){};
}

struct image_file *image_choose(struct image *image, uint64_t *state)
{
	struct image_file *file;

	do
		file = &image->files[flips_chance(state, (uint32_t)image->n_files)];
	while (!file->is_flippable);
	return file;
}

void image_flip(struct image *image, struct image_file *file, size_t at, uint8_t bits)
{
	if (image->n_flips == IMAGE_FLIPS_MAX)
		return;
	file->data[at] ^= bits;
	image->flips[image->n_flips].file = file;
	image->flips[image->n_flips].at = at;
	image->flips[image->n_flips++].bits = bits;
}

void image_undo_flips(struct image *image)
{
	while (image->n_flips > 0) {
		image->n_flips--;
		image->flips[image->n_flips].file->data[image->flips[image->n_flips].at] ^=
			image->flips[image->n_flips].bits;
	}
}

void image_print_flips(const struct image *image)
{
	for (size_t i = 0; i < image->n_flips; i++)
		printf(" %s:%zu^%02x", image->flips[i].file->name, image->flips[i].at,
		       image->flips[i].bits);
}

bool image_write(const struct image *image, const char *folder)
{
	_cleanup_(closep) int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; dir >= 0 && i < image->n_files; i++) {
		const struct image_file *file = &image->files[i];
		_cleanup_(closep) int fd = openat(dir, file->name,
						  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (fd < 0 || write(fd, file->data, file->size) != (ssize_t)file->size)
			return false;
	}
	return dir >= 0;
}
