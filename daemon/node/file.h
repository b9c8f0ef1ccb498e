/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading small files whole, without trusting what stands in their place. */

#include <stddef.h>

/*
 * Reads a regular file of up to MAX bytes. The text is terminated by a NUL byte that *ret_size does
 * not count. Never waits for a FIFO. Returns 0; -EISDIR for a folder, -ENODEV for what is neither
 * that nor a regular file, -EFBIG if it is larger, or what the system says.
 */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* The same for a file that is open and was not read from yet. */
int file_read_open(int fd, size_t max, char **ret, size_t *ret_size);

/* What an error of file_read() means, for people. */
const char *file_error_text(int error);

/* Sets *ret to "the file cannot be read: ..." for such an error. Returns 0 or -ENOMEM. */
int file_describe_error(int error, char **ret);

/* Sets *ret to ROOT + PATH, which begins with a slash. Returns 0 or -ENOMEM. */
int path_under(const char *root, const char *path, char **ret);
