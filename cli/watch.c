/* SPDX-License-Identifier: MIT */
#include "event.h"
#include "failure.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

/* The columns of events without titles. */
static const struct column columns[N_EVENT_COLUMNS] = {};

/* Prints all events that there are. Returns 0 if more may come, or a negative errno. */
static int print_events(struct subidd_event_iterator *iterator, struct table *table, bool is_json)
{
	const struct subidd_event *event;
	int r;

	while ((r = subidd_event_iterator_next(iterator, &event)) > 0) {
		if (is_json) {
			puts(event->json);
		} else {
			add_event(table, event);
			table_print(table);
		}
		fflush(stdout);
	}
	if (r == 0)
		return -ENODATA;
	return r == -EAGAIN ? 0 : r;
}

/* From here on SIGINT and SIGTERM are read from the descriptor that is returned. */
static int take_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd >= 0)
		sigprocmask(SIG_BLOCK, &signals, NULL);
	return fd < 0 ? -errno : fd;
}

/* Waits for events. Returns true; false if it is time to go: a signal came, the reader left. */
static bool wait_for_events(const struct context *context, int signals)
{
	struct pollfd fds[] = {
		{ .fd = subidd_client_get_fd(context->client), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};

	while (poll(fds, ELEMENTS_OF(fds), -1) < 0)
		if (errno != EINTR)
			return false;
	return !fds[1].revents && !fds[2].revents;
}

static enum exit_status watch(struct context *context, struct subidd_event_iterator *iterator)
{
	_cleanup_(closep) int signals = take_signals();
	_cleanup_(table_done) struct table table;
	int r;

	table_init(&table, columns, ELEMENTS_OF(columns));
	if (signals < 0) {
		complain("cannot wait for signals: %s", strerror(-signals));
		return STATUS_REFUSED;
	}
	subidd_event_iterator_set_wait(iterator, 0);
	do {
		r = print_events(iterator, &table, context->options[OPTION_JSON]);
	} while (r == 0 && !ferror(stdout) && wait_for_events(context, signals));
	if (r == -ENODATA) {
		complain("the daemon has ended the stream of events");
		return STATUS_UNREACHABLE;
	}
	return r < 0 ? failure(context, r) : STATUS_DONE;
}

static enum exit_status run(struct context *context)
{
	_cleanup_(subidd_event_iterator_freep) struct subidd_event_iterator *iterator = NULL;
	int r = subidd_monitor(context->client, &iterator);

	return r < 0 ? failure(context, r) : watch(context, iterator);
}

const struct verb watch_verb = {
	.name = "watch",
	.arguments = "",
	.summary = "show what happens",
	.help = "Shows what happens from now on, a line an event, until it is interrupted. Exit status 3 if\n"
		"the daemon goes away.\n"
		"\n"
		"With --json: an event a line.\n"
		"\n"
		"Example:\n"
		"  subidctl --json watch\n",
	.run = run,
};
