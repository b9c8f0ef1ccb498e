/* SPDX-License-Identifier: MIT */
#include "server-rig.h"

#include <errno.h>
#include <sys/socket.h>

struct client client_of(int fd)
{
	return (struct client){ .fd = fd };
}

struct client client_make(struct rig *rig)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_int_equal(server_add_connection(rig->server, fds[0]), 0);
	return client_of(fds[1]);
}

void client_drop(struct client *client)
{
	closep(&client->fd);
	free(client->data);
	*client = (struct client){ .fd = -1 };
}

void client_send_bytes(struct client *client, const char *data, size_t size)
{
	assert_int_equal(send(client->fd, data, size, MSG_NOSIGNAL), size);
}

void client_send(struct client *client, const char *messages)
{
	_cleanup_(freep) char *copy = strdup(messages);

	for (char *bar = strchr(copy, '|'); bar; bar = strchr(bar + 1, '|'))
		*bar = 0;
	client_send_bytes(client, copy, strlen(messages));
}

bool client_take(struct client *client)
{
	for (;;) {
		char buffer[65536];
		ssize_t n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		client->data = realloc(client->data, client->size + (size_t)n);
		memcpy(client->data + client->size, buffer, (size_t)n);
		client->size += (size_t)n;
	}
}

char *client_next(struct client *client)
{
	char *nul = client->size > 0 ? memchr(client->data, 0, client->size) : NULL;
	char *message;
	size_t size;

	if (!nul)
		return NULL;
	size = (size_t)(nul - client->data) + 1;
	message = strdup(client->data);
	client->size -= size;
	memmove(client->data, client->data + size, client->size);
	return message;
}

void expect(struct rig *rig, struct client *client, const char *message)
{
	_cleanup_(freep) char *got = client_next(client);

	if (!got) {
		pump(rig);
		client_take(client);
		got = client_next(client);
	}
	if (!got)
		fail_msg("no answer, but wanted: %s", message);
	assert_string_equal(got, message);
}

void expect_nothing(struct rig *rig, struct client *client)
{
	pump(rig);
	assert_true(client_take(client));
	assert_int_equal(client->size, 0);
}

void expect_closed(struct rig *rig, struct client *client)
{
	pump(rig);
	assert_false(client_take(client));
	assert_int_equal(client->size, 0);
}
