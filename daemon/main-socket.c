/* SPDX-License-Identifier: MIT */
#include "main-socket.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

int socket_passed(int *ret_fd, bool *ret_is_listening)
{
	int n = sd_listen_fds(true), fd = SD_LISTEN_FDS_START, is_listening = 0, r;
	socklen_t size = sizeof(is_listening);

	if (n < 0)
		return n;
	if (n == 0) {
		*ret_fd = -1;
		return 0;
	}
	r = n > 1 ? 0 : sd_is_socket_unix(fd, SOCK_STREAM, -1, NULL, 0);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) < 0)
		return -errno;
	*ret_fd = fd;
	*ret_is_listening = is_listening;
	return 0;
}

int make_parents(const char *path)
{
	_cleanup_(freep) char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, 0755) == 0 ? chmod(copy, 0755) < 0 : errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* Nobody listens on a socket that refuses connections: its daemon was killed. */
static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return SOCKET_E_IN_USE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The daemon's umask keeps all others out until it belongs to its group. */
static int bind_socket(int fd, const struct sockaddr_un *address, int gid)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (gid >= 0 && chown(address->sun_path, (uid_t)-1, (gid_t)gid) < 0 && errno != EPERM)
		return -errno;
	if (chmod(address->sun_path, 0660) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return 0;
}

int socket_make(const char *path, int gid, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	r = make_parents(path);
	if (r == 0)
		r = remove_stale(&address);
	if (r != 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_socket(fd, &address, gid);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}
