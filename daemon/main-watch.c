/* SPDX-License-Identifier: MIT */
#include "main-watch.h"

#include "cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

/* useradd(8) and friends replace several files one after the other */
#define SETTLE_USEC (50 * UINT64_C(1000))
#define ACCURACY_USEC 1000 /* the event loop's own is 250 ms */

#define FOLDER_EVENTS                                                                              \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

#define LINKS_MAX 40 /* as many as the kernel follows (path_resolution(7)) */

/* One inotify watch: the file itself, or a folder and the name in it that matters. */
struct spot {
	struct watch *watch;
	struct spot *next;
	sd_event_source *source;
	char *path; /* that is watched */
	char *name; /* NULL: any event matters */
};

struct watch {
	sd_event *event;
	void (*changed)(void *userdata);
	void *userdata;
	struct spot *spots;
	sd_event_source *timer;
};

DEFINE_CLEANUP(struct watch *, watch_free)

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct watch *watch = userdata;

	(void)source;
	(void)usec;
	watch->changed(watch->userdata);
	return 0;
}

/* The timer is not put off by further events: a file that changes all the time is read all the
 * same. */
static int on_event(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct spot *spot = userdata;
	struct watch *watch = spot->watch;
	int enabled = SD_EVENT_OFF;

	(void)source;
	if (spot->name && event->len > 0 && strcmp(spot->name, event->name) != 0)
		return 0;
	if (event->mask & IN_IGNORED)
		return 0;
	sd_event_source_get_enabled(watch->timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return 0;
	sd_event_source_set_time_relative(watch->timer, SETTLE_USEC);
	return sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

int watch_new(sd_event *event, void (*changed)(void *userdata), void *userdata, struct watch **ret)
{
	_cleanup_(watch_freep) struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->event = sd_event_ref(event);
	watch->changed = changed;
	watch->userdata = userdata;
	r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
				       on_settled, watch);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = take_ptr(watch);
	return 0;
}

static struct spot *spot_free(struct spot *spot)
{
	if (!spot)
		return NULL;
	sd_event_source_disable_unref(spot->source);
	free(spot->path);
	free(spot->name);
	free(spot);
	return NULL;
}

static void spot_freep(struct spot **spot)
{
	spot_free(*spot);
}

static void drop_spots(struct watch *watch)
{
	while (watch->spots) {
		struct spot *spot = watch->spots;

		watch->spots = spot->next;
		spot_free(spot);
	}
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	drop_spots(watch);
	sd_event_source_disable_unref(watch->timer);
	sd_event_unref(watch->event);
	free(watch);
}

static bool has_spot(const struct watch *watch, const char *path, const char *name)
{
	for (const struct spot *spot = watch->spots; spot; spot = spot->next)
		if (strcmp(spot->path, path) == 0 &&
		    strcmp(spot->name ? spot->name : "", name) == 0)
			return true;
	return false;
}

/* NAME is "" for the file itself. */
static int add_spot(struct watch *watch, const char *path, uint32_t events, const char *name)
{
	_cleanup_(spot_freep) struct spot *spot = NULL;
	int r;

	if (has_spot(watch, path, name))
		return 0;
	spot = calloc(1, sizeof(*spot));
	if (!spot)
		return -ENOMEM;
	spot->watch = watch;
	spot->path = strdup(path);
	spot->name = *name ? strdup(name) : NULL;
	if (!spot->path || (*name && !spot->name))
		return -ENOMEM;
	r = sd_event_add_inotify(watch->event, &spot->source, path, events, on_event, spot);
	if (r < 0)
		return r;
	spot->next = watch->spots;
	watch->spots = take_ptr(spot);
	return 0;
}

/* A walk along a path: FOLDER has no links in it, REST is what still has to be walked. */
struct walk {
	char folder[PATH_MAX];
	char rest[PATH_MAX];
	int n_links;
};

/* Takes the next name off the rest. Returns whether there is one. */
static bool next_name(struct walk *walk, char (*ret)[NAME_MAX + 1])
{
	size_t skipped = strspn(walk->rest, "/");
	size_t length = strcspn(walk->rest + skipped, "/");

	if (length == 0 || length > NAME_MAX)
		return false;
	memcpy(*ret, walk->rest + skipped, length);
	(*ret)[length] = 0;
	memmove(walk->rest, walk->rest + skipped + length,
		strlen(walk->rest + skipped + length) + 1);
	return true;
}

/* Puts the target of a link before the rest. */
static int follow(struct walk *walk, const char *target)
{
	char rest[PATH_MAX];
	int n = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);

	if (n >= (int)sizeof(rest) || ++walk->n_links > LINKS_MAX)
		return -ELOOP;
	if (*target == '/')
		walk->folder[0] = 0;
	memcpy(walk->rest, rest, (size_t)n + 1);
	return 0;
}

/* One step: watches the name in its folder, and goes into it or along it. */
static int step(struct watch *watch, struct walk *walk, const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;
	int r = add_spot(watch, *walk->folder ? walk->folder : "/", FOLDER_EVENTS, name);

	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/%s", walk->folder, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	length = readlink(path, target, sizeof(target) - 1);
	if (length >= 0) {
		target[length] = 0;
		return follow(walk, target);
	}
	if (errno != EINVAL) /* all that is no link */
		return -errno;
	memcpy(walk->folder, path, sizeof(path));
	return 0;
}

/* Every name on the way matters, the links' own as well as those that they point to. */
static int watch_path(struct watch *watch, const char *path)
{
	struct walk walk = {};
	char name[NAME_MAX + 1];
	int r = 0;

	if (strlen(path) >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	memcpy(walk.rest, path, strlen(path) + 1);
	if (*path != '/')
		walk.folder[0] = '.';
	while (r >= 0 && next_name(&walk, &name))
		r = step(watch, &walk, name);
	return r < 0 ? r : add_spot(watch, walk.folder, FILE_EVENTS, "");
}

int watch_set(struct watch *watch, char *const *paths, size_t n_paths)
{
	int first_error = 0;

	drop_spots(watch);
	for (size_t i = 0; i < n_paths; i++) {
		int r = watch_path(watch, paths[i]);

		if (r < 0 && r != -ENOENT && r != -ENOTDIR && first_error == 0)
			first_error = r;
	}
	return first_error;
}
