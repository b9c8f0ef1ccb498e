/* SPDX-License-Identifier: MIT */
#include "hook-mountinfo.h"

#include "decimal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Fields of a line: ID, parent, device, root, mount point, flags, then optional ones up to "-". */
#define FIELD_ID 0
#define FIELD_FLAGS 5
#define FIELDS_MIN 6

void mount_entry_done(struct mount_entry *entry)
{
	free(entry->type);
	free(entry->flags);
	free(entry->super_options);
	*entry = (struct mount_entry){ 0 };
}

/* Cuts the next field off *text; NULL at the end. */
static char *next_field(char **text)
{
	char *field;

	do
		field = strsep(text, " \n");
	while (field && !*field);
	return field;
}

/* The fields that count of a line that is cut to pieces. */
struct fields {
	const char *id, *flags, *type, *super_options;
};

static int read_fields(char *line, struct fields *ret)
{
	size_t n = 0;
	char *field;

	while ((field = next_field(&line)) && (n < FIELDS_MIN || strcmp(field, "-") != 0)) {
		if (n == FIELD_ID)
			ret->id = field;
		else if (n == FIELD_FLAGS)
			ret->flags = field;
		n++;
	}
	ret->type = next_field(&line);
	(void)next_field(&line); /* the source */
	ret->super_options = next_field(&line);
	return field && ret->super_options ? 0 : -EBADMSG;
}

int mountinfo_parse(const char *line, uint64_t id, struct mount_entry *ret)
{
	_cleanup_(freep) char *copy = strdup(line);
	struct mount_entry entry;
	struct fields fields = { 0 };
	uint64_t found;

	if (!copy)
		return -ENOMEM;
	if (read_fields(copy, &fields) < 0 ||
	    decimal_parse(fields.id, strlen(fields.id), UINT64_MAX, &found) < 0)
		return -EBADMSG;
	if (found != id)
		return 0;
	entry.type = strdup(fields.type);
	entry.flags = strdup(fields.flags);
	entry.super_options = strdup(fields.super_options);
	if (!entry.type || !entry.flags || !entry.super_options) {
		mount_entry_done(&entry);
		return -ENOMEM;
	}
	*ret = entry;
	return 1;
}

int mountinfo_find(int fd, struct mount_entry *ret, bool *ret_is_top)
{
	_cleanup_(fclosep) FILE *file = NULL;
	_cleanup_(freep) char *line = NULL;
	struct statx status;
	size_t size = 0;
	int r = 0;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0)
		return -errno;
	if (!(status.stx_mask & STATX_MNT_ID))
		return -ENOSYS;
	file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return -errno;
	while (r == 0 && getline(&line, &size, file) > 0)
		r = mountinfo_parse(line, status.stx_mnt_id, ret);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_is_top = status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

static bool is_octal(const char *text)
{
	for (int i = 0; i < 3; i++)
		if (text[i] < '0' || text[i] > '7')
			return false;
	return true;
}

void mountinfo_decode(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && is_octal(text + 1)) {
			*to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 +
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}
