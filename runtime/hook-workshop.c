/* SPDX-License-Identifier: MIT */
#include "hook-workshop.h"

#include "hook-stack.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What the process says after each step. */
struct report {
	int result;
	struct hook_failure failure;
};

/* Sends a report, with a descriptor unless FD is negative. */
static void send_report(int socket, struct report *report, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control = { 0 };
	struct iovec data = { .iov_base = report, .iov_len = sizeof(*report) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	(void)sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* Takes a report; *ret_fd is set where RET_FD is not NULL, and then the report must have one. */
static int receive_report(int socket, int *ret_fd, struct hook_failure *failure)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct report report;
	struct iovec data = { .iov_base = &report, .iov_len = sizeof(report) };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof(report))
		return hook_fail(failure, -EPIPE, "the process that mounts layers died");
	if (report.result < 0)
		return hook_fail(failure, report.result, "%s", report.failure.text);
	if (!ret_fd)
		return 0;
	if (message.msg_controllen < CMSG_LEN(sizeof(int)))
		return hook_fail(failure, -EPIPE, "the process that mounts layers has no mount");
	memcpy(ret_fd, CMSG_DATA(&control.header), sizeof(*ret_fd));
	return 0;
}

/* The process's own part. */
static void work(int socket, const struct overlay_plan *plan)
{
	_cleanup_(closep) int fd = -1;
	struct report report = { 0 };
	char go;

	report.result = stack_prepare(plan, &report.failure);
	send_report(socket, &report, -1);
	if (report.result < 0 || recv(socket, &go, sizeof(go), 0) != sizeof(go))
		return;
	report.result = stack_mount(plan, &fd, &report.failure);
	send_report(socket, &report, fd);
}

int workshop_open(struct workshop *workshop, const struct overlay_plan *plan,
		  struct hook_failure *failure)
{
	int ends[2];

	*workshop = (struct workshop){ .pid = -1, .socket = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return hook_fail(failure, -errno, "no pair of sockets: %m");
	workshop->socket = ends[0];
	workshop->pid = fork();
	if (workshop->pid == 0) {
		close(ends[0]);
		work(ends[1], plan);
		_exit(0);
	}
	close(ends[1]);
	if (workshop->pid < 0)
		return hook_fail(failure, -EAGAIN, "no process to mount layers in");
	return receive_report(workshop->socket, NULL, failure);
}

int workshop_make(struct workshop *workshop, int *ret_fd, struct hook_failure *failure)
{
	if (send(workshop->socket, "", 1, MSG_NOSIGNAL) < 0)
		return hook_fail(failure, -errno, "the process that mounts layers died");
	return receive_report(workshop->socket, ret_fd, failure);
}

void workshop_close(struct workshop *workshop)
{
	closep(&workshop->socket);
	if (workshop->pid <= 0)
		return;
	(void)kill(workshop->pid, SIGKILL);
	while (waitpid(workshop->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
