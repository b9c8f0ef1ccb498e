/* SPDX-License-Identifier: MIT */
#include "node/file.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define READ_AHEAD 128 /* room to start with behind the size that the file claims */

static int check_type(int fd, size_t max, size_t *ret_size)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return -ENODEV;
	if ((size_t)status.st_size > max)
		return -EFBIG;
	*ret_size = (size_t)status.st_size;
	return 0;
}

/* The file may grow while it is read, so its size is only where to begin. */
static int read_all(int fd, size_t expected, size_t max, char **ret, size_t *ret_size)
{
	size_t room = expected + READ_AHEAD, size = 0;
	_cleanup_(freep) char *text = malloc(room + 1);

	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + size, room - size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		size += n > 0 ? (size_t)n : 0;
		if (size > max)
			return -EFBIG;
		if (size == room) {
			char *grown = realloc(text, 2 * room + 1);

			if (!grown)
				return -ENOMEM;
			text = grown;
			room *= 2;
		}
	}
	text[size] = '\0';
	*ret = take_ptr(text);
	*ret_size = size;
	return 0;
}

int file_read_open(int fd, size_t max, char **ret, size_t *ret_size)
{
	size_t expected = 0;
	int r = check_type(fd, max, &expected);

	return r < 0 ? r : read_all(fd, expected, max, ret, ret_size);
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return file_read_open(fd, max, ret, ret_size);
}

const char *file_error_text(int error)
{
	const char *text = strerrordesc_np(-error);

	if (error == -ENODEV || error == -ENXIO)
		return "Not a regular file";
	return text ? text : "Unknown error";
}

int file_describe_error(int error, char **ret)
{
	return asprintf(ret, "the file cannot be read: %s", file_error_text(error)) < 0 ? -ENOMEM
											: 0;
}

int path_under(const char *root, const char *path, char **ret)
{
	size_t length = strlen(root);

	while (length > 0 && root[length - 1] == '/')
		length--;
	return asprintf(ret, "%.*s%s", (int)length, root, path) < 0 ? -ENOMEM : 0;
}
