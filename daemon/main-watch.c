/* SPDX-License-Identifier: MIT */
#include "main-watch.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

/* useradd(8) and friends replace several files one after the other */
#define SETTLE_USEC (50 * 1000)

#define FOLDER_EVENTS                                                                              \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

/* One inotify watch: the file itself, or a folder and the name in it that matters. */
struct spot {
	struct watch *watch;
	sd_event_source *source;
	char *name; /* NULL: any event matters */
};

struct watch {
	sd_event *event;
	void (*changed)(void *userdata);
	void *userdata;
	struct spot *spots;
	size_t n_spots;
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
	r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, 0, 0, on_settled,
				       watch);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = take_ptr(watch);
	return 0;
}

static void drop_spots(struct watch *watch)
{
	for (size_t i = 0; i < watch->n_spots; i++) {
		sd_event_source_disable_unref(watch->spots[i].source);
		free(watch->spots[i].name);
	}
	free(watch->spots);
	watch->spots = NULL;
	watch->n_spots = 0;
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

static int add_spot(struct watch *watch, const char *path, uint32_t events, const char *name)
{
	struct spot *spot = &watch->spots[watch->n_spots];
	int r;

	*spot = (struct spot){ .watch = watch };
	if (name) {
		spot->name = strdup(name);
		if (!spot->name)
			return -ENOMEM;
	}
	r = sd_event_add_inotify(watch->event, &spot->source, path, events, on_event, spot);
	if (r < 0) {
		free(spot->name);
		return r;
	}
	watch->n_spots++;
	return 0;
}

/* The folder that a path is in, or the nearest one above it that is there. */
static int add_folder(struct watch *watch, const char *path)
{
	_cleanup_(freep) char *folder = strdup(path);

	if (!folder)
		return -ENOMEM;
	for (;;) {
		char *slash = strrchr(folder, '/');
		int r;

		if (!slash)
			return -ENOENT;
		*slash = 0;
		r = add_spot(watch, *folder ? folder : "/", FOLDER_EVENTS, slash + 1);
		if (r != -ENOENT && r != -ENOTDIR)
			return r;
	}
}

int watch_set(struct watch *watch, char *const *paths, size_t n_paths)
{
	int first_error = 0;

	drop_spots(watch);
	watch->spots = calloc(2 * n_paths + 1, sizeof(*watch->spots));
	if (!watch->spots)
		return -ENOMEM;
	for (size_t i = 0; i < n_paths; i++) {
		int r = add_folder(watch, paths[i]);

		if (r >= 0)
			r = add_spot(watch, paths[i], FILE_EVENTS, NULL);
		if (r < 0 && r != -ENOENT && first_error == 0)
			first_error = r;
	}
	return first_error;
}
