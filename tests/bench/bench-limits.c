/* SPDX-License-Identifier: MIT */
#include "bench-limits.h"

#include "bench-samples.h"

#include "cleanup.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define BLOCK_SIZE 4096

static const char block[BLOCK_SIZE];

static void write_block(struct append *append)
{
	if (pwrite(append->fd, block, sizeof(block), append->at) != sizeof(block))
		err(2, "a write of 4 KiB");
	append->at += (off_t)sizeof(block);
}

void append_open(struct append *append, const char *folder, off_t room)
{
	*append = (struct append){ open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), room, 0 };
	if (append->fd < 0)
		err(2, "a file in %s", folder);
	while (append->at < room)
		write_block(append);
	if (fsync(append->fd) < 0)
		err(2, "fsync");
}

void append_close(struct append *append)
{
	closep(&append->fd);
	append->fd = -1;
}

double append_call(struct append *append)
{
	double began = clock_usec();

	if (append->room > 0 && append->at >= append->room)
		append->at = 0;
	write_block(append);
	if (fdatasync(append->fd) < 0)
		err(2, "fdatasync");
	return clock_usec() - began;
}

/* Reads as many bytes as that, however many reads it takes. Returns whether there were as many. */
static bool read_all(int fd, size_t size)
{
	char bytes[BLOCK_SIZE];

	while (size > 0) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

		if (n <= 0)
			return false;
		size -= (size_t)n < size ? (size_t)n : size;
	}
	return true;
}

static bool write_all(int fd, size_t size)
{
	return send(fd, block, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void answer(int fd, const struct pong *pong)
{
	while (read_all(fd, pong->request) && write_all(fd, pong->reply))
		;
	_exit(0);
}

void pong_start(struct pong *pong, size_t request, size_t reply)
{
	int fds[2];

	if (request > BLOCK_SIZE || reply > BLOCK_SIZE)
		errx(2, "a ping-pong of messages of more than %d bytes", BLOCK_SIZE);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		err(2, "socketpair");
	*pong = (struct pong){ .fd = fds[0], .request = request, .reply = reply };
	pong->process = fork();
	if (pong->process < 0)
		err(2, "fork");
	if (pong->process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		answer(fds[1], pong);
	}
	close(fds[1]);
}

void pong_stop(struct pong *pong)
{
	if (pong->process <= 0)
		return;
	closep(&pong->fd);
	kill(pong->process, SIGKILL); /* others may hold its other end, so it sees none */
	waitpid(pong->process, NULL, 0);
	*pong = (struct pong){ .fd = -1 };
}

double pong_call(struct pong *pong)
{
	double began = clock_usec();

	if (!write_all(pong->fd, pong->request) || !read_all(pong->fd, pong->reply))
		err(2, "ping-pong");
	return clock_usec() - began;
}
