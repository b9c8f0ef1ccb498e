/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include "cleanup.h"

#include <errno.h>
#include <sys/socket.h>

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
	};
	return get_groups(fd, peer);
}

void peer_done(struct varlink_peer *peer)
{
	free(peer->groups);
	*peer = (struct varlink_peer){};
}
