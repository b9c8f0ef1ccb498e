/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include "cleanup.h"

#include <assert.h>
#include <dirent.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Reads up to the NUL byte. Returns the call, or NULL at the end of the stream. */
static char *read_call(int fd)
{
	static const size_t max = 1 << 20;
	_cleanup_(freep) char *call = malloc(max);

	for (size_t n = 0; call && n < max; n++) {
		if (recv(fd, call + n, 1, 0) != 1)
			return NULL;
		if (call[n] == 0)
			return take_ptr(call);
	}
	return NULL;
}

/* Waits until the other side has read all that was sent. */
static void wait_until_read(int fd)
{
	int unread;

	while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0)
		sched_yield();
}

static void send_reply(int fd, const struct peer_reply *reply)
{
	size_t step = reply->manner == PEER_BYTEWISE ? 1 : reply->length;

	for (size_t n = 0; n < reply->length; n += step) {
		if (send(fd, reply->text + n, step, MSG_NOSIGNAL) < 0)
			return;
		if (reply->manner == PEER_BYTEWISE)
			wait_until_read(fd);
	}
}

/* Answers the calls of one connection. */
static void serve(struct peer *peer)
{
	char *call;

	while ((call = read_call(peer->fd))) {
		const struct peer_reply *reply;

		assert(peer->n_calls < PEER_CALLS_MAX);
		peer->calls[peer->n_calls++] = call;
		if (peer->n_calls > peer->n_replies)
			break;
		reply = &peer->replies[peer->n_calls - 1];
		send_reply(peer->fd, reply);
		if (reply->manner == PEER_CLOSE)
			break;
	}
	close(peer->fd);
}

static void *run(void *argument)
{
	struct peer *peer = argument;

	peer->n_connections = 1;
	if (peer->listener < 0) {
		serve(peer);
		return NULL;
	}
	for (peer->n_connections = 0; peer->n_calls < peer->n_replies; peer->n_connections++) {
		peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
		assert(peer->fd >= 0);
		serve(peer);
	}
	close(peer->listener);
	return NULL;
}

struct subidd_client *peer_start(struct peer *peer, const struct peer_reply *replies,
				 size_t n_replies)
{
	struct subidd_client *client;
	int fds[2], r;

	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	assert(r == 0);
	*peer = (struct peer){
		.listener = -1, .fd = fds[1], .replies = replies, .n_replies = n_replies
	};
	r = subidd_client_new_from_fd(&client, fds[0]);
	assert(r == 0);
	r = pthread_create(&peer->thread, NULL, run, peer);
	assert(r == 0);
	return client;
}

void peer_listen(struct peer *peer, const char *path, const struct peer_reply *replies,
		 size_t n_replies)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	*peer = (struct peer){ .replies = replies, .n_replies = n_replies };
	peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(peer->listener >= 0 && strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	r = bind(peer->listener, (struct sockaddr *)&address, sizeof(address));
	assert(r == 0);
	r = listen(peer->listener, 4);
	assert(r == 0);
	r = pthread_create(&peer->thread, NULL, run, peer);
	assert(r == 0);
}

void peer_stop(struct peer *peer, struct subidd_client *client)
{
	subidd_client_free(client);
	pthread_join(peer->thread, NULL);
}

void peer_done(struct peer *peer)
{
	for (size_t i = 0; i < peer->n_calls; i++)
		free(peer->calls[i]);
	peer->n_calls = 0;
}

size_t count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;

	assert(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}
