/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include "cleanup.h"
#include "decimal.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Opens a file of a process. Returns NULL and sets *ret_error where that fails. */
static FILE *open_of(uint32_t pid, const char *name, int *ret_error)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	file = fopen(path, "re");
	*ret_error = errno == ENOENT ? -ESRCH : -errno;
	return file;
}

/* Takes the next of the numbers that blanks keep apart. */
static bool take_number(const char **text, uint32_t *ret)
{
	const char *number = *text + strspn(*text, " \t");
	size_t length = strcspn(number, " \t\n");
	uint64_t value;

	if (decimal_parse(number, length, UINT32_MAX, &value) < 0)
		return false;
	*text = number + length;
	*ret = (uint32_t)value;
	return true;
}

/* Each ID is there four times: real, effective, saved, of the file system. */
static bool take_effective(const char *line, const char *key, uint32_t *ret)
{
	const char *text = line + strlen(key);
	uint32_t real;

	return strncmp(line, key, strlen(key)) == 0 && take_number(&text, &real) &&
	       take_number(&text, ret);
}

int subject_of_process(uint32_t pid, struct subject *ret)
{
	_cleanup_(fclosep) FILE *file = NULL;
	_cleanup_(freep) char *line = NULL;
	struct subject subject = {};
	int r, n_found = 0;
	size_t size = 0;

	file = open_of(pid, "status", &r);
	if (!file)
		return r;
	while (getline(&line, &size, file) >= 0) {
		(void)sscanf(line, "Name: %63[^\n]", subject.name); /* which may be empty */
		n_found += take_effective(line, "Uid:", &subject.uid);
		n_found += take_effective(line, "Gid:", &subject.gid);
	}
	if (n_found != 2) /* it ended meanwhile */
		return -ESRCH;
	*ret = subject;
	return 0;
}

/* Reads uid_map or gid_map: the host ID of the first range in it. */
static int read_map(uint32_t pid, const char *name, uint32_t *ret)
{
	_cleanup_(fclosep) FILE *file = NULL;
	_cleanup_(freep) char *line = NULL;
	uint32_t inside, outside, count;
	const char *text;
	size_t size = 0;
	int r;

	file = open_of(pid, name, &r);
	if (!file)
		return r;
	if (getline(&line, &size, file) < 0)
		return -ENOENT;
	text = line;
	if (!take_number(&text, &inside) || !take_number(&text, &outside) ||
	    !take_number(&text, &count) || (outside == 0 && count == UINT32_MAX))
		return -ENOENT;
	*ret = outside;
	return 0;
}

int subject_use_maps(uint32_t pid, struct subject *subject)
{
	uint32_t uid = 0, gid = 0;
	int r;

	r = read_map(pid, "uid_map", &uid);
	if (r == 0)
		r = read_map(pid, "gid_map", &gid);
	if (r < 0)
		return r;
	subject->uid = uid;
	subject->gid = gid;
	return 0;
}

int subject_of_file(const char *path, struct subject *ret)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	*ret = (struct subject){ .uid = st.st_uid, .gid = st.st_gid };
	return 0;
}
