/* SPDX-License-Identifier: MIT */
#pragma once

/* A daemon that answers each call with what the test wrote down, over a socket pair or a socket. */

#include "subidd.h"

#include <pthread.h>
#include <stddef.h>

enum peer_manner {
	PEER_PLAIN,
	PEER_BYTEWISE, /* a byte at a time, each read by the client before the next is sent */
	PEER_CLOSE,    /* and then closes the connection */
};

/* What a call is answered with; the length counts the NUL byte of the message. */
struct peer_reply {
	const char *text;
	size_t length;
	enum peer_manner manner;
};

#define REPLY(text)                                                                                \
	(struct peer_reply)                                                                        \
	{                                                                                          \
		text, sizeof(text), PEER_PLAIN                                                     \
	}

#define PEER_CALLS_MAX 8

struct peer {
	pthread_t thread;
	int listener; /* -1 for a socket pair */
	int fd;
	const struct peer_reply *replies;
	size_t n_replies;
	char *calls[PEER_CALLS_MAX]; /* what was asked, valid after peer_stop() */
	size_t n_calls;
	size_t n_connections;
};

/* Starts a peer at the other end of a client's connection. */
struct subidd_client *peer_start(struct peer *peer, const struct peer_reply *replies,
				 size_t n_replies);

/* Starts one that listens at PATH, one connection after the other, until it has answered all. */
void peer_listen(struct peer *peer, const char *path, const struct peer_reply *replies,
		 size_t n_replies);

/* Frees the client and waits for the peer's end. */
void peer_stop(struct peer *peer, struct subidd_client *client);

/* Forgets the calls. */
void peer_done(struct peer *peer);

/* Number of open file descriptors, for the check that none was leaked. */
size_t count_fds(void);

/* Replies of a sound daemon. */
#define ALLOCATION(state)                                                                          \
	"{\"pod\":\"pod-1\",\"pool\":\"kubelet\",\"start\":131072,\"count\":65536,\"state\":"      \
	"\"" state "\",\"origin\":\"request\",\"inPool\":true,\"namespace\":\"default\","          \
	"\"name\":\"web-0\",\"clientUid\":1000,\"createdAt\":1700000000000000,"                    \
	"\"releasedAt\":null}"
#define MAPPINGS "[{\"containerID\":0,\"hostID\":131072,\"size\":65536}]"
#define BOTH_MAPPINGS "\"uidMappings\":" MAPPINGS ",\"gidMappings\":" MAPPINGS
#define GET_REPLY "{\"parameters\":{\"allocation\":" ALLOCATION("active") "," BOTH_MAPPINGS "}}"
#define ALLOCATE_REPLY                                                                             \
	"{\"parameters\":{\"allocation\":" ALLOCATION(                                             \
		"active") ",\"outcome\":\"created\"," BOTH_MAPPINGS "}}"
#define RELEASE_REPLY                                                                              \
	"{\"parameters\":{\"released\":true,\"allocation\":" ALLOCATION("released") "}}"
#define LOOKUP_REPLY "{\"parameters\":{\"allocation\":" ALLOCATION("active") ",\"containerID\":33}}"
#define LIST_REPLY(continues)                                                                      \
	"{" continues "\"parameters\":{\"allocations\":[" ALLOCATION("active") "]}}"
#define POOLS                                                                                      \
	"[{\"name\":\"kubelet\",\"owner\":\"kubelet\",\"valid\":true,\"start\":65536,"             \
	"\"count\":7208960,\"unit\":65536,\"maxPods\":110,\"capacity\":110,\"active\":1,"          \
	"\"draining\":2,\"released\":3,\"foreign\":4,\"free\":103,\"outside\":5,\"findings\":["    \
	"{\"rule\":\"well-known-range\",\"level\":\"warning\",\"message\":\"crosses\","            \
	"\"file\":\"/etc/subuid\",\"line\":3},"                                                    \
	"{\"rule\":\"no-owner-account\",\"level\":\"error\",\"message\":\"none\"}]}]"
#define STATUS_REPLY                                                                               \
	"{\"parameters\":{\"version\":\"0.1.0\",\"startedAt\":1700000000000000,\"pools\":" POOLS   \
	",\"store\":{\"path\":\"/var/lib/subidd/allocations.db\",\"schema\":1,"                    \
	"\"allocations\":4,\"size\":8192},\"clients\":{\"connections\":1,"                         \
	"\"maxConnections\":1024,\"refused\":2,\"calls\":3}}}"
#define RELOAD_REPLY "{\"parameters\":{\"pools\":" POOLS "}}"
