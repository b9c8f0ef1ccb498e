/* SPDX-License-Identifier: MIT */
#pragma once

/* What waits to be sent on a socket. */

#include "json.h"

#include <stdbool.h>
#include <stddef.h>

struct output {
	char *data;
	size_t begin, end, capacity;
};

/* Appends a message and its NUL byte; takes MESSAGE over in every case. Returns 0 or
 * -ENOMEM, also if MESSAGE is NULL. */
int output_append(struct output *output, struct json_object *message);

/* Sends what the socket takes. Returns 0, also if nothing was taken, or a negative errno. */
int output_flush(struct output *output, int fd);

/* Takes the newest messages back, down to a size that output_size() had before. */
void output_truncate(struct output *output, size_t size);

static inline size_t output_size(const struct output *output)
{
	return output->end - output->begin;
}

void output_done(struct output *output);
