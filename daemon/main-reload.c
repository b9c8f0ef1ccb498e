/* SPDX-License-Identifier: MIT */
#include "main-reload.h"

#include "cleanup.h"
#include "log.h"
#include "main-watch.h"
#include "node/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

/* A client that waits for a load; IS_LOADING once a load that began after its call is at work. */
struct waiter {
	struct varlink_call *call;
	bool is_loading;
};

struct reload {
	struct in_force *in_force;
	struct methods *methods;
	void (*loaded)(void *userdata);
	void *userdata;
	struct loader *loader;
	struct watch *watch;
	struct waiter *waiters;
	size_t n_waiters;
	bool is_announced; /* systemd was told of a reload that has not ended */
};

DEFINE_CLEANUP(struct reload *, reload_free)

void in_force_done(struct in_force *in_force)
{
	config_done(&in_force->config);
	node_state_done(&in_force->state);
}

static int describe(const struct pool *pool, char **ret)
{
	const struct finding *error = findings_first_error(&pool->findings);
	_cleanup_(freep) char *reason = NULL;

	if (pool->valid)
		return asprintf(ret,
				"pool %s: %" PRIu32 ":%" PRIu32 ", %" PRIu32 " units of %" PRIu32,
				pool->name, pool->range.start, pool->range.count,
				pool_capacity(pool), pool->unit);
	if (!error || finding_describe(error, &reason) < 0)
		return -ENOMEM;
	return asprintf(ret, "pool %s is invalid: %s (%s; see subidctl check)", pool->name, reason,
			finding_rule_name(error->rule));
}

/* Says what a pool is, if it is not what it was. */
static void log_pool(const struct pool *before, const struct pool *after)
{
	_cleanup_(freep) char *old = NULL;
	_cleanup_(freep) char *new = NULL;

	if (before && describe(before, &old) < 0)
		old = NULL;
	if (describe(after, &new) < 0)
		new = NULL;
	if (new && (!old || strcmp(old, new) != 0))
		log_line(after->valid ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s", new);
}

static void log_pools(const struct pools *before, const struct pools *after)
{
	for (size_t i = 0; i < after->n_items; i++)
		log_pool(pools_find(before, after->items[i].name), &after->items[i]);
}

static bool names(const struct node_state *state, const char *writer)
{
	for (size_t i = 0; i < state->n_unknown_writers; i++)
		if (strcmp(state->unknown_writers[i], writer) == 0)
			return true;
	return false;
}

static void log_unknown_writers(const struct node_state *before, const struct node_state *after)
{
	for (size_t i = 0; i < after->n_unknown_writers; i++)
		if (!names(before, after->unknown_writers[i]))
			log_line(LOG_LEVEL_WARNING,
				 "AllowUsers= or AllowGroups= names %s, which no account has",
				 after->unknown_writers[i]);
}

int in_force_take(struct in_force *in_force, struct allocator *allocator,
		  struct load_result *result)
{
	struct moment now;
	int r;

	clock_now(&now);
	r = allocator_set_pools(allocator, &result->state.pools, now);

	if (r < 0)
		return r;
	log_pools(&result->state.pools, allocator_pools(allocator));
	log_unknown_writers(&in_force->state, &result->state);
	pools_done(&result->state.pools);
	node_state_done(&in_force->state);
	in_force->state = result->state;
	result->state = (struct node_state){};
	if (result->kind == LOAD_CONFIG) {
		config_done(&in_force->config);
		in_force->config = result->config;
		result->config = (struct config){};
	}
	return 0;
}

static void watch_inputs(struct reload *reload)
{
	const struct node_state *state = &reload->in_force->state;
	int r = watch_set(reload->watch, state->inputs, state->n_inputs);

	if (r < 0)
		log_line(LOG_LEVEL_WARNING,
			 "cannot watch all of the node's files (%s): reload after a change",
			 strerror(-r));
}

static bool same_inputs(const struct node_state *a, const struct node_state *b)
{
	if (a->n_inputs != b->n_inputs)
		return false;
	for (size_t i = 0; i < a->n_inputs; i++)
		if (strcmp(a->inputs[i], b->inputs[i]) != 0)
			return false;
	return true;
}

/* The watch is set again before the files are read, so that no change falls between. */
static void on_changed(void *userdata)
{
	struct reload *reload = userdata;

	log_line(LOG_LEVEL_DEBUG, "the node's files have changed");
	watch_inputs(reload);
	loader_request(reload->loader, LOAD_FILES);
}

static int answer(struct reload *reload, struct varlink_call *call,
		  const struct load_result *result, int r)
{
	if (r == 0)
		return methods_reply_reload(reload->methods, call);
	if (result->error == 0)
		return methods_refuse_store(reload->methods, call);
	if (result->error != -EINVAL)
		return result->error;
	return methods_refuse_reload(call, result->refusal.message, result->refusal.file,
				     result->refusal.line);
}

/* Those who asked while this load was at work wait for the next one, which begins now. */
static void answer_waiters(struct reload *reload, const struct load_result *result, int r)
{
	size_t n_left = 0;

	for (size_t i = 0; i < reload->n_waiters; i++) {
		struct waiter *waiter = &reload->waiters[i];

		if (!waiter->is_loading)
			reload->waiters[n_left++] = (struct waiter){ waiter->call, true };
		else if (answer(reload, waiter->call, result, r) < 0)
			varlink_give_up(waiter->call);
	}
	reload->n_waiters = n_left;
}

static int take_over(struct reload *reload, struct load_result *result)
{
	bool is_same = same_inputs(&reload->in_force->state, &result->state);
	int r = in_force_take(reload->in_force, reload->methods->allocator, result);

	if (r < 0) {
		log_line(LOG_LEVEL_ERROR, "cannot take the pools over: %s",
			 allocator_message(reload->methods->allocator));
		return r;
	}
	reload->loaded(reload->userdata);
	if (!is_same) {
		/* they may have changed between the load and the watch */
		watch_inputs(reload);
		loader_request(reload->loader, LOAD_FILES);
	}
	return 0;
}

static void on_loaded(struct load_result *result, void *userdata)
{
	struct reload *reload = userdata;
	int r = result->error;

	if (r == -EINVAL)
		load_log_refusal(&result->refusal, "; the configuration in force stays");
	else if (r < 0)
		log_line(LOG_LEVEL_ERROR, "cannot load: %s", strerror(-r));
	else
		r = take_over(reload, result);
	answer_waiters(reload, result, r);
	if (reload->is_announced && result->kind == LOAD_CONFIG &&
	    !loader_is_wanted(reload->loader, LOAD_CONFIG)) {
		reload->is_announced = false;
		sd_notify(false, "READY=1");
	}
}

int reload_new(sd_event *event, const char *config_file, const char *root,
	       struct in_force *in_force, struct methods *methods, void (*loaded)(void *userdata),
	       void *userdata, struct reload **ret)
{
	_cleanup_(reload_freep) struct reload *reload = calloc(1, sizeof(*reload));
	int r;

	if (!reload)
		return -ENOMEM;
	reload->in_force = in_force;
	reload->methods = methods;
	reload->loaded = loaded;
	reload->userdata = userdata;
	r = loader_new(event, config_file, root, &in_force->config, on_loaded, reload,
		       &reload->loader);
	if (r >= 0)
		r = watch_new(event, on_changed, reload, &reload->watch);
	if (r < 0)
		return r;
	on_changed(reload);
	*ret = take_ptr(reload);
	return 0;
}

void reload_free(struct reload *reload)
{
	if (!reload)
		return;
	watch_free(reload->watch);
	loader_free(reload->loader);
	free(reload->waiters);
	free(reload);
}

/* As Type=notify-reload of newer systemd wants it (sd_notify(3)). */
static void announce(struct reload *reload)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	reload->is_announced = true;
	sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void reload_start(struct reload *reload)
{
	announce(reload);
	loader_request(reload->loader, LOAD_CONFIG);
}

static void on_cancelled(struct varlink_call *call, void *userdata)
{
	struct reload *reload = userdata;
	size_t n_left = 0;

	for (size_t i = 0; i < reload->n_waiters; i++)
		if (reload->waiters[i].call != call)
			reload->waiters[n_left++] = reload->waiters[i];
	reload->n_waiters = n_left;
}

int reload_for_call(struct reload *reload, struct varlink_call *call)
{
	struct waiter *waiters = reallocarray(reload->waiters, reload->n_waiters + 1,
					      sizeof(*waiters));

	if (!waiters)
		return -ENOMEM;
	reload->waiters = waiters;
	announce(reload);
	waiters[reload->n_waiters++] = (struct waiter){
		.call = call,
		.is_loading = loader_request(reload->loader, LOAD_CONFIG),
	};
	varlink_keep(call, on_cancelled, reload);
	return 0;
}
