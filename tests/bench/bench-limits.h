/* SPDX-License-Identifier: MIT */
#pragma once

/* What the machine itself takes: no daemon can be faster. What goes wrong ends the program. */

#include <stddef.h>
#include <sys/types.h>

/*
 * A file that grows by 4 KiB and is synced; or, with room made before, one that is written anew
 * from its start, as a log that keeps its size is: then the file system's own journal has nothing
 * to do.
 */
struct append {
	int fd;
	off_t room, at;
};

void append_open(struct append *append, const char *folder, off_t room);
void append_close(struct append *append);

/* The microseconds of one write and its fdatasync(2). */
double append_call(struct append *append);

/* A process that answers each message of REQUEST bytes with REPLY bytes. */
struct pong {
	pid_t process;
	int fd;
	size_t request, reply;
};

void pong_start(struct pong *pong, size_t request, size_t reply);
void pong_stop(struct pong *pong);

/* The microseconds of one round trip. */
double pong_call(struct pong *pong);
