/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of main-kubelet share. */

#include "core/finding.h"
#include "main-kubelet.h"
#include "main-pacer.h"
#include "main-watch.h"
#include "node/podfile.h"

#include <dirent.h>
#include <stdbool.h>
#include <sys/queue.h>

enum trouble_kind {
	TROUBLE_NAME,	  /* the folder's name is no pod's */
	TROUBLE_FILE,	  /* folder or file cannot be read, or it is malformed or odd */
	TROUBLE_OUTSIDE,  /* the allocation does not lie in the pool */
	TROUBLE_UNITS,	  /* it is no run of whole units */
	TROUBLE_CONFLICT, /* what is in the way of the allocation */
	TROUBLE_DRAINING, /* the same, but the kubelet had that range itself until just now */
	N_TROUBLE_KINDS
};

/* What is wrong with a pod's file. */
struct trouble_facts {
	enum trouble_kind kind;
	const char *reason;    /* of TROUBLE_FILE; static */
	struct id_range range; /* of the file; zero if it names none */
	struct id_range other; /* of the last two: what is in the way */
	char other_pod[POD_KEY_MAX + 1];
	char other_namespace[LABEL_MAX + 1];
	char other_name[LABEL_MAX + 1];
};

struct trouble {
	TAILQ_ENTRY(trouble) link;
	struct pod *pod;
	struct trouble_facts facts;
	struct id_range *blocked; /* ranges in use that no allocation stands for */
	size_t n_blocked;
};

/* An inotify watch. */
struct spot {
	int wd; /* -1: none; must be the first member */
	struct pods_folder *folder;
	struct pod *pod; /* NULL: the pods folder itself */
};

/* A folder in a pods folder. */
struct pod {
	struct spot spot;
	TAILQ_ENTRY(pod) link;	     /* in the order in which they were last seen */
	TAILQ_ENTRY(pod) dirty_link; /* if IS_DIRTY */
	uint32_t seen;		     /* number of the scan that saw it last */
	bool is_dirty;		     /* its file has to be looked at */
	bool has_range;		     /* the file, when it was last read */
	bool has_row;		     /* an active allocation of the kubelet */
	struct id_range range, row;
	struct podfile_stamp stamp;
	struct trouble *trouble; /* NULL: all is well */
	char name[];
};

TAILQ_HEAD(pod_list, pod);
TAILQ_HEAD(trouble_list, trouble);

struct pods_folder {
	TAILQ_ENTRY(pods_folder) link;
	struct kubelet *kubelet;
	char *pool, *path;
	struct spot spot;
	void *tree; /* tsearch(3): the pods' names */
	struct pod_list pods;
	size_t n_pods;
	struct trouble_list troubles;
	int error; /* negative errno if it cannot be read, 1 if that is not known yet */
	struct findings findings;
};

TAILQ_HEAD(folder_list, pods_folder);

struct kubelet {
	sd_event *event;
	struct allocator *allocator;
	void (*changed)(void *userdata);
	void *userdata;
	struct folder_list folders;

	int inotify_fd;
	sd_event_source *inotify_source;
	void *spots; /* tsearch(3): by wd */
	size_t n_spots;
	bool is_deaf;	    /* events were lost */
	bool lacks_watches; /* there are none left; asked again by the next scan */
	bool said_so;
	struct watch *missing; /* waits for folders that are not there */
	bool must_await;       /* which ones has changed */

	struct pod_list dirty;
	struct pacer *pacer;
	sd_event_source *timer; /* of the next scan */
	uint64_t interval;
	uint64_t earliest; /* us of CLOCK_MONOTONIC at which the next scan may begin */
	bool is_due;	   /* a scan is to begin */
	bool is_wanted;	   /* one more than those that time brings */

	/* the scan at work, if there is one */
	bool is_scanning;
	bool is_finished;	/* it has just ended */
	uint32_t scan;		/* its number */
	struct pods_folder *at; /* NULL: it is through */
	DIR *dir;		/* open at AT, or NULL */
	bool rewatches;		/* no watch can be relied on */

	bool must_read_rows; /* what the allocator has is not known */
	bool must_retry;     /* something has gone that may have been in the way */
	bool has_claims;     /* that the allocator has not heard of */
	size_t n_logged;     /* warnings since the last report */
};

/* ---- main-kubelet.c ---- */

/* Asks for a look at everything as soon as that is due, and for one at what is dirty now. */
void kubelet_want_scan(struct kubelet *kubelet);
void kubelet_want_step(struct kubelet *kubelet);

/* ---- main-kubelet-scan.c ---- */

/* Begins a scan, in place of one at work. Returns 1 or a negative errno. */
int scan_begin(struct kubelet *kubelet);

/* A step of the scan at work; what it finds is marked. Returns 1 or a negative errno. */
int scan_step(struct kubelet *kubelet);

void scan_stop(struct kubelet *kubelet);

/* ---- main-kubelet-pod.c ---- */

int pods_folder_new(struct kubelet *kubelet, const char *pool, const char *path,
		    struct pods_folder **ret);
void pods_folder_free(struct pods_folder *folder);

/* The folder of the pool, NULL if it has none. */
struct pods_folder *pods_folder_find(const struct kubelet *kubelet, const char *pool);

/* 0, or why it is no folder that can be read. */
int pods_folder_check(const struct pods_folder *folder);

/* The pod of that name, NULL if it is not known. */
struct pod *pod_find(const struct pods_folder *folder, const char *name);

/* The same, made if it is not known. Returns 0 or -ENOMEM. */
int pod_get(struct pods_folder *folder, const char *name, struct pod **ret);

/* Puts it among what is looked at next. */
void pod_mark(struct pod *pod);

/* Looks at its file, and may free the pod. Returns 0 or a negative errno. */
int pod_refresh(struct pod *pod);

/* ---- main-kubelet-watch.c ---- */

int spots_open(struct kubelet *kubelet);
void spots_close(struct kubelet *kubelet);

/* Watches the folder at PATH, unless it is watched. What cannot be watched is left to the scans. */
void spot_watch(struct spot *spot, const char *path);
void spot_unwatch(struct spot *spot);

/* ---- main-kubelet-report.c ---- */

/* Notes what is wrong with the pod's file, and says it if it is new. Copies BLOCKED. */
int trouble_set(struct pod *pod, const struct trouble_facts *facts, const struct id_range *blocked,
		size_t n_blocked);
/* The same, but what was blocked before stays so. */
int trouble_set_only(struct pod *pod, const struct trouble_facts *facts);
void trouble_clear(struct pod *pod);

/* Notes whether the folder can be read (0 or a negative errno). */
void report_folder(struct pods_folder *folder, int error);

/* Makes the findings anew, and tells the allocator of ranges that are in use. */
int report_all(struct kubelet *kubelet);
