/* SPDX-License-Identifier: MIT */

/* With this, open() and open64() would be one name, and libraries call either. */
#undef _FILE_OFFSET_BITS

#include "disk-private.h"

#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FDS_MAX 1024
#define NO_FILE UINT32_MAX
#define FOLDER (UINT32_MAX - 1)

static char folder_path_[128];
static bool is_noting;
static const char *forbidden;
static struct disk_op *ops;
static size_t n_ops, n_ops_room;
static struct disk_file *files;
static size_t n_files, n_files_room;
static uint32_t file_of_fd[FDS_MAX]; /* index + 1; FOLDER; 0: none */

static void *grow(void *items, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return items;
	*room = *room ? 2 * *room : 64;
	items = realloc(items, *room * size);
	assert_non_null(items);
	return items;
}

/* The name of a file in the folder, NULL if it is elsewhere or of no interest. */
static const char *name_in_folder(const char *path)
{
	size_t length = strlen(folder_path_);
	const char *name = path + length + 1;

	if (length == 0 || strncmp(path, folder_path_, length) != 0 || path[length] != '/')
		return NULL;
	return strchr(name, '/') || strstr(name, "-shm") ? NULL : name;
}

static uint32_t find_file(const char *name)
{
	for (size_t i = n_files; i-- > 0;)
		if (strcmp(files[i].name_now, name) == 0)
			return (uint32_t)i;
	return NO_FILE;
}

static uint32_t add_file(const char *name)
{
	struct disk_file *file;

	files = grow(files, n_files, &n_files_room, sizeof(*files));
	file = &files[n_files];
	memset(file, 0, sizeof(*file));
	assert_true(strlen(name) < sizeof(file->name));
	strcpy(file->name, name);
	strcpy(file->name_now, name);
	return (uint32_t)n_files++;
}

static void note(enum disk_op_kind kind, uint32_t file, size_t offset, const void *data,
		 size_t size)
{
	struct disk_op *op;

	if (!is_noting)
		return;
	ops = grow(ops, n_ops, &n_ops_room, sizeof(*ops));
	op = &ops[n_ops++];
	*op = (struct disk_op){ .kind = kind, .file = file, .offset = offset, .size = size };
	if (!data)
		return;
	op->data = malloc(size);
	assert_non_null(op->data);
	memcpy(op->data, data, size);
}

static void forget(void)
{
	for (size_t i = 0; i < n_ops; i++)
		free(ops[i].data);
	for (size_t i = 0; i < n_files; i++)
		free(files[i].data);
	n_ops = n_files = 0;
	memset(file_of_fd, 0, sizeof(file_of_fd));
}

void disk_begin(const char *folder)
{
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	forget();
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[512];
		uint32_t file;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (*entry->d_name == '.' || strstr(entry->d_name, "-shm"))
			continue;
		file = add_file(entry->d_name);
		files[file].is_old = true;
		files[file].data = file_bytes(path, &files[file].size);
	}
	closedir(dir);
	assert_true(strlen(folder) < sizeof(folder_path_));
	strcpy(folder_path_, folder);
	is_noting = true;
}

void disk_end(void)
{
	is_noting = false;
	*folder_path_ = 0;
}

void disk_watch(const char *folder)
{
	if (is_noting)
		return;
	assert_true(strlen(folder) < sizeof(folder_path_));
	strcpy(folder_path_, folder);
}

void disk_forbid(const char *part)
{
	forbidden = part;
}

static bool is_forbidden(const char *name)
{
	return forbidden && strstr(name, forbidden);
}

size_t disk_n_ops(void)
{
	return n_ops;
}

const struct disk_op *disk_op(size_t i)
{
	return &ops[i];
}

size_t disk_n_files(void)
{
	return n_files;
}

const struct disk_file *disk_file(size_t i)
{
	return &files[i];
}

static uint32_t file_behind(int fd)
{
	return fd >= 0 && fd < FDS_MAX && file_of_fd[fd] ? file_of_fd[fd] - 1 : NO_FILE;
}

static int fail_with(int error)
{
	errno = error;
	return -1;
}

static int do_open(const char *path, int flags, mode_t mode)
{
	const char *name = name_in_folder(path);
	bool is_folder = *folder_path_ && strcmp(path, folder_path_) == 0;
	uint32_t file = NO_FILE;
	int fd;

	if ((name || is_folder) && disk_must_fail(FAULT_OPEN))
		return fail_with(EMFILE);
	if (is_forbidden(path))
		return fail_with(ENOENT);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd < 0 || (!name && !is_folder))
		return fd;
	assert_true(fd < FDS_MAX);
	if (is_folder) {
		file_of_fd[fd] = FOLDER + 1;
		return fd;
	}
	file = find_file(name);
	if (file == NO_FILE) {
		file = add_file(name);
		note(OP_MAKE, file, 0, NULL, 0);
	} else if (flags & O_TRUNC) {
		note(OP_RESIZE, file, 0, NULL, 0);
	}
	file_of_fd[fd] = file + 1;
	return fd;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return do_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return do_open(path, flags, mode);
}

int close(int fd)
{
	if (fd >= 0 && fd < FDS_MAX)
		file_of_fd[fd] = 0;
	return (int)syscall(SYS_close, fd);
}

static ssize_t do_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	uint32_t file = file_behind(fd);
	int error = file == NO_FILE ? 0 : disk_write_error(&size);
	ssize_t n;

	if (error)
		return fail_with(error);
	n = syscall(SYS_pwrite64, fd, data, size, offset);
	if (n > 0 && file != NO_FILE)
		note(OP_WRITE, file, (size_t)offset, data, (size_t)n);
	return n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return do_pwrite(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	return do_pwrite(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (file_behind(fd) == NO_FILE)
		return syscall(SYS_write, fd, data, size);
	fail_msg("a write() at the file's own offset: the disk knows of none");
	return -1;
}

static ssize_t do_pread(int fd, void *data, size_t size, off_t offset)
{
	if (file_behind(fd) != NO_FILE && disk_must_fail(FAULT_READ))
		return fail_with(EIO);
	return syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
	return do_pread(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	return do_pread(fd, data, size, offset);
}

static int do_truncate(int fd, off_t size)
{
	uint32_t file = file_behind(fd);
	int r;

	if (file != NO_FILE && disk_must_fail(FAULT_RESIZE))
		return fail_with(EIO);
	r = (int)syscall(SYS_ftruncate, fd, size);
	if (r == 0 && file != NO_FILE)
		note(OP_RESIZE, file, 0, NULL, (size_t)size);
	return r;
}

int ftruncate(int fd, off_t size)
{
	return do_truncate(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return do_truncate(fd, size);
}

/* The real disk need not be asked: nobody cuts its power. */
static int do_sync(int fd)
{
	uint32_t file = file_behind(fd);

	if (file != NO_FILE && disk_must_fail(FAULT_SYNC))
		return fail_with(EIO);
	if (file != NO_FILE)
		note(file == FOLDER ? OP_SYNC_FOLDER : OP_SYNC, file, 0, NULL, 0);
	return 0;
}

int fsync(int fd)
{
	return do_sync(fd);
}

int fdatasync(int fd)
{
	return do_sync(fd);
}

int unlink(const char *path)
{
	const char *name = name_in_folder(path);
	uint32_t file = name ? find_file(name) : NO_FILE;
	int r;

	if (name && disk_must_fail(FAULT_REMOVE))
		return fail_with(EIO);
	r = (int)syscall(SYS_unlink, path);
	if (r < 0 || file == NO_FILE)
		return r;
	*files[file].name_now = 0;
	note(OP_REMOVE, file, 0, NULL, 0);
	return 0;
}

int rename(const char *from, const char *to)
{
	const char *name = name_in_folder(from), *new_name = name_in_folder(to);
	uint32_t file = name ? find_file(name) : NO_FILE;
	uint32_t replaced = new_name ? find_file(new_name) : NO_FILE;
	int r;

	if (name && disk_must_fail(FAULT_REMOVE))
		return fail_with(EIO);
	r = (int)syscall(SYS_rename, from, to);
	if (r < 0 || file == NO_FILE)
		return r;
	assert_non_null(new_name);
	if (replaced != NO_FILE)
		*files[replaced].name_now = 0;
	strcpy(files[file].name_now, new_name);
	note(OP_RENAME, file, 0, new_name, strlen(new_name) + 1);
	return 0;
}
