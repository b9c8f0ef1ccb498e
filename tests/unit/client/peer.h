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
	"\"name\":\"web-0\",\"pid\":4242,\"clientUid\":1000,\"createdAt\":1700000000000000,"       \
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
#define BIND_REPLY "{\"parameters\":{\"allocation\":" ALLOCATION("active") "}}"
#define RECONCILE_REPLY                                                                            \
	"{\"parameters\":{\"released\":[\"pod-1\",\"pod-2\"],\"missing\":[\"pod-3\"]}}"
#define FOREIGN                                                                                    \
	"{\"pool\":\"kubelet\",\"start\":200000,\"count\":65536,\"pid\":77,\"command\":\"conmon\"}"
#define FOREIGN_REPLY(continues) "{" continues "\"parameters\":{\"foreign\":[" FOREIGN "]}}"
#define EVENT                                                                                      \
	"{\"sequence\":12,\"time\":1700000000000000,\"kind\":\"released\",\"pod\":\"pod-1\","      \
	"\"pool\":\"kubelet\",\"start\":131072,\"count\":65536,\"namespace\":\"default\","         \
	"\"name\":\"web-0\",\"clientUid\":0,\"clientPid\":99,\"pid\":4242,"                        \
	"\"otherPod\":\"pod-2\",\"cause\":\"processEnded\"}"
#define POOL_EVENT                                                                                 \
	"{\"sequence\":13,\"time\":1700000000000001,\"kind\":\"poolChanged\",\"pool\":\"kubelet\"}"
#define EVENTS_REPLY(continues, events) "{" continues "\"parameters\":{\"events\":[" events "]}}"
#define LIST_REPLY(continues)                                                                      \
	"{" continues "\"parameters\":{\"allocations\":[" ALLOCATION("active") "]}}"
#define POOLS                                                                                                 \
	"[{\"name\":\"kubelet\",\"owner\":\"kubelet\",\"valid\":true,\"start\":65536,"                        \
	"\"count\":7208960,\"unit\":65536,\"maxPods\":110,\"capacity\":110,\"active\":1,"                     \
	"\"draining\":2,\"released\":3,\"waiting\":2,\"foreign\":4,\"free\":103,\"outside\":5,\"findings\":[" \
	"{\"rule\":\"well-known-range\",\"level\":\"warning\",\"message\":\"crosses\","                       \
	"\"file\":\"/etc/subuid\",\"line\":3},"                                                               \
	"{\"rule\":\"no-owner-account\",\"level\":\"error\",\"message\":\"none\"}]}]"
#define STATUS_REPLY                                                                               \
	"{\"parameters\":{\"version\":\"0.1.0\",\"startedAt\":1700000000000000,\"pools\":" POOLS   \
	",\"store\":{\"path\":\"/var/lib/subidd/allocations.db\",\"schema\":1,"                    \
	"\"allocations\":4,\"events\":9,\"size\":8192},\"scan\":{\"blind\":true,"                  \
	"\"message\":\"hidden\",\"lastAt\":1700000001000000,\"processes\":250,\"cost\":700},"      \
	"\"clients\":{\"connections\":1,"                                                          \
	"\"maxConnections\":1024,\"refused\":2,\"calls\":3}}}"
#define RELOAD_REPLY "{\"parameters\":{\"pools\":" POOLS "}}"
