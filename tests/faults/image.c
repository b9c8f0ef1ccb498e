/* SPDX-License-Identifier: MIT */
#include "image.h"

#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#define SECTOR 512

/* What is kept of the operations that were not synced. */
enum policy {
	KEEP_ALL,
	KEEP_NONE,
	KEEP_FIRST,   /* those before one that is torn */
	KEEP_SOME,    /* any of them, whole */
	KEEP_SECTORS, /* any sector of any of them */
	N_POLICIES
};

enum fill { FILL_ZERO, FILL_NOISE, FILL_STALE, N_FILLS };

struct on_disk {
	char *data;
	size_t size, room;
	const char *name;  /* the durable one; NULL: none */
	uint32_t *waiting; /* operations on its content that were not synced, in order */
	size_t n_waiting, n_waiting_room;
};

static struct on_disk *disk;
static size_t n_disk, next_op;
static uint32_t *names_waiting; /* operations on names */
static size_t n_names_waiting, n_names_room;

static void add_waiting(uint32_t **waiting, size_t *n, size_t *room, size_t op)
{
	if (*n == *room) {
		*room = *room ? 2 * *room : 16;
		*waiting = realloc(*waiting, *room * sizeof(**waiting));
		assert_non_null(*waiting);
	}
	(*waiting)[(*n)++] = (uint32_t)op;
}

void image_begin(void)
{
	image_done();
	n_disk = disk_n_files();
	disk = calloc(n_disk + 1, sizeof(*disk));
	assert_non_null(disk);
	for (size_t i = 0; i < n_disk; i++) {
		const struct disk_file *file = disk_file(i);

		disk[i].name = file->is_old ? file->name : NULL;
		disk[i].size = disk[i].room = file->is_old ? file->size : 0;
		disk[i].data = calloc(1, disk[i].room + 1);
		assert_non_null(disk[i].data);
		if (file->is_old)
			memcpy(disk[i].data, file->data, file->size);
	}
}

void image_done(void)
{
	for (size_t i = 0; i < n_disk; i++) {
		free(disk[i].data);
		free(disk[i].waiting);
	}
	free(disk);
	free(names_waiting);
	disk = NULL;
	names_waiting = NULL;
	n_disk = next_op = n_names_waiting = n_names_room = 0;
}

/* The content after an operation. */
static void apply(char *data, size_t *size, const struct disk_op *op)
{
	if (op->kind == OP_RESIZE) {
		if (op->size < *size)
			memset(data + op->size, 0, *size - op->size);
		*size = op->size;
		return;
	}
	memcpy(data + op->offset, op->data, op->size);
	if (*size < op->offset + op->size)
		*size = op->offset + op->size;
}

static size_t largest_size(const struct on_disk *file)
{
	size_t largest = file->size;

	for (size_t i = 0; i < file->n_waiting; i++) {
		const struct disk_op *op = disk_op(file->waiting[i]);

		if (op->offset + op->size > largest)
			largest = op->offset + op->size;
	}
	return largest;
}

static void sync_file(struct on_disk *file)
{
	size_t largest = largest_size(file);

	if (largest > file->room) {
		file->data = realloc(file->data, largest);
		assert_non_null(file->data);
		memset(file->data + file->room, 0, largest - file->room);
		file->room = largest;
	}
	for (size_t i = 0; i < file->n_waiting; i++)
		apply(file->data, &file->size, disk_op(file->waiting[i]));
	file->n_waiting = 0;
}

/* What an operation makes of the names: a new one takes it from any other file. */
static void change_names(const char **names, const struct disk_op *op)
{
	const char *name = op->kind == OP_RENAME ? op->data : disk_file(op->file)->name;

	for (size_t i = 0; i < n_disk && op->kind != OP_REMOVE; i++)
		if (names[i] && strcmp(names[i], name) == 0)
			names[i] = NULL;
	names[op->file] = op->kind == OP_REMOVE ? NULL : name;
}

static const char **copy_names(void)
{
	const char **names = calloc(n_disk + 1, sizeof(*names));

	assert_non_null(names);
	for (size_t i = 0; i < n_disk; i++)
		names[i] = disk[i].name;
	return names;
}

static void sync_names(void)
{
	const char **names = copy_names();

	for (size_t i = 0; i < n_names_waiting; i++)
		change_names(names, disk_op(names_waiting[i]));
	for (size_t i = 0; i < n_disk; i++)
		disk[i].name = names[i];
	free(names);
	n_names_waiting = 0;
}

static void step(size_t i, bool is_over)
{
	const struct disk_op *op = disk_op(i);
	struct on_disk *file = op->kind == OP_SYNC_FOLDER ? NULL : &disk[op->file];

	switch (op->kind) {
	case OP_MAKE:
	case OP_RENAME:
	case OP_REMOVE:
		add_waiting(&names_waiting, &n_names_waiting, &n_names_room, i);
		break;
	case OP_WRITE:
	case OP_RESIZE:
		add_waiting(&file->waiting, &file->n_waiting, &file->n_waiting_room, i);
		break;
	case OP_SYNC:
		if (is_over)
			sync_file(file);
		break;
	case OP_SYNC_FOLDER:
		if (is_over)
			sync_names();
		break;
	}
}

/* A sector's fate depends on the operation and its place alone. */
static bool keeps(enum policy policy, uint64_t seed, size_t torn, size_t op, size_t sector)
{
	uint64_t state = (seed ^ op * UINT64_C(0x9e3779b97f4a7c15) ^
			  (policy == KEEP_SECTORS ? sector * UINT64_C(0xd1342543de82ef95) : 0)) |
			 1;

	switch (policy) {
	case KEEP_ALL:
		return true;
	case KEEP_NONE:
		return false;
	case KEEP_FIRST:
		return op < torn || (op == torn && sector < seed % 9);
	case KEEP_SOME:
	case KEEP_SECTORS:
	case N_POLICIES:
		break;
	}
	chance(&state, 2);
	return chance(&state, 2);
}

/* What lies on the disk where a file grows. */
static void fill(char *data, size_t size, enum fill how, uint64_t *random)
{
	const struct on_disk *other = &disk[chance(random, (uint32_t)n_disk)];

	for (size_t i = 0; i < size && how == FILL_NOISE; i += 4) {
		uint32_t noise = chance(random, UINT32_MAX);

		memcpy(data + i, &noise, size - i < 4 ? size - i : 4);
	}
	if (how != FILL_STALE || other->size == 0)
		return;
	for (size_t i = 0; i < size; i += other->size)
		memcpy(data + i, other->data, size - i < other->size ? size - i : other->size);
}

static void write_file(const char *folder, const char *name, const char *data, size_t size)
{
	char path[256];
	size_t n_bytes;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	/* a hole in place of the zeros at its end */
	for (n_bytes = size; n_bytes > 0 && data[n_bytes - 1] == 0; n_bytes--)
		;
	assert_int_equal(write(fd, data, n_bytes), n_bytes);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

/* One file after the cut. NOW is what a reader saw before it: what reaches the disk comes from it.
 */
static void build(const struct on_disk *file, const char *name, enum policy policy, size_t torn,
		  uint64_t *random, const char *folder)
{
	size_t largest = largest_size(file), size = file->size, now_size = file->size;
	char *now = calloc(1, largest + SECTOR), *left = calloc(1, largest + SECTOR);
	uint64_t seed = ((uint64_t)chance(random, UINT32_MAX) << 32) | chance(random, UINT32_MAX);

	assert_true(now && left);
	memcpy(now, file->data, file->size);
	memcpy(left, file->data, file->size);
	fill(left + file->size, largest - file->size, chance(random, N_FILLS), random);
	for (size_t i = 0; i < file->n_waiting; i++) {
		const struct disk_op *op = disk_op(file->waiting[i]);
		size_t first = op->offset / SECTOR, last = (op->offset + op->size - 1) / SECTOR;
		bool has_size = keeps(policy, seed, torn, file->waiting[i], 0);

		apply(now, &now_size, op);
		for (size_t s = first; op->kind == OP_WRITE && s <= last; s++)
			if (keeps(policy, seed, torn, file->waiting[i], s - first))
				memcpy(left + s * SECTOR, now + s * SECTOR, SECTOR);
		if (op->kind == OP_RESIZE && has_size && op->size < largest)
			memset(left + op->size, 0, largest - op->size);
		if (has_size)
			size = now_size;
	}
	if (size > largest)
		size = largest;
	write_file(folder, name, left, size);
	free(now);
	free(left);
}

static void empty(const char *folder)
{
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (*entry->d_name != '.')
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
}

/* The names after the cut, to be freed. */
static const char **choose_names(enum policy policy, size_t torn, uint64_t seed)
{
	const char **names = copy_names();

	for (size_t i = 0; i < n_names_waiting; i++)
		if (keeps(policy, seed, torn, names_waiting[i], 0))
			change_names(names, disk_op(names_waiting[i]));
	return names;
}

void image_cut(size_t op, uint64_t *random, const char *folder)
{
	enum policy policy = chance(random, N_POLICIES);
	bool is_one_policy = chance(random, 2);
	size_t torn = op - chance(random, 12);
	const char **names;

	assert_true(op >= next_op || next_op == 0);
	for (; next_op < op; next_op++)
		step(next_op, true);
	/* the one that is interrupted waits like others, but is not over */
	if (op < disk_n_ops() && disk_op(op)->kind != OP_SYNC &&
	    disk_op(op)->kind != OP_SYNC_FOLDER) {
		step(op, false);
		next_op = op + 1;
	}
	names = choose_names(policy, torn, chance(random, UINT32_MAX));
	empty(folder);
	for (size_t i = 0; i < n_disk; i++)
		if (names[i])
			build(&disk[i], names[i],
			      is_one_policy ? policy : chance(random, N_POLICIES), torn, random,
			      folder);
	free(names);
}
