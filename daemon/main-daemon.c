/* SPDX-License-Identifier: MIT */
#include "main-daemon.h"

#include "cleanup.h"
#include "log.h"
#include "main-daemon-private.h"
#include "main-restore.h"
#include "main-socket.h"
#include "node/clock.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define SOCKET_GROUP "subidd"
#define OWN_FILES 64	    /* descriptors for the database, the node's files and getsubids(1) */
#define PROCESS_FILES 16384 /* at most, for the processes that allocations are tied to */

static void daemon_done(struct daemon *d)
{
	if (d->has_socket)
		unlink(d->options->socket);
	server_free(d->server);
	reload_free(d->reload);
	life_free(d->life);
	allocator_free(d->allocator);
	in_force_done(&d->in_force);
	sd_event_unref(d->event);
}

/* Logs what failed and returns the status to exit with. */
static int fail(int r, const char *what)
{
	log_line(LOG_LEVEL_ERROR, "%s: %s", what, strerror(-r));
	return STATUS_FAILURE;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *d = userdata;

	(void)source;
	(void)info;
	reload_start(d->reload);
	return 0;
}

/* The signals are blocked before any thread is made, so that none of them gets one. */
static int set_up_event(struct daemon *d)
{
	sigset_t signals;
	int r;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	r = sd_event_default(&d->event);
	if (r >= 0)
		r = sd_event_set_signal_exit(d->event, true);
	if (r >= 0)
		r = sd_event_set_watchdog(d->event, true);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	return r < 0 ? r : 0;
}

static int open_allocator(struct daemon *d)
{
	_cleanup_(freep) char *message = NULL;
	char boot_id[BOOT_ID_LENGTH + 1];
	struct moment now;
	struct store *store;
	int r = make_parents(d->options->state_dir);

	if (r < 0)
		return fail(r, d->options->state_dir);
	r = store_open(d->options->state_dir, &store, &message);
	if (r != 0) {
		log_line(LOG_LEVEL_ERROR, "%s%s", message ? message : strerror(ENOMEM),
			 r == -EACCES ? ": be root, or try --root DIR" : "");
		return restore_status(r);
	}
	r = clock_init();
	if (r >= 0)
		r = clock_boot_id(boot_id);
	if (r >= 0) {
		clock_now(&now);
		r = allocator_new(store, boot_id, now, &d->allocator);
	}
	if (r < 0) {
		store_free(store);
		fail(r, d->options->state_dir);
		return r == -EUCLEAN ? STATUS_CORRUPT : STATUS_FAILURE;
	}
	return STATUS_OK;
}

/* The first load is waited for: without pools there is nothing to hand out. */
static int load(struct daemon *d)
{
	_cleanup_(load_result_done) struct load_result result = {};
	int r;

	loader_run(LOAD_CONFIG, d->options->config, d->options->root, NULL, &result);
	if (result.error == -EINVAL) {
		load_log_refusal(&result.refusal, "");
		return STATUS_CONFIGURATION;
	}
	if (result.error < 0)
		return fail(result.error, "cannot load");
	r = in_force_take(&d->in_force, d->allocator, &result);
	if (r >= 0)
		return STATUS_OK;
	log_line(LOG_LEVEL_ERROR, "cannot keep the pools in %s: %s", d->options->state_dir,
		 strerror(-r));
	return r == -EUCLEAN ? STATUS_CORRUPT : STATUS_FAILURE;
}

/* Raises the limit of descriptors as far as they can be used, and returns it. */
static size_t get_file_limit(size_t wanted)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return OWN_FILES;
	if (files.rlim_cur < wanted) {
		files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return files.rlim_cur < wanted ? files.rlim_cur : wanted;
}

/*
 * Connections must leave descriptors for the node's files, or a pool would become invalid because
 * of its clients. What is left is for the processes of allocations, which can do without.
 */
static struct server_limits get_limits(size_t *ret_most_processes)
{
	struct server_limits limits = server_default_limits;
	size_t n = get_file_limit(OWN_FILES + limits.connections + PROCESS_FILES);

	n = n > OWN_FILES ? n - OWN_FILES : 1;
	if (n < limits.connections)
		limits.connections = n;
	*ret_most_processes = n - limits.connections;
	return limits;
}

static int set_up_server(struct daemon *d)
{
	struct server_hooks hooks = daemon_server_hooks(d);
	struct server_limits limits;
	size_t most_processes;
	struct moment now;
	int r;

	clock_now(&now);
	d->methods = (struct methods){
		.allocator = d->allocator,
		.version = VERSION,
		.started_at = now.wall,
	};
	daemon_set_method_hooks(d, &d->methods);
	d->service = (struct varlink_service){
		.vendor = "The subidd authors",
		.product = "subidd",
		.version = VERSION,
		.url = "https://subidd.example",
		.interfaces = d->interface_list,
		.n_interfaces = ELEMENTS_OF(d->interface_list),
	};
	d->interfaces[0] = varlink_service_interface(&d->service);
	d->interfaces[1] = methods_interface(&d->methods);
	d->interface_list[0] = &d->interfaces[0];
	d->interface_list[1] = &d->interfaces[1];
	limits = get_limits(&most_processes);
	r = life_new(d->event, d->allocator, most_processes, daemon_changed, d, &d->life);
	if (r < 0)
		return r;
	return server_new(d->event, d->interface_list, ELEMENTS_OF(d->interface_list), &limits,
			  &hooks, &d->server);
}

/* The group is only looked up where the socket is the system's. */
static int socket_gid(const struct options *options)
{
	const struct group *group = *options->root ? NULL : getgrnam(SOCKET_GROUP);

	if (!group && !*options->root)
		log_line(LOG_LEVEL_WARNING, "there is no group " SOCKET_GROUP
					    " to read from the socket: see systemd-sysusers(8)");
	return group ? (int)group->gr_gid : -1;
}

static int make_socket(struct daemon *d, int *ret_fd)
{
	const char *path = d->options->socket;
	int r = socket_make(path, socket_gid(d->options), ret_fd);

	if (r == SOCKET_E_IN_USE) {
		log_line(LOG_LEVEL_ERROR, "another server listens on %s", path);
		return STATUS_IN_USE;
	}
	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "cannot listen on %s: %s", path, strerror(-r));
		return STATUS_FAILURE;
	}
	d->has_socket = true;
	return STATUS_OK;
}

static int open_socket(struct daemon *d)
{
	_cleanup_(closep) int fd = -1;
	bool is_listening = true;
	int r = socket_passed(&fd, &is_listening);

	if (r < 0)
		return fail(r, "the socket that was passed cannot be used");
	if (fd < 0) {
		r = make_socket(d, &fd);
		if (r != STATUS_OK)
			return r;
	}
	d->is_one_shot = !is_listening;
	r = is_listening ? server_listen(d->server, fd) : server_add_connection(d->server, fd);
	if (r < 0)
		return fail(r, "cannot serve the socket");
	take_fd(&fd);
	return STATUS_OK;
}

/*
 * What has happened since the last time is on disk before the first client is answered. On a disk
 * that takes nothing, what is known can still be asked for.
 */
static int catch_up(struct daemon *d)
{
	int r = life_configure(d->life, &d->in_force.config);

	if (r >= 0)
		r = life_begin(d->life);
	if (r < 0)
		return fail(r, "cannot find out what has happened");
	if (allocator_is_pending(d->allocator))
		r = allocator_commit(d->allocator);
	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "the database cannot be written: %s",
			 allocator_message(d->allocator));
	life_committed(d->life, r < 0);
	return STATUS_OK;
}

static int set_up(struct daemon *d)
{
	int r = set_up_event(d);

	if (r < 0)
		return fail(r, "cannot make an event loop");
	r = open_allocator(d);
	if (r == STATUS_OK)
		r = load(d);
	if (r != STATUS_OK)
		return r;
	r = set_up_server(d);
	if (r < 0)
		return fail(r, "cannot make a server");
	r = catch_up(d);
	if (r != STATUS_OK)
		return r;
	r = reload_new(d->event, d->options->config, d->options->root, &d->in_force, &d->methods,
		       daemon_loaded, d, &d->reload);
	if (r < 0)
		return fail(r, "cannot watch the node's files");
	return open_socket(d);
}

/* The server commits it, with all else, when it is freed. */
static void keep_clock(struct daemon *d)
{
	struct moment now;

	clock_now(&now);
	if (allocator_keep_clock(d->allocator, now) < 0)
		log_line(LOG_LEVEL_WARNING, "cannot keep the time of the releases: %s",
			 allocator_message(d->allocator));
}

int daemon_run(const struct options *options)
{
	_cleanup_(daemon_done) struct daemon d = { .options = options };
	int r;

	umask(0077);
	r = set_up(&d);
	if (r != STATUS_OK)
		return r;
	log_line(LOG_LEVEL_INFO, "subidd " VERSION " is ready");
	sd_notify(false, "READY=1");
	r = sd_event_loop(d.event);
	sd_notify(false, "STOPPING=1");
	keep_clock(&d);
	return r < 0 ? fail(r, "the event loop failed") : STATUS_OK;
}
