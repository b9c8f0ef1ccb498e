/* SPDX-License-Identifier: MIT */

/*
 * The calls of runtime.c in a program that waits for other things as well: it reads "create POD"
 * and "delete POD" from its standard input, does any number of them at once, and prints each answer
 * when it comes.
 *
 *     cc -o event-loop event-loop.c $(pkg-config --cflags --libs libsubidd)
 *     ./event-loop [SOCKET]
 *
 * With sd-event the whole of the loop is
 *
 *     sd_event_add_io(event, NULL, subidd_client_get_poll_fd(client), EPOLLIN, on_ready, client);
 *
 * and a function on_ready() that calls subidd_client_process().
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <subidd.h>
#include <unistd.h>

struct runtime {
	struct subidd_client *client;
	size_t n_open; /* answers that are to come */
	char line[256];
	size_t length;
};

/* What a callback has to know. */
struct task {
	struct runtime *runtime;
	char pod[256];
};

static void end_task(struct task *task)
{
	task->runtime->n_open--;
	fflush(stdout);
	free(task);
}

static void created(struct subidd_client *client, int error, struct subidd_result *result,
		    void *userdata)
{
	struct task *task = userdata;

	if (error < 0)
		printf("%s: %s\n", task->pod, subidd_client_error_message(client));
	else
		printf("%s: created with %u:%u\n", task->pod, result->allocation->start,
		       result->allocation->count);
	subidd_result_free(result);
	end_task(task);
}

static void deleted(struct subidd_client *client, int error, struct subidd_result *result,
		    void *userdata)
{
	struct task *task = userdata;

	if (error < 0)
		printf("%s: %s\n", task->pod, subidd_client_error_message(client));
	else
		printf("%s: deleted\n", task->pod);
	subidd_result_free(result);
	end_task(task);
}

/* Starts a call: nothing is sent yet, and nothing is waited for. */
static int start_call(struct runtime *runtime, const char *verb, struct task *task)
{
	const struct subidd_request request = { .pod = task->pod };

	if (strcmp(verb, "create") == 0)
		return subidd_start_allocate(runtime->client, &request, sizeof(request), created,
					     task, NULL);
	if (strcmp(verb, "delete") == 0)
		return subidd_start_release(runtime->client, task->pod, deleted, task, NULL);
	return -EINVAL;
}

static void take_line(struct runtime *runtime, const char *line)
{
	struct task *task = calloc(1, sizeof(*task));
	char verb[16];

	if (!task)
		return;
	task->runtime = runtime;
	runtime->n_open++;
	if (sscanf(line, "%15s %255s", verb, task->pod) != 2 ||
	    start_call(runtime, verb, task) < 0) {
		printf("%s: cannot be done\n", line);
		end_task(task);
	}
}

/* Takes what stands in the standard input. Returns 0 at its end. */
static int read_input(struct runtime *runtime)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] == '\n') {
			runtime->line[runtime->length] = '\0';
			runtime->length = 0;
			take_line(runtime, runtime->line);
		} else if (runtime->length < sizeof(runtime->line) - 1) {
			runtime->line[runtime->length++] = bytes[i];
		}
	return n > 0;
}

static void run(struct runtime *runtime)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = subidd_client_get_poll_fd(runtime->client), .events = POLLIN },
	};

	while (fds[0].fd >= 0 || runtime->n_open > 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && !read_input(runtime))
			fds[0].fd = -1; /* poll(2) passes over it */
		if (fds[1].revents)
			subidd_client_process(runtime->client);
	}
}

int main(int argc, char **argv)
{
	struct runtime runtime = { 0 };
	int r = subidd_client_new(&runtime.client, argc > 1 ? argv[1] : NULL);

	if (r < 0 || subidd_client_get_poll_fd(runtime.client) < 0) {
		fprintf(stderr, "event-loop: cannot begin\n");
		return 1;
	}
	run(&runtime);
	subidd_client_free(runtime.client);
	return 0;
}
