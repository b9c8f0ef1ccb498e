/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "cleanup.h"
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define REPLY_SIZE_MAX ((size_t)16 * 1024 * 1024)

DEFINE_CLEANUP(struct subidd_client *, subidd_client_free)

static struct subidd_client *client_new(void)
{
	struct subidd_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->fd = -1;
	client->timeout = SUBIDD_TIMEOUT_DEFAULT;
	frame_buffer_init(&client->in, REPLY_SIZE_MAX);
	wakeup_init(&client->wakeup);
	return client;
}

int subidd_client_new(struct subidd_client **ret, const char *path)
{
	_cleanup_(subidd_client_freep) struct subidd_client *client = NULL;

	if (!path)
		path = SUBIDD_SOCKET_PATH;
	if (!transport_path_ok(path))
		return -ENAMETOOLONG;
	client = client_new();
	if (!client)
		return -ENOMEM;
	client->path = strdup(path);
	if (!client->path)
		return -ENOMEM;
	*ret = take_ptr(client);
	return 0;
}

int subidd_client_new_from_fd(struct subidd_client **ret, int fd)
{
	struct subidd_client *client;

	if (fcntl(fd, F_GETFD) < 0)
		return -errno;
	client = client_new();
	if (!client)
		return -ENOMEM;
	client->fd = fd;
	*ret = client;
	return 0;
}

struct subidd_client *subidd_client_free(struct subidd_client *client)
{
	if (!client)
		return NULL;
	if (client->is_gone)
		*client->is_gone = true;
	/* before the connection is taken out of it: that a child of fork(2) shares it with its
	 * parent */
	wakeup_done(&client->wakeup);
	while (client->calls.first)
		call_free(client->calls.first);
	while (client->failed.first)
		call_free(client->failed.first);
	client_disconnect(client);
	envelope_reply_done(&client->refusal);
	free(client->message);
	free(client->path);
	free(client);
	return NULL;
}

void subidd_client_set_timeout(struct subidd_client *client, uint64_t usec)
{
	client->timeout = usec;
}

int subidd_client_get_fd(const struct subidd_client *client)
{
	return client->fd >= 0 ? client->fd : -ENOTCONN;
}
