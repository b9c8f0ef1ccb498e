/* SPDX-License-Identifier: MIT */
#pragma once

/* Who is at the other end of a UNIX socket, by SO_PEERCRED and SO_PEERGROUPS (unix(7)). */

#include "varlink.h"

/* Returns 0 or a negative errno. */
int peer_init(struct varlink_peer *peer, int fd);

void peer_done(struct varlink_peer *peer);
