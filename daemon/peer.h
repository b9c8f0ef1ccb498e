/* SPDX-License-Identifier: MIT */
#pragma once

/* Who is at the other end of a UNIX socket, by SO_PEERCRED and SO_PEERGROUPS (unix(7)). */

#include "varlink.h"

/*
 * The payer is the peer's UID. Of a set-user-ID program of root that is still at work it is the UID
 * of the user who started it, who could stop it and so keep it connected (newuidmap with the
 * libsubid module). Where /proc does not show that, it is root. Returns 0 or a negative errno.
 */
int peer_init(struct varlink_peer *peer, int fd);

void peer_done(struct varlink_peer *peer);
