/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A client as cheap as can be: it writes frames that were made before the clock starts, and of the
 * replies it looks for the NUL alone. What goes wrong ends the program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POD_NAME_SIZE 37

/*
 * The name of the Nth pod: a random UUID as Kubernetes makes them, the same in each run. Names in
 * order would flatter a store whose index is sorted.
 */
void pod_name(uint64_t n, char name[POD_NAME_SIZE]);

/* A frame with its NUL. */
struct message {
	char text[192];
	size_t size;
};

/* A call of METHOD with the Nth pod. */
void message_pod(struct message *message, const char *method, uint64_t n);
void message_lookup(struct message *message, uint64_t id);
void message_list(struct message *message);
void message_status(struct message *message);

struct client {
	int fd;
	char *bytes;
	size_t n_bytes, n_allocated;
	size_t n_taken;	  /* of the message that was handed out last */
	size_t n_scanned; /* without a NUL */
};

void client_open(struct client *client, const char *path);
void client_close(struct client *client);

void client_send(struct client *client, const struct message *message);

/* Reads once; blocks if there is nothing to read. */
void client_read(struct client *client);

/* The next whole message, valid until the next call, or NULL. */
const char *client_take(struct client *client, size_t *ret_size);

/* Sends it and waits for the reply, which must be no error: its time in microseconds. */
double client_call(struct client *client, const struct message *message, const char **ret_reply,
		   size_t *ret_size);

/* Ends the program if the reply is an error. */
void reply_check(const char *reply);

/* A number of the reply; KEY is what stands before it. */
uint64_t reply_number(const char *reply, const char *key);
