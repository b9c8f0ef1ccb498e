/* SPDX-License-Identifier: MIT */
#include "main-daemon.h"

#include "cleanup.h"
#include "log.h"
#include "main-reload.h"
#include "main-socket.h"
#include "node/clock.h"
#include "server.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define SOCKET_GROUP "subidd"
#define OWN_FILES 64 /* descriptors for the database, the node's files and getsubids(1) */

struct daemon {
	const struct options *options;
	sd_event *event;
	struct in_force in_force;
	struct allocator *allocator;
	struct methods methods;
	struct varlink_service service;
	struct varlink_interface interfaces[2];
	const struct varlink_interface *interface_list[2];
	struct reload *reload;
	struct server *server;
	bool is_one_shot; /* a connected socket was passed: leave when it closes */
	bool has_socket;  /* of its own, to be removed */
};

static void daemon_done(struct daemon *d)
{
	if (d->has_socket)
		unlink(d->options->socket);
	server_free(d->server);
	reload_free(d->reload);
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

static bool contains(const uint32_t *ids, size_t n_ids, uint32_t id)
{
	for (size_t i = 0; i < n_ids; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* The daemon's own user could write the database itself, so it may do what root may. */
static enum varlink_access classify(const struct varlink_peer *peer, void *userdata)
{
	const struct daemon *d = userdata;
	const struct node_state *s = &d->in_force.state;

	if (peer->uid == 0 || peer->uid == geteuid())
		return ACCESS_ROOT;
	if (contains(s->writer_uids, s->n_writer_uids, peer->uid) ||
	    contains(s->writer_gids, s->n_writer_gids, peer->gid))
		return ACCESS_WRITER;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (contains(s->writer_gids, s->n_writer_gids, peer->groups[i]))
			return ACCESS_WRITER;
	return ACCESS_READER;
}

static bool is_pending(void *userdata)
{
	const struct daemon *d = userdata;

	return allocator_is_pending(d->allocator);
}

static const char *commit(struct json_object **ret_parameters, void *userdata)
{
	struct daemon *d = userdata;
	int r = allocator_commit(d->allocator);

	if (r == 0)
		return NULL;
	log_line(LOG_LEVEL_ERROR, "the database cannot be written: %s",
		 allocator_message(d->allocator));
	return methods_store_failed(&d->methods, ret_parameters);
}

static void on_committed(void *userdata)
{
	struct daemon *d = userdata;

	methods_committed(&d->methods);
}

static void on_idle(void *userdata)
{
	struct daemon *d = userdata;

	if (d->is_one_shot)
		sd_event_exit(d->event, 0);
}

static void log_server(int level, int reason, const char *text, void *userdata)
{
	(void)userdata;
	log_line(level == LOG_WARNING ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "%s: %s", text,
		 strerror(-reason));
}

static void count_clients(struct methods_clients *ret, void *userdata)
{
	const struct daemon *d = userdata;
	struct server_counts counts = server_get_counts(d->server);

	*ret = (struct methods_clients){
		.connections = counts.connections,
		.max_connections = counts.max_connections,
		.refused = counts.refused,
		.calls = counts.calls,
	};
}

static void describe_scan(struct methods_scan *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_scan){};
}

static const struct findings *find_runtime(const char *pool, void *userdata)
{
	(void)pool;
	(void)userdata;
	return NULL;
}

static int reload_call(struct varlink_call *call, void *userdata)
{
	struct daemon *d = userdata;

	return reload_for_call(d->reload, call);
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

static const int store_statuses[] = {
	[STORE_E_LOCKED] = STATUS_IN_USE,   [STORE_E_NEWER] = STATUS_NEWER,
	[STORE_E_FOREIGN] = STATUS_FOREIGN, [STORE_E_CORRUPT] = STATUS_CORRUPT,
	[STORE_E_LOST] = STATUS_LOST,
};

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
		return r < 0 ? (int)STATUS_FAILURE : store_statuses[r];
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
		return fail(r, "cannot read the database");
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
	return r < 0 ? fail(r, "cannot take the pools over") : STATUS_OK;
}

/*
 * Connections must leave descriptors for the node's files, or a pool would become invalid because
 * of its clients.
 */
static struct server_limits get_limits(void)
{
	struct server_limits limits = server_default_limits;
	rlim_t wanted = limits.connections + OWN_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return limits;
	if (files.rlim_cur < wanted) {
		files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur < wanted)
		limits.connections = files.rlim_cur > OWN_FILES ? files.rlim_cur - OWN_FILES : 1;
	return limits;
}

static int set_up_server(struct daemon *d)
{
	struct server_limits limits = get_limits();
	struct server_hooks hooks = {
		.classify = classify,
		.is_pending = is_pending,
		.commit = commit,
		.committed = on_committed,
		.idle = on_idle,
		.log = log_server,
		.userdata = d,
	};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	d->methods = (struct methods){
		.allocator = d->allocator,
		.version = VERSION,
		.started_at = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
		.count_clients = count_clients,
		.describe_scan = describe_scan,
		.find_runtime = find_runtime,
		.reload = reload_call,
		.userdata = d,
	};
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
	r = reload_new(d->event, d->options->config, d->options->root, &d->in_force, &d->methods,
		       &d->reload);
	if (r < 0)
		return fail(r, "cannot watch the node's files");
	return open_socket(d);
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
	return r < 0 ? fail(r, "the event loop failed") : STATUS_OK;
}
