/* SPDX-License-Identifier: MIT */

/*
 * Walks through org.varlink.certification with what libsubidd is made of, at servers of others:
 *
 *     certification-client [--any-values] PATH | fd:NUMBER
 *
 * NUMBER is a descriptor of a connected socket. What was answered goes to the next call as it came.
 * Each answer must have the right types, and the values that the interface's authors chose, which
 * --any-values does not look at: not all servers have the same.
 */

#include "certification.h"
#include "cleanup.h"
#include "client.h"
#include "decimal.h"
#include "stream.h"
#include "transport.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <string.h>

DEFINE_CLEANUP(struct subidd_client *, subidd_client_free)

struct walk {
	struct subidd_client *client;
	bool any_values;
	struct json_object *id;	    /* the reply of Start */
	struct json_object *answer; /* that of the last step */
};

static void walk_done(struct walk *walk)
{
	json_object_put(walk->id);
	json_object_put(walk->answer);
}

static int fail(const struct step *step, const char *what, struct json_object *object)
{
	const char *text = object ? json_text(object, &(size_t){ 0 }) : NULL;

	fprintf(stderr, "%s: %s%s%s\n", step->name, what, text ? " " : "", text ? text : "");
	return -EPROTO;
}

/* What the library recorded, with all that the server said. */
static int fail_call(const struct step *step, const struct walk *walk)
{
	return fail(step, subidd_client_error_message(walk->client), walk->client->refusal.root);
}

static const char *client_id(const struct walk *walk)
{
	return json_object_get_string(json_object_object_get(walk->id, "client_id"));
}

/* The parameters of a call, or all of it. */
static struct json_object *make_next(const struct step *step, const struct walk *walk)
{
	return make_call(step, walk->id ? client_id(walk) : "", json_object_get(walk->answer));
}

static int check_types(const struct step *step, struct json_object *parameters)
{
	struct values values = {};
	const char *wrong;

	if (fields_decode(step->reply_fields, step->n_reply_fields, UNKNOWN_IGNORED, parameters,
			  &values, &wrong) < 0)
		return fail(step, "a field is wrong:", parameters);
	return 0;
}

/* The members of the reply that the interface names: some servers add more. */
static bool has_values(const struct step *step, struct json_object *parameters)
{
	_cleanup_(json_putp) struct json_object *wanted = step->make_answer();

	for (size_t i = 0; wanted && i < step->n_reply_fields; i++) {
		const char *name = step->reply_fields[i].name;

		if (!is_same(json_object_object_get(wanted, name),
			     json_object_object_get(parameters, name)))
			return false;
	}
	return wanted;
}

/* A result is the parameters of the one reply. */
static int decode_plain(const struct subidd_call *call, struct envelope_reply *reply, void **ret,
			const char **ret_wrong)
{
	(void)call;
	(void)ret_wrong;
	*ret = json_object_get(reply->parameters);
	return 0;
}

static int call_plain(struct walk *walk, const char *method, struct json_object *parameters,
		      struct json_object **ret)
{
	const struct call_kind kind = { .method = method, .decode = decode_plain };
	struct subidd_call *call;
	void *result = NULL;
	int r;

	r = call_new(walk->client, &kind, parameters, &call);
	if (r == 0)
		r = call_run(call, &result);
	*ret = result;
	return r;
}

static int walk_plain(struct walk *walk, const struct step *step, const char *method,
		      struct json_object *parameters)
{
	_cleanup_(json_putp) struct json_object *answer = NULL;
	int r;

	if (call_plain(walk, method, parameters, &answer) < 0)
		return fail_call(step, walk);
	r = check_types(step, answer);
	if (r < 0)
		return r;
	if (step->make_answer && !walk->any_values && !has_values(step, answer))
		return fail(step, "a value is wrong:", answer);
	if (!walk->id)
		walk->id = json_object_get(answer);
	json_object_put(walk->answer);
	walk->answer = take_ptr(answer);
	return 0;
}

static int decode_reply(struct json_object *object, void *item, const char **ret_wrong)
{
	const struct field text = { .name = "string", .type = FIELD_STRING };
	const char **ret = item;

	return fields_decode(&text, 1, UNKNOWN_IGNORED, object, ret, ret_wrong) < 0 ? -EPROTO : 0;
}

/* All replies of the stream, of which the numbers must be right, into an array. */
static int read_stream(struct walk *walk, const struct step *step, struct stream *stream,
		       struct json_object *array)
{
	char wanted[REPLY_SIZE];
	const char *text;
	unsigned int n = 0;
	int r;

	while ((r = stream_next(stream, &text)) > 0) {
		make_reply_text(++n, wanted);
		if (strcmp(text, wanted) != 0)
			return fail(step, text, NULL);
		if (json_append(array, json_object_new_string(text)) < 0)
			return -ENOMEM;
	}
	if (r < 0)
		return fail_call(step, walk);
	return n == N_REPLIES ? 0 : fail(step, "the number of replies is wrong", array);
}

static int walk_more(struct walk *walk, const struct step *step, const char *method,
		     struct json_object *parameters)
{
	const struct call_kind kind = {
		.method = method,
		.is_stream = true,
		.decode_item = decode_reply,
	};
	_cleanup_(json_putp) struct json_object *array = json_object_new_array();
	_cleanup_(stream_done) struct stream stream = {};
	int r;

	if (!array)
		return -ENOMEM;
	if (stream_open(&stream, walk->client, &kind, parameters) < 0)
		return fail_call(step, walk);
	r = read_stream(walk, step, &stream, array);
	if (r < 0)
		return r;
	json_object_put(walk->answer);
	walk->answer = json_pack(JSON_VALUE("last_more_replies", take_ptr(array)), NULL);
	return walk->answer ? 0 : -ENOMEM;
}

/* The library itself has no such calls: whoever asks for a range wants to know the answer. */
static int walk_oneway(struct walk *walk, const struct step *step, struct json_object *call)
{
	const uint64_t deadline = deadline_after(SUBIDD_TIMEOUT_DEFAULT);
	size_t left;
	const char *text = json_text(call, &left);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	for (left++; left > 0; left -= (size_t)n, text += n) {
		n = transport_send(walk->client->fd, text, left);
		if (n == -EAGAIN)
			n = transport_wait(walk->client->fd, POLLOUT, deadline);
		if (n < 0)
			return fail(step, strerrordesc_np((int)-n), NULL);
	}
	return 0;
}

static int walk_step(struct walk *walk, const struct step *step)
{
	_cleanup_(json_putp) struct json_object *call = make_next(step, walk);
	struct json_object *parameters, *method;

	client_forget(walk->client);
	if (!call)
		return fail(step, "an answer is missing:", walk->answer);
	method = json_object_object_get(call, "method");
	parameters = json_object_object_get(call, "parameters");
	switch (step->flag) {
	case STEP_PLAIN:
		return walk_plain(walk, step, json_object_get_string(method), parameters);
	case STEP_MORE:
		return walk_more(walk, step, json_object_get_string(method), parameters);
	case STEP_ONEWAY:
		return walk_oneway(walk, step, call);
	}
	return -EINVAL;
}

static int walk_all(struct subidd_client *client, bool any_values)
{
	_cleanup_(walk_done) struct walk walk = { .client = client, .any_values = any_values };
	int r;

	for (size_t i = 0; i < N_STEPS; i++) {
		r = walk_step(&walk, &steps[i]);
		if (r < 0)
			return r;
		printf("%s\n", steps[i].name);
	}
	/* A server may say that it found something wrong. */
	return has_values(step_end, walk.answer) ? 0 : fail(step_end, "not all is well", NULL);
}

/* A connection of which nothing is done anew: a server that closes it has failed. */
static int open_client(const char *address, struct subidd_client **ret)
{
	uint64_t number = 0;
	int fd, r;

	if (strncmp(address, "fd:", 3) == 0) {
		if (decimal_parse(address + 3, strlen(address + 3), INT32_MAX, &number) < 0)
			return -EINVAL;
		fd = (int)number;
	} else {
		fd = transport_path_ok(address)
			     ? transport_connect(address, deadline_after(SUBIDD_TIMEOUT_DEFAULT))
			     : -ENAMETOOLONG;
	}
	if (fd < 0)
		return fd;
	r = subidd_client_new_from_fd(ret, fd);
	if (r < 0)
		close(fd);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "any-values", no_argument, NULL, 'a' }, {} };
	_cleanup_(subidd_client_freep) struct subidd_client *client = NULL;
	bool any_values = false;
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option != 'a')
			return 2;
		any_values = true;
	}
	if (optind + 1 != argc)
		return 2;
	r = open_client(argv[optind], &client);
	if (r < 0) {
		fprintf(stderr, "certification-client: %s: %s\n", argv[optind],
			strerrordesc_np(-r));
		return 1;
	}
	return walk_all(client, any_values) < 0 ? 1 : 0;
}
