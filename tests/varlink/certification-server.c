/* SPDX-License-Identifier: MIT */

/*
 * org.varlink.certification on the server that subidd is made of, for clients of others:
 *
 *     certification-server [--lifetime USEC] [PATH]
 *
 * Without PATH it serves the socket that was passed to it, listening or connected, as subidd does;
 * so varlinkctl's exec: can start it. An identifier is good for USEC.
 */

#include "call.h"
#include "certification.h"
#include "cleanup.h"
#include "decimal.h"
#include "main-socket.h"
#include "server.h"
#include "walks.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

struct certification {
	sd_event *event;
	struct server *server;
	struct walks walks;
	struct varlink_interface interfaces[2];
	const struct varlink_interface *interface_list[2];
	struct varlink_service service;
	bool is_for_one; /* a connected socket was passed: leave with it */
};

static void certification_done(struct certification *c)
{
	server_free(c->server);
	sd_event_unref(c->event);
}

/* Whoever made a mistake must begin anew. */
static int refuse(struct varlink_call *call, struct walk *walk, struct json_object *wants)
{
	struct json_object *got = json_object_get(call->envelope.root), *parameters;

	if (walk)
		walk_end(walk);
	parameters = json_pack(JSON_VALUE("wants", wants), JSON_VALUE("got", got), NULL);
	return parameters ? varlink_error(call, CERTIFICATION ".CertificationError", parameters)
			  : -ENOMEM;
}

static int handle_start(struct varlink_call *call, const void *parameters, void *userdata)
{
	struct certification *c = userdata;
	struct json_object *reply;
	struct walk *walk;
	int r;

	(void)parameters;
	if (call->envelope.more || call->envelope.oneway)
		return refuse(call, NULL, make_call(step_start, NULL, NULL));
	r = walks_begin(&c->walks, &walk);
	if (r < 0)
		return r;
	reply = json_pack(JSON_STRING("client_id", walk->id), NULL);
	return reply ? varlink_reply(call, reply) : -ENOMEM;
}

static int next_reply(struct varlink_call *call, void *state)
{
	unsigned int *number = state;
	char text[REPLY_SIZE];
	struct json_object *reply;

	make_reply_text(++*number, text);
	reply = json_pack(JSON_STRING("string", text), NULL);
	if (!reply)
		return -ENOMEM;
	return *number < N_REPLIES ? varlink_notify(call, reply) : varlink_reply(call, reply);
}

static int answer(struct varlink_call *call, const struct step *step)
{
	struct json_object *reply = NULL;
	unsigned int *number;

	if (step == step_test10) {
		number = calloc(1, sizeof(*number));
		if (!number)
			return -ENOMEM;
		varlink_stream(call, next_reply, number, free);
		return 0;
	}
	if (step->make_answer) {
		reply = step->make_answer();
		if (!reply)
			return -ENOMEM;
	}
	return varlink_reply(call, reply);
}

/* Is the call the one that must come? Flags are not members of it, but those that are true are. */
static bool is_wanted(const struct varlink_call *call, const struct step *step,
		      struct json_object *wants)
{
	struct json_object *method = json_object_object_get(wants, "method");

	return strcmp(call->envelope.method, json_object_get_string(method)) == 0 &&
	       call->envelope.more == (step->flag == STEP_MORE) &&
	       call->envelope.oneway == (step->flag == STEP_ONEWAY) &&
	       is_same(call->envelope.parameters, json_object_object_get(wants, "parameters"));
}

static int handle_step(struct varlink_call *call, const void *parameters, void *userdata)
{
	const struct values *values = parameters;
	struct certification *c = userdata;
	struct walk *walk = walks_find(&c->walks, values->client_id);
	const struct step *step;
	struct json_object *before, *wants;

	if (!walk)
		return varlink_error(call, CERTIFICATION ".ClientIdError", NULL);
	step = &steps[walk->next];
	before = step[-1].make_answer ? step[-1].make_answer() : NULL;
	wants = make_call(step, walk->id, before);
	if (!wants)
		return -ENOMEM;
	if (!is_wanted(call, step, wants))
		return refuse(call, walk, wants);
	json_object_put(wants);
	walk->next++;
	if (step == step_end)
		walk_end(walk);
	return answer(call, step);
}

static enum varlink_access classify(const struct varlink_peer *peer, void *userdata)
{
	(void)peer;
	(void)userdata;
	return ACCESS_READER;
}

static void on_idle(void *userdata)
{
	struct certification *c = userdata;

	if (c->is_for_one)
		sd_event_exit(c->event, 0);
}

static int make_server(struct certification *c)
{
	static struct varlink_method methods[N_STEPS];
	const struct server_hooks hooks = { .classify = classify, .idle = on_idle, .userdata = c };
	int r;

	for (size_t i = 0; i < N_STEPS; i++)
		methods[i] = (struct varlink_method){
			.name = steps[i].name,
			.streams = steps[i].flag == STEP_MORE,
			.fields = steps[i].fields,
			.n_fields = steps[i].n_fields,
			.handle = &steps[i] == step_start ? handle_start : handle_step,
		};
	c->service = (struct varlink_service){
		.vendor = "subidd",
		.product = "Certification",
		.version = VERSION,
		.url = "https://varlink.org",
		.interfaces = c->interface_list,
		.n_interfaces = ELEMENTS_OF(c->interface_list),
	};
	c->interfaces[0] = varlink_service_interface(&c->service);
	c->interfaces[1] = (struct varlink_interface){
		.name = CERTIFICATION,
		.description = certification_interface_description,
		.methods = methods,
		.n_methods = N_STEPS,
		.userdata = c,
	};
	for (size_t i = 0; i < ELEMENTS_OF(c->interfaces); i++)
		c->interface_list[i] = &c->interfaces[i];
	r = sd_event_new(&c->event);
	if (r >= 0)
		r = sd_event_set_signal_exit(c->event, true);
	if (r < 0)
		return r;
	return server_new(c->event, c->interface_list, ELEMENTS_OF(c->interface_list),
			  &server_default_limits, &hooks, &c->server);
}

/* Takes the socket that was passed, or makes one at PATH. */
static int open_socket(struct certification *c, const char *path)
{
	bool is_listening = true;
	int fd = -1, r;

	umask(0077);
	r = path ? socket_make(path, -1, &fd) : socket_passed(&fd, &is_listening);
	if (r != 0 || fd < 0)
		return r < 0 ? r : -EADDRINUSE;
	c->is_for_one = !is_listening;
	r = is_listening ? server_listen(c->server, fd) : server_add_connection(c->server, fd);
	if (r < 0)
		close(fd);
	return r;
}

static int run(const char *path, uint64_t lifetime)
{
	_cleanup_(certification_done) struct certification c = { .walks.lifetime = lifetime };
	int r = make_server(&c);

	if (r >= 0)
		r = open_socket(&c, path);
	if (r < 0)
		return r;
	sd_notify(false, "READY=1");
	return sd_event_loop(c.event);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "lifetime", required_argument, NULL, 'l' }, {} };
	uint64_t lifetime = WALK_LIFETIME_USEC;
	int option, r;

	_Static_assert(sizeof(struct values) <= VARLINK_PARAMETERS_MAX, "the server has room");
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (option != 'l' ||
		    decimal_parse(optarg, strlen(optarg), UINT64_MAX, &lifetime) < 0)
			return 2;
	r = run(argv[optind], lifetime);
	if (r < 0)
		fprintf(stderr, "certification-server: %s\n", strerrordesc_np(-r));
	return r < 0 ? 1 : 0;
}
