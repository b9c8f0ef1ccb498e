/* SPDX-License-Identifier: MIT */
#include "main-loader.h"

#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

struct loader {
	const char *config_file, *root;
	const struct config *config;
	void (*loaded)(struct load_result *result, void *userdata);
	void *userdata;
	int done_fd; /* eventfd(2): the thread has ended */
	sd_event_source *done_source;
	bool is_running;
	bool is_wanted; /* one more load after this one */
	enum load_kind wanted_kind;
	pthread_t thread;
	bool is_threaded;	   /* false: no thread could be made, and it was done in place */
	struct load_result result; /* the thread's own from its start to its end */
};

DEFINE_CLEANUP(struct loader *, loader_free)

void load_result_done(struct load_result *result)
{
	config_error_done(&result->refusal);
	config_done(&result->config);
	node_state_done(&result->state);
}

void load_log_refusal(const struct config_error *refusal, const char *tail)
{
	if (refusal->file && refusal->line)
		log_line(LOG_LEVEL_ERROR, "%s:%u: %s%s", refusal->file, refusal->line,
			 refusal->message, tail);
	else
		log_line(LOG_LEVEL_ERROR, "%s%s%s%s", refusal->file ? refusal->file : "",
			 refusal->file ? ": " : "", refusal->message, tail);
}

void loader_run(enum load_kind kind, const char *config_file, const char *root,
		const struct config *config, struct load_result *ret)
{
	*ret = (struct load_result){ .kind = kind };
	if (kind == LOAD_CONFIG) {
		ret->error = config_load(config_file, root, &ret->config, &ret->refusal);
		config = &ret->config;
	}
	if (ret->error == 0)
		ret->error = node_load(config, root, &ret->state);
}

static void *run_thread(void *userdata)
{
	struct loader *loader = userdata;

	loader_run(loader->result.kind, loader->config_file, loader->root, loader->config,
		   &loader->result);
	eventfd_write(loader->done_fd, 1);
	return NULL;
}

static void start(struct loader *loader, enum load_kind kind)
{
	loader->result = (struct load_result){ .kind = kind };
	loader->is_running = true;
	loader->is_threaded = pthread_create(&loader->thread, NULL, run_thread, loader) == 0;
	if (!loader->is_threaded)
		run_thread(loader);
}

bool loader_request(struct loader *loader, enum load_kind kind)
{
	if (!loader->is_running) {
		start(loader, kind);
		return true;
	}
	if (!loader->is_wanted || kind > loader->wanted_kind)
		loader->wanted_kind = kind;
	loader->is_wanted = true;
	return false;
}

bool loader_is_wanted(const struct loader *loader, enum load_kind kind)
{
	return loader->is_wanted && loader->wanted_kind == kind;
}

static void join(struct loader *loader)
{
	if (loader->is_threaded)
		pthread_join(loader->thread, NULL);
	loader->is_threaded = false;
}

/* What is asked for while the result is taken over waits as well. */
static int on_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loader *loader = userdata;
	eventfd_t count;

	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	join(loader);
	loader->loaded(&loader->result, loader->userdata);
	load_result_done(&loader->result);
	loader->is_running = false;
	if (loader->is_wanted) {
		loader->is_wanted = false;
		start(loader, loader->wanted_kind);
	}
	return 0;
}

int loader_new(sd_event *event, const char *config_file, const char *root,
	       const struct config *config,
	       void (*loaded)(struct load_result *result, void *userdata), void *userdata,
	       struct loader **ret)
{
	_cleanup_(loader_freep) struct loader *loader = calloc(1, sizeof(*loader));
	int r;

	if (!loader)
		return -ENOMEM;
	loader->config_file = config_file;
	loader->root = root;
	loader->config = config;
	loader->loaded = loaded;
	loader->userdata = userdata;
	loader->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loader->done_fd < 0)
		return -errno;
	r = sd_event_add_io(event, &loader->done_source, loader->done_fd, EPOLLIN, on_done, loader);
	if (r < 0)
		return r;
	*ret = take_ptr(loader);
	return 0;
}

void loader_free(struct loader *loader)
{
	if (!loader)
		return;
	join(loader);
	sd_event_source_disable_unref(loader->done_source);
	closep(&loader->done_fd);
	load_result_done(&loader->result);
	free(loader);
}
