/* SPDX-License-Identifier: MIT */
#include "main-daemon-private.h"

#include "log.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

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

	d->has_commit_failed = r < 0;
	if (r == 0)
		return NULL;
	log_line(LOG_LEVEL_ERROR, "the database cannot be written: %s",
		 allocator_message(d->allocator));
	return methods_store_failed(&d->methods, ret_parameters);
}

static void on_committed(void *userdata)
{
	struct daemon *d = userdata;

	if (d->life) /* or its making failed, and with it the start */
		life_committed(d->life, d->has_commit_failed);
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
	const struct daemon *d = userdata;
	struct upkeep_facts facts = life_get_scan(d->life);

	*ret = (struct methods_scan){
		.is_blind = facts.blindness,
		.message = facts.blindness,
		.last_at = facts.last_at,
		.processes = facts.n_processes,
		.cost = facts.cost,
	};
}

static const struct findings *find_runtime(const char *pool, void *userdata)
{
	const struct daemon *d = userdata;

	return life_findings(d->life, pool);
}

static int reload_call(struct varlink_call *call, void *userdata)
{
	struct daemon *d = userdata;

	return reload_for_call(d->reload, call);
}

struct server_hooks daemon_server_hooks(struct daemon *d)
{
	return (struct server_hooks){
		.classify = classify,
		.is_pending = is_pending,
		.commit = commit,
		.committed = on_committed,
		.idle = on_idle,
		.log = log_server,
		.userdata = d,
	};
}

void daemon_set_method_hooks(struct daemon *d, struct methods *methods)
{
	methods->count_clients = count_clients;
	methods->describe_scan = describe_scan;
	methods->find_runtime = find_runtime;
	methods->reload = reload_call;
	methods->userdata = d;
}

void daemon_changed(void *userdata)
{
	struct daemon *d = userdata;

	server_commit_soon(d->server);
}

void daemon_loaded(void *userdata)
{
	struct daemon *d = userdata;

	int r = life_configure(d->life, &d->in_force.config);

	if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot put the configuration in force: %s",
			 strerror(-r));
	server_commit_soon(d->server);
}
