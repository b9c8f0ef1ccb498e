/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A root folder of the test's own and a daemon that answers as the test says, for the libsubid
 * module. The daemon allocates no memory, so that tests can let that run out.
 */

#include "subid-answer.h"

#include "scratch.h"
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum rig_manner {
	RIG_ANSWERS,
	RIG_REFUSES,	/* nobody listens */
	RIG_IS_FULL,	/* never accepts, and its backlog is full */
	RIG_IS_SILENT,	/* accepts and never answers */
	RIG_TRICKLES,	/* a byte at a time, without an end */
	RIG_FLOODS,	/* a message without an end, as fast as it can */
	RIG_HANGS_UP,	/* closes the connection in place of an answer */
	RIG_ENDS_EARLY, /* closes it in the middle of the answer */
};

struct rig {
	struct scratch scratch;
	struct answer_world world;
	char socket[128];
	const char *status; /* replies to GetStatus and Get; texts, without the NUL byte */
	const char *pod;
	enum rig_manner manner;
	int listener;
	int fillers[8]; /* connections that fill the backlog */
	pthread_t thread;
	atomic_size_t n_status, n_pod; /* calls that came in */
	char call[512];		       /* the last one */
};

/*
 * Accounts root, kubelet (998), pods (997), alice (1001), amy with alice's UID and node with the
 * kubelet's. The account far (5005) is in no file.
 */
void rig_make(struct rig *rig);

/* The lines of both files; NULL removes them. */
void rig_set_lines(struct rig *rig, const char *lines);

/* Starts the daemon in this manner. */
void rig_start(struct rig *rig, enum rig_manner manner);

/* Stops the daemon. */
void rig_stop(struct rig *rig);

/* Removes all. */
void rig_drop(struct rig *rig);

/* Asks, checks that no descriptor is left, and returns what came back. */
int rig_list(struct rig *rig, const char *owner, enum id_kind kind);
int rig_has(struct rig *rig, const char *owner, uint64_t start, uint64_t count);
int rig_owners(struct rig *rig, uint64_t id);

/* How often an account was looked for that is in no file. */
extern size_t rig_n_lookups;

/* The last answer of rig_list() as "START:COUNT ...", of rig_owners() as "UID ...". */
extern char rig_answer[];

/* Replies. */
#define POOL(owner, range)                                                                         \
	"{\"name\":\"p\",\"owner\":\"" owner "\",\"valid\":true," range                            \
	",\"unit\":65536,\"findings\":[]}"
#define INVALID_POOL(owner)                                                                        \
	"{\"name\":\"p\",\"owner\":\"" owner "\",\"valid\":false,\"start\":0,\"count\":0,"         \
	"\"findings\":[{\"rule\":\"no-entry\",\"message\":\"[\\\"}\"}]}"
#define RANGE "\"start\":131072,\"count\":131072"
#define STATUS(pools)                                                                              \
	"{\"parameters\":{\"version\":\"0.1.0\",\"startedAt\":1,\"pools\":[" pools                 \
	"],\"store\":{\"path\":\"/x\"}}}"
#define POD(pod, state)                                                                            \
	"{\"parameters\":{\"allocation\":{\"pod\":\"" pod "\",\"pool\":\"kubelet\","               \
	"\"start\":196608,\"count\":65536,\"state\":\"" state "\"},\"uidMappings\":[]}}"
#define NO_POD "{\"error\":\"io.subidd.Allocator.NoSuchAllocation\",\"parameters\":{\"pod\":\"x\"}}"
