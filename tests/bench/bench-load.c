/* SPDX-License-Identifier: MIT */
#include "bench-load.h"

#include "bench-client.h"

#include "cleanup.h"

#include <err.h>
#include <sys/epoll.h>

#define N_EVENTS 128

struct load_client {
	struct client client;
	struct samples *took;
	double began;
	bool is_getter, is_waiting;
};

/* One run. */
struct run {
	const struct load *load;
	struct load_client *clients; /* the getter is the last one */
	uint32_t n_clients;
	uint64_t n_sent, n_done, n_gets;
	int epoll;
};

static void open_clients(struct run *run)
{
	struct message status;

	message_status(&status);
	run->clients = calloc(run->n_clients, sizeof(*run->clients));
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!run->clients || run->epoll < 0)
		err(2, "epoll_create1");
	for (uint32_t i = 0; i < run->n_clients; i++) {
		struct load_client *client = &run->clients[i];
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

		client->is_getter = i == run->load->n_clients;
		client->took = client->is_getter ? run->load->gets_took : run->load->took;
		client_open(&client->client, run->load->daemon->socket);
		client_call(&client->client, &status, NULL, NULL); /* it is accepted */
		if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->client.fd, &event) < 0)
			err(2, "epoll_ctl");
	}
}

static void close_clients(struct run *run)
{
	for (uint32_t i = 0; i < run->n_clients; i++)
		client_close(&run->clients[i].client);
	free(run->clients);
	closep(&run->epoll);
}

static void send_next(struct run *run, struct load_client *client)
{
	const struct load *load = run->load;
	struct message message;

	client->is_waiting = client->is_getter ? run->n_done < load->n_calls
					       : run->n_sent < load->n_calls;
	if (!client->is_waiting)
		return;
	if (client->is_getter) {
		/* 7,919 is a prime: all of them in turn, in no order */
		message_pod(&message, "Get", load->first_pod + run->n_gets++ * 7919 % load->n_pods);
	} else {
		message_pod(&message, "Allocate", load->daemon->next_pod++);
		run->n_sent++;
	}
	client->began = clock_usec();
	client_send(&client->client, &message);
}

static void receive(struct run *run, struct load_client *client)
{
	const char *reply;
	size_t size;

	client_read(&client->client);
	reply = client_take(&client->client, &size);
	if (!reply)
		return;
	if (client->took)
		samples_add(client->took, clock_usec() - client->began);
	reply_check(reply);
	run->n_done += !client->is_getter;
	send_next(run, client);
}

/* A client that still waits keeps it going, also the one that gets. */
static bool is_done(const struct run *run)
{
	if (run->n_done < run->load->n_calls)
		return false;
	return !run->load->gets_took || !run->clients[run->n_clients - 1].is_waiting;
}

double load_run(const struct load *load)
{
	struct run run = { .load = load, .n_clients = load->n_clients + !!load->gets_took };
	struct epoll_event events[N_EVENTS];
	double began, ended = 0;

	open_clients(&run);
	began = clock_usec();
	for (uint32_t i = 0; i < run.n_clients; i++)
		send_next(&run, &run.clients[i]);
	while (!is_done(&run)) {
		int n = epoll_wait(run.epoll, events, N_EVENTS, -1);

		if (n < 0)
			err(2, "epoll_wait");
		for (int i = 0; i < n; i++)
			receive(&run, events[i].data.ptr);
		if (ended == 0 && run.n_done == load->n_calls)
			ended = clock_usec();
	}
	close_clients(&run);
	return ended - began;
}
