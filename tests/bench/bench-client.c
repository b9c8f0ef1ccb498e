/* SPDX-License-Identifier: MIT */
#include "bench-client.h"

#include "bench-samples.h"

#include "cleanup.h"
#include "decimal.h"

#include <err.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define READ_SIZE 8192
#define BIG_READ_SIZE (256 * 1024) /* once more comes than one reply of a small call */

/* splitmix64 at a place of its sequence. */
static uint64_t mix(uint64_t place)
{
	uint64_t z = place * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void pod_name(uint64_t n, char name[POD_NAME_SIZE])
{
	uint64_t a = mix(2 * n + 1), b = mix(2 * n + 2);

	snprintf(name, POD_NAME_SIZE, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned int)(a >> 32),
		 (unsigned int)(a >> 16 & 0xffff), (unsigned int)(a & 0xfff),
		 (unsigned int)(b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
}

static void __attribute__((format(printf, 2, 3)))
message_print(struct message *message, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message->size = (size_t)vsnprintf(message->text, sizeof(message->text), format, arguments) +
			1;
	va_end(arguments);
	if (message->size > sizeof(message->text))
		errx(2, "the message does not fit: %s", message->text);
}

void message_pod(struct message *message, const char *method, uint64_t n)
{
	char name[POD_NAME_SIZE];

	pod_name(n, name);
	message_print(message,
		      "{\"method\":\"io.subidd.Allocator.%s\",\"parameters\":{\"pod\":\"%s\"}}",
		      method, name);
}

void message_lookup(struct message *message, uint64_t id)
{
	message_print(message,
		      "{\"method\":\"io.subidd.Allocator.Lookup\",\"parameters\":{\"id\":%" PRIu64
		      "}}",
		      id);
}

void message_list(struct message *message)
{
	message_print(message, "{\"method\":\"io.subidd.Allocator.List\",\"more\":true}");
}

void message_status(struct message *message)
{
	message_print(message, "{\"method\":\"io.subidd.Allocator.GetStatus\"}");
}

void client_open(struct client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long for the path of a socket: use --dir with a shorter one",
		     path);
	strcpy(address.sun_path, path);
	*client = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (client->fd < 0 || connect(client->fd, (void *)&address, sizeof(address)) < 0)
		err(2, "%s", path);
}

void client_close(struct client *client)
{
	closep(&client->fd);
	free(client->bytes);
	*client = (struct client){ .fd = -1 };
}

void client_send(struct client *client, const struct message *message)
{
	if (send(client->fd, message->text, message->size, MSG_NOSIGNAL) != (ssize_t)message->size)
		err(2, "the daemon does not take a message");
}

/* Makes room for as much as one read may bring. */
static void reserve(struct client *client)
{
	size_t wanted = client->n_bytes < READ_SIZE ? READ_SIZE : BIG_READ_SIZE;

	if (client->n_allocated - client->n_bytes >= wanted)
		return;
	client->n_allocated = client->n_bytes + wanted;
	client->bytes = realloc(client->bytes, client->n_allocated);
	if (!client->bytes)
		err(2, "no memory");
}

void client_read(struct client *client)
{
	ssize_t n;

	reserve(client);
	n = recv(client->fd, client->bytes + client->n_bytes, client->n_allocated - client->n_bytes,
		 0);
	if (n < 0)
		err(2, "reading from the daemon");
	if (n == 0)
		errx(2, "the daemon has closed the connection");
	client->n_bytes += (size_t)n;
}

static void drop_taken(struct client *client)
{
	client->n_bytes -= client->n_taken;
	if (client->n_taken > 0 && client->n_bytes > 0)
		memmove(client->bytes, client->bytes + client->n_taken, client->n_bytes);
	client->n_taken = 0;
}

const char *client_take(struct client *client, size_t *ret_size)
{
	const char *end;

	drop_taken(client);
	if (client->n_bytes == client->n_scanned)
		return NULL;
	end = memchr(client->bytes + client->n_scanned, 0, client->n_bytes - client->n_scanned);
	if (!end) {
		client->n_scanned = client->n_bytes;
		return NULL;
	}
	client->n_scanned = 0;
	client->n_taken = (size_t)(end - client->bytes) + 1;
	*ret_size = client->n_taken;
	return client->bytes;
}

double client_call(struct client *client, const struct message *message, const char **ret_reply,
		   size_t *ret_size)
{
	double began = clock_usec(), took;
	const char *reply;
	size_t size = 0;

	client_send(client, message);
	while (!(reply = client_take(client, &size)))
		client_read(client);
	took = clock_usec() - began;
	reply_check(reply);
	if (ret_reply)
		*ret_reply = reply;
	if (ret_size)
		*ret_size = size;
	return took;
}

void reply_check(const char *reply)
{
	if (strstr(reply, "\"error\":"))
		errx(2, "the daemon answers: %s", reply);
}

uint64_t reply_number(const char *reply, const char *key)
{
	const char *text = strstr(reply, key);
	uint64_t value;

	if (!text)
		errx(2, "no %s in: %s", key, reply);
	text += strlen(key);
	if (decimal_parse(text, strspn(text, "0123456789"), INT64_MAX, &value) < 0)
		errx(2, "no number behind %s in: %s", key, reply);
	return value;
}
