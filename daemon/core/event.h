/* SPDX-License-Identifier: MIT */
#pragma once

/* One change, as it is kept in the history. A plain value, freely copied. */

#include "core/allocation.h"

enum event_kind {
	EVENT_ALLOCATED,    /* a pod got a new range */
	EVENT_REVIVED,	    /* a pod got its old range back */
	EVENT_RELEASED,	    /* it was given back, and drains */
	EVENT_DRAINED,	    /* nothing alive maps it any more */
	EVENT_REUSED,	    /* its units went to another pod */
	EVENT_BOUND,	    /* it was tied to a process */
	EVENT_ADOPTED,	    /* it was found in the kubelet's pods folder */
	EVENT_VANISHED,	    /* it is gone from there, and drains */
	EVENT_CONFLICT,	    /* the kubelet gave a pod a range that another pod has */
	EVENT_POOL_CHANGED, /* the pool's range is another one */
	EVENT_RESTORED,	    /* all that was before it came from a backup */
	N_EVENT_KINDS
};

enum event_cause {
	CAUSE_NONE,
	CAUSE_REQUEST,	     /* Release */
	CAUSE_RECONCILE,     /* Reconcile */
	CAUSE_PROCESS_ENDED, /* the process that it was tied to */
	N_EVENT_CAUSES
};

struct event {
	uint64_t sequence; /* grows; given by the store */
	uint64_t time;	   /* us since the epoch */
	enum event_kind kind;
	enum event_cause cause;	       /* of a release */
	char pod[POD_KEY_MAX + 1];     /* empty: about no pod */
	char pool[POOL_NAME_MAX + 1];  /* empty: about no pool */
	struct id_range range;	       /* count 0: none */
	char namespace[LABEL_MAX + 1]; /* empty: not known */
	char name[LABEL_MAX + 1];      /* empty: not known */
	bool has_client;	       /* false: the daemon did it by itself */
	uint32_t client_uid;
	uint32_t client_pid;
	uint32_t pid;			 /* that it was tied to; 0: none */
	char other_pod[POD_KEY_MAX + 1]; /* reused: who got the units; conflict: who has them */
};

extern const char *const event_kind_names[N_EVENT_KINDS];
extern const char *const event_cause_names[N_EVENT_CAUSES]; /* that of CAUSE_NONE is NULL */
