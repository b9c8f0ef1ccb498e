/* SPDX-License-Identifier: MIT */
#pragma once

/* The socket that clients come in by: one passed by systemd (sd_listen_fds(3)), or an own one. */

#include <stdbool.h>

enum socket_error { SOCKET_E_IN_USE = 1 };

/*
 * The descriptor that systemd passed, in *ret_fd, -1 if it passed none. *ret_is_listening tells a
 * listening socket from one that is already connected (SO_ACCEPTCONN). Returns 0; -EINVAL if it is
 * no UNIX stream socket or there are several; or another negative errno.
 */
int socket_passed(int *ret_fd, bool *ret_is_listening);

/*
 * Makes a listening socket at PATH, mode 0660, and the folders above it if they are missing. GID is
 * given to it if it is not -1 and that is permitted. A socket that nobody listens on any more is
 * replaced. The umask must be 0077. Returns 0; SOCKET_E_IN_USE if somebody does; or a negative
 * errno: -EEXIST if PATH is something else, -ENAMETOOLONG.
 */
int socket_make(const char *path, int gid, int *ret_fd);

/* Makes the folders above PATH that are missing, open to all readers. 0 or a negative errno. */
int make_parents(const char *path);
