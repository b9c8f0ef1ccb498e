/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include "cleanup.h"
#include "decimal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define STATUS_SIZE 1024 /* bytes of a process's status up to its UIDs, and more */

/* The kernel says how much room the groups take if there was too little (socket(7)). */
static int get_groups(int fd, struct varlink_peer *peer)
{
	_cleanup_(freep) gid_t *groups = NULL;
	socklen_t size = 0;

	while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
		gid_t *larger;

		if (errno != ERANGE)
			return -errno;
		larger = realloc(groups, size);
		if (!larger)
			return -ENOMEM;
		groups = larger;
	}
	peer->groups = take_ptr(groups);
	peer->n_groups = size / sizeof(*peer->groups);
	return 0;
}

/* Reads the beginning of proc_pid_status(5); the process's name in it has no newline. */
static bool read_status(pid_t pid, char text[STATUS_SIZE])
{
	_cleanup_(closep) int fd = -1;
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, STATUS_SIZE - 1);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The real UID, and the effective one, which tells whether it is still the same process. */
static bool read_uids(pid_t pid, uid_t *ret_real, uid_t *ret_effective)
{
	static const char key[] = "\nUid:\t";
	char text[STATUS_SIZE];
	const char *real, *effective;
	uint64_t uids[2];

	if (!read_status(pid, text) || !(real = strstr(text, key)))
		return false;
	real += strlen(key);
	effective = strchr(real, '\t');
	if (!effective ||
	    decimal_parse(real, (size_t)(effective - real), UINT32_MAX, &uids[0]) < 0 ||
	    decimal_parse(effective + 1, strcspn(effective + 1, "\t"), UINT32_MAX, &uids[1]) < 0)
		return false;
	*ret_real = (uid_t)uids[0];
	*ret_effective = (uid_t)uids[1];
	return true;
}

static uid_t find_payer(const struct ucred *credentials)
{
	uid_t real, effective;

	if (credentials->uid == 0 && read_uids(credentials->pid, &real, &effective) &&
	    effective == 0)
		return real;
	return credentials->uid;
}

int peer_init(struct varlink_peer *peer, int fd)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	*peer = (struct varlink_peer){
		.uid = credentials.uid,
		.gid = credentials.gid,
		.pid = credentials.pid,
		.payer = find_payer(&credentials),
	};
	return get_groups(fd, peer);
}

void peer_done(struct varlink_peer *peer)
{
	free(peer->groups);
	*peer = (struct varlink_peer){};
}
