/* SPDX-License-Identifier: MIT */

/*
 * Started calls under sd-event: one client hears what happens while another one has N pods come and
 * go, all at once. Ends with one line that counts both. Arguments: the socket, N.
 */

#include "subidd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#define PODS_MAX 1000

static struct {
	sd_event *event;
	struct subidd_client *worker;
	size_t n_pods, n_created, n_deleted; /* by the worker's callbacks */
	size_t n_allocated, n_released;	     /* by events */
	uint64_t sequence;		     /* of the last event */
	char names[PODS_MAX][32];
} test;

static void fail(const struct subidd_client *client, const char *what)
{
	const char *message = subidd_client_error_message(client);

	fprintf(stderr, "%s: %s\n", what, message ? message : "it must not be like that");
	sd_event_exit(test.event, 1);
}

static void end_if_done(void)
{
	if (test.n_deleted == test.n_pods && test.n_released == test.n_pods)
		sd_event_exit(test.event, 0);
}

static void deleted(struct subidd_client *client, int error, struct subidd_result *result,
		    void *userdata)
{
	if (error < 0 || !result->released)
		fail(client, userdata);
	subidd_result_free(result);
	test.n_deleted++;
	end_if_done();
}

static void created(struct subidd_client *client, int error, struct subidd_result *result,
		    void *userdata)
{
	if (error < 0 || strcmp(result->allocation->pod, userdata) != 0 ||
	    subidd_start_release(client, userdata, deleted, userdata, NULL) < 0)
		fail(client, userdata);
	subidd_result_free(result);
	test.n_created++;
}

static void start_work(void)
{
	for (size_t i = 0; i < test.n_pods; i++) {
		const struct subidd_request request = { .pod = test.names[i] };

		snprintf(test.names[i], sizeof(test.names[i]), "pod-%zu", i);
		if (subidd_start_allocate(test.worker, &request, sizeof(request), created,
					  test.names[i], NULL) < 0)
			fail(test.worker, test.names[i]);
	}
}

static void happened(struct subidd_client *client, int r, const struct subidd_event *event,
		     void *userdata)
{
	(void)userdata;
	if (r == -EAGAIN) { /* all that happens from now on comes */
		start_work();
		return;
	}
	if (r <= 0 || event->sequence <= test.sequence) {
		fail(client, "monitor");
		return;
	}
	test.sequence = event->sequence;
	test.n_allocated += event->kind == SUBIDD_EVENT_ALLOCATED;
	test.n_released += event->kind == SUBIDD_EVENT_RELEASED;
	end_if_done();
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	return subidd_client_process(userdata);
}

static struct subidd_client *attach(const char *socket)
{
	struct subidd_client *client;

	if (subidd_client_new(&client, socket) < 0 ||
	    sd_event_add_io(test.event, NULL, subidd_client_get_poll_fd(client), EPOLLIN, on_ready,
			    client) < 0)
		exit(1);
	return client;
}

int main(int argc, char **argv)
{
	struct subidd_client *watcher;
	int r;

	if (argc != 3 || sd_event_new(&test.event) < 0)
		return 1;
	test.n_pods = strtoul(argv[2], NULL, 10);
	if (test.n_pods > PODS_MAX)
		return 1;
	watcher = attach(argv[1]);
	test.worker = attach(argv[1]);
	if (subidd_start_monitor(watcher, happened, NULL, NULL) < 0)
		return 1;
	r = sd_event_loop(test.event);
	sd_event_unref(test.event);
	subidd_client_free(watcher);
	subidd_client_free(test.worker);
	printf("%zu created, %zu deleted, %zu allocated, %zu released\n", test.n_created,
	       test.n_deleted, test.n_allocated, test.n_released);
	return r;
}
