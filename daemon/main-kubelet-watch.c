/* SPDX-License-Identifier: MIT */

/*
 * One inotify(7) descriptor for all pods folders and the folders in them. IN_MODIFY is left out:
 * the kubelet renames whole files into place, and what somebody else writes is read once it is
 * closed.
 */

#include "main-kubelet-private.h"

#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#define EVENTS                                                                                     \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

/* Events come before clients, so that no unit is handed out that the kubelet has taken; but not
 * all the time, or clients would wait for whoever makes them. */
#define BUFFER_SIZE (32 * 1024)
#define BURST 4
#define BURST_USEC (10 * UINT64_C(1000))

static int compare_spots(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	return (x->wd > y->wd) - (x->wd < y->wd);
}

static struct spot *find_spot(const struct kubelet *kubelet, int wd)
{
	const struct spot key = { .wd = wd };
	struct spot *const *found = tfind(&key, &kubelet->spots, compare_spots);

	return found ? *found : NULL;
}

static void forget(struct spot *spot)
{
	struct kubelet *kubelet = spot->folder->kubelet;

	if (find_spot(kubelet, spot->wd) == spot) {
		tdelete(spot, &kubelet->spots, compare_spots);
		kubelet->n_spots--;
	}
	spot->wd = -1;
}

void spot_unwatch(struct spot *spot)
{
	if (spot->wd < 0)
		return;
	inotify_rm_watch(spot->folder->kubelet->inotify_fd, spot->wd);
	forget(spot);
}

static void remember(struct spot *spot, int wd)
{
	struct kubelet *kubelet = spot->folder->kubelet;
	struct spot *other = find_spot(kubelet, wd);

	if (other) /* the same folder under another name: events of the old one are no use */
		forget(other);
	spot->wd = wd;
	if (tsearch(spot, &kubelet->spots, compare_spots)) {
		kubelet->n_spots++;
		return;
	}
	inotify_rm_watch(kubelet->inotify_fd, wd);
	spot->wd = -1;
}

static void say_no_watches(struct kubelet *kubelet)
{
	if (!kubelet->said_so)
		log_line(
			LOG_LEVEL_WARNING,
			"not all of the kubelet's pods can be watched, and some are looked at only "
			"each ScanIntervalSec=: raise fs.inotify.max_user_watches, see sysctl(8)");
	kubelet->said_so = true;
}

void spot_watch(struct spot *spot, const char *path)
{
	struct kubelet *kubelet = spot->folder->kubelet;
	int wd;

	if (spot->wd >= 0 || kubelet->inotify_fd < 0 || (kubelet->lacks_watches && spot->pod))
		return;
	wd = inotify_add_watch(kubelet->inotify_fd, path,
			       EVENTS | (spot->pod ? IN_DONT_FOLLOW : 0));
	if (wd >= 0) {
		remember(spot, wd);
	} else if (errno == ENOSPC) {
		kubelet->lacks_watches = true;
		say_no_watches(kubelet);
	}
}

/* Something has happened to a name in a pods folder. */
static void take_name(struct pods_folder *folder, const struct inotify_event *event)
{
	struct pod *pod;

	if (event->name[0] == '.')
		return;
	if (pod_get(folder, event->name, &pod) < 0) {
		folder->kubelet->is_deaf = true;
		kubelet_want_scan(folder->kubelet);
		return;
	}
	if (!(event->mask & IN_ATTRIB)) /* another folder may stand there now */
		spot_unwatch(&pod->spot);
	pod_mark(pod);
}

static void take_event(struct kubelet *kubelet, const struct inotify_event *event)
{
	struct spot *spot = find_spot(kubelet, event->wd);

	if (event->mask & IN_Q_OVERFLOW) {
		kubelet->is_deaf = true;
		kubelet_want_scan(kubelet);
		return;
	}
	if (!spot)
		return;
	if (event->mask & IN_IGNORED)
		forget(spot);
	else if (event->mask & GONE)
		spot_unwatch(spot);
	if (!spot->pod && event->len > 0)
		take_name(spot->folder, event);
	else if (!spot->pod)
		kubelet_want_scan(kubelet);
	else if (event->len == 0 || strcmp(event->name, PODFILE_NAME) == 0)
		pod_mark(spot->pod);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	_Alignas(struct inotify_event) char buffer[BUFFER_SIZE];
	struct kubelet *kubelet = userdata;
	const struct inotify_event *event;
	ssize_t size = read(fd, buffer, sizeof(buffer));

	(void)source;
	(void)events;
	for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const struct inotify_event *)(buffer + at);
		take_event(kubelet, event);
	}
	return 0;
}

/* Without a descriptor, of which a user has 128, the scans have to do. */
int spots_open(struct kubelet *kubelet)
{
	int r;

	kubelet->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (kubelet->inotify_fd < 0) {
		say_no_watches(kubelet);
		return 0;
	}
	r = sd_event_add_io(kubelet->event, &kubelet->inotify_source, kubelet->inotify_fd, EPOLLIN,
			    on_readable, kubelet);
	if (r >= 0)
		r = sd_event_source_set_priority(kubelet->inotify_source,
						 SD_EVENT_PRIORITY_IMPORTANT);
	if (r >= 0)
		r = sd_event_source_set_ratelimit(kubelet->inotify_source, BURST_USEC, BURST);
	return r < 0 ? r : 0;
}

void spots_close(struct kubelet *kubelet)
{
	sd_event_source_disable_unref(kubelet->inotify_source);
	closep(&kubelet->inotify_fd);
}
