/* SPDX-License-Identifier: MIT */
#include "node/podfile.h"

#include "cleanup.h"
#include "core/pool.h"
#include "fields.h"
#include "node/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define SETTLED_NSEC (2 * NSEC_PER_SEC) /* more than any file system's resolution */

struct extent {
	int64_t host, container, length;
};

struct extents {
	struct extent *items;
	size_t n_items;
};

struct mappings {
	struct json_object *uids, *gids;
};

static const struct field mappings_fields[] = {
	{ "uidMappings", FIELD_ARRAY, .offset = offsetof(struct mappings, uids) },
	{ "gidMappings", FIELD_ARRAY, .offset = offsetof(struct mappings, gids) },
};

static const struct field extent_fields[] = {
	{ "hostId", FIELD_INT, .offset = offsetof(struct extent, host), .max = UINT32_MAX },
	{ "containerId", FIELD_INT, .offset = offsetof(struct extent, container),
	  .max = UINT32_MAX },
	{ "length", FIELD_INT, .offset = offsetof(struct extent, length), .min = 1,
	  .max = UINT32_MAX },
};

static void extents_done(struct extents *extents)
{
	free(extents->items);
}

static void malformed(struct podfile *podfile, const char *reason)
{
	podfile->kind = PODFILE_MALFORMED;
	podfile->reason = reason;
}

static int compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->container > y->container) - (x->container < y->container);
}

/* Returns 0, -EINVAL if the list is malformed, or -ENOMEM. */
static int read_extents(struct json_object *list, struct extents *ret)
{
	size_t n = json_object_array_length(list);

	ret->items = calloc(n ? n : 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *name;

		if (!json_object_is_type(item, json_type_object) ||
		    fields_decode(extent_fields, ELEMENTS_OF(extent_fields), UNKNOWN_IGNORED, item,
				  &ret->items[i], &name) < 0)
			return -EINVAL;
	}
	ret->n_items = n;
	qsort(ret->items, n, sizeof(*ret->items), compare_extents);
	return 0;
}

/* Do the extents, which are sorted, make one range? Returns why not, NULL if they do. */
static const char *find_run(const struct extents *extents, struct extent *ret)
{
	struct extent run = { 0 };

	if (extents->n_items == 0)
		return "only UIDs or only GIDs are mapped";
	run = extents->items[0];
	if (run.container != 0)
		return "the IDs inside of the pod do not begin at 0";
	for (size_t i = 1; i < extents->n_items; i++) {
		const struct extent *next = &extents->items[i];

		if (next->container != run.container + run.length ||
		    next->host != run.host + run.length)
			return "its mappings make no single range";
		run.length += next->length;
	}
	*ret = run;
	return NULL;
}

static const char *find_range(const struct extents *uids, const struct extents *gids,
			      struct id_range *ret)
{
	struct extent of_uids, of_gids;
	const char *reason = find_run(uids, &of_uids);

	if (!reason)
		reason = find_run(gids, &of_gids);
	if (reason)
		return reason;
	if (of_uids.host != of_gids.host || of_uids.length != of_gids.length)
		return "its UIDs and GIDs are mapped to different ranges";
	if (of_uids.host < FIRST_FREE_ID)
		return "it is mapped to IDs of the node itself, below 65536";
	if (of_uids.host + of_uids.length > UINT32_MAX)
		return "its range goes past the last ID, 4294967294";
	*ret = (struct id_range){ (uint32_t)of_uids.host, (uint32_t)of_uids.length };
	return NULL;
}

static void block(struct podfile *podfile, const struct extents *extents)
{
	for (size_t i = 0; i < extents->n_items; i++) {
		const struct extent *extent = &extents->items[i];
		int64_t end = extent->host + extent->length;

		if (end > UINT32_MAX)
			end = UINT32_MAX;
		if (end > extent->host)
			podfile->blocked[podfile->n_blocked++] = (struct id_range){
				(uint32_t)extent->host, (uint32_t)(end - extent->host)
			};
	}
}

static int judge(const struct extents *uids, const struct extents *gids, struct podfile *podfile)
{
	if (uids->n_items + gids->n_items == 0) {
		malformed(podfile, "it maps nothing");
		return 0;
	}
	podfile->kind = PODFILE_RANGE;
	podfile->reason = find_range(uids, gids, &podfile->range);
	if (!podfile->reason)
		return 0;
	podfile->kind = PODFILE_ODD;
	podfile->blocked = calloc(uids->n_items + gids->n_items, sizeof(*podfile->blocked));
	if (!podfile->blocked)
		return -ENOMEM;
	block(podfile, uids);
	block(podfile, gids);
	return 0;
}

static int read_object(struct json_object *object, struct podfile *podfile)
{
	_cleanup_(extents_done) struct extents uids = {};
	_cleanup_(extents_done) struct extents gids = {};
	struct mappings mappings;
	const char *name;
	int r;

	if (fields_decode(mappings_fields, ELEMENTS_OF(mappings_fields), UNKNOWN_IGNORED, object,
			  &mappings, &name) < 0) {
		malformed(podfile, "uidMappings or gidMappings is missing or is no list");
		return 0;
	}
	r = read_extents(mappings.uids, &uids);
	if (r == 0)
		r = read_extents(mappings.gids, &gids);
	if (r == -EINVAL) {
		malformed(podfile, "a mapping has no hostId, containerId or length, or one that "
				   "is not possible");
		return 0;
	}
	return r < 0 ? r : judge(&uids, &gids, podfile);
}

int podfile_parse(const char *text, size_t size, struct podfile *ret)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_(podfile_done) struct podfile podfile = { .kind = PODFILE_NONE };
	const struct json_limits limits = json_depth(PODFILE_DEPTH_MAX);
	int r = 0;

	if (size > 0)
		r = json_parse_object(text, size, &limits, &object);
	if (r == -EBADMSG) {
		malformed(&podfile, "it is no JSON object, or has a member twice");
		r = 0;
	} else if (object) {
		r = read_object(object, &podfile);
	}
	if (r < 0)
		return r;
	*ret = podfile;
	podfile = (struct podfile){};
	return 0;
}

static int64_t nsec_of(struct timespec time)
{
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

/* NOW was taken before the file was read. */
static struct podfile_stamp stamp_of(const struct stat *status, struct timespec now)
{
	int64_t changed = nsec_of(status->st_ctim);

	return (struct podfile_stamp){
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = (uint64_t)status->st_size,
		.changed = changed,
		.is_known = changed + SETTLED_NSEC < nsec_of(now),
	};
}

static bool stamp_equal(const struct podfile_stamp *a, const struct podfile_stamp *b)
{
	return a->is_known && b->is_known && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->changed == b->changed;
}

static struct podfile unreadable(const char *reason)
{
	return (struct podfile){ .kind = PODFILE_UNREADABLE, .reason = reason };
}

static int read_text(int folder_fd, struct timespec now, struct podfile_stamp *stamp,
		     struct podfile *ret)
{
	_cleanup_(closep) int fd = openat(
		folder_fd, PODFILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_(freep) char *text = NULL;
	struct stat status;
	size_t size;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	r = file_read_open(fd, PODFILE_MAX, &text, &size);
	if (r == 0)
		r = podfile_parse(text, size, ret);
	if (r == 0)
		*stamp = stamp_of(&status, now);
	return r;
}

/* Says why what stands in the file's place is none; NULL if it is one. */
static const char *find_obstacle(mode_t mode)
{
	if (S_ISLNK(mode))
		return "it is a symbolic link";
	if (S_ISDIR(mode))
		return file_error_text(-EISDIR);
	return S_ISREG(mode) ? NULL : file_error_text(-ENODEV);
}

static int take_error(int r, struct podfile *ret)
{
	if (r == -ENOMEM)
		return r;
	*ret = r == -ENOENT ? (struct podfile){ .kind = PODFILE_NONE }
			    : unreadable(file_error_text(r));
	return 0;
}

int podfile_read(int folder_fd, struct podfile_stamp *stamp, struct podfile *ret)
{
	struct podfile_stamp known = *stamp, seen;
	const char *obstacle;
	struct timespec now;
	struct stat status;
	int r = 0;

	*stamp = (struct podfile_stamp){};
	clock_gettime(CLOCK_REALTIME, &now);
	if (fstatat(folder_fd, PODFILE_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return take_error(-errno, ret);
	seen = stamp_of(&status, now);
	if (stamp_equal(&known, &seen)) {
		*stamp = known;
		return PODFILE_SAME;
	}
	obstacle = find_obstacle(status.st_mode);
	if (obstacle)
		*ret = unreadable(obstacle);
	else if (status.st_size == 0)
		*ret = (struct podfile){ .kind = PODFILE_NONE };
	else
		r = read_text(folder_fd, now, stamp, ret);
	return r < 0 ? take_error(r, ret) : 0;
}

void podfile_done(struct podfile *podfile)
{
	free(podfile->blocked);
	*podfile = (struct podfile){};
}
