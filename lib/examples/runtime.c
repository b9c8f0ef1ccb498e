/* SPDX-License-Identifier: MIT */

/*
 * What a container runtime asks of subidd: a range when it creates a pod, and to take it back when
 * it has deleted the pod.
 *
 *     cc -o runtime runtime.c $(pkg-config --cflags --libs libsubidd)
 *     ./runtime create POD     prints what belongs into "linux" of the containers' config.json
 *     ./runtime delete POD
 *
 * A socket other than the daemon's own may stand behind the pod.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <subidd.h>

#define TIMEOUT UINT64_C(10000000) /* microseconds */

/* What whoever runs the node can do about a failure. */
static const char *advice(const struct subidd_client *client, int error)
{
	if (error == -EUCLEAN) /* InvalidPool */
		return "No pod gets a range until the pool is mended: see \"subidctl check\".";
	if (error == -ENOSPC) /* PoolExhausted */
		return "Delete pods, or give the pool a larger range: see \"subidctl status\".";
	if (error == -EACCES)
		return "Run this as root, or name its user in AllowUsers= of subidd.conf(5).";
	if (!subidd_client_error_name(client)) /* it was not the daemon that said so */
		return "Try again when subidd runs: see \"systemctl status subidd\".";
	return "The pod cannot be served like that.";
}

/* Says what went wrong, to be called right after the call that failed. */
static int complain(const struct subidd_client *client, int error)
{
	const char *message = subidd_client_error_message(client);

	fprintf(stderr, "runtime: %s. %s\n", message ? message : strerror(-error),
		advice(client, error));
	return error;
}

static void print_mappings(const char *name, const struct subidd_mapping *mappings, size_t n)
{
	printf("\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		printf("%s{\"containerID\":%u,\"hostID\":%u,\"size\":%u}", i > 0 ? "," : "",
		       mappings[i].container_id, mappings[i].host_id, mappings[i].size);
	printf("],");
}

static int create_pod(struct subidd_client *client, const char *pod)
{
	/* all that is not named is left out; .count = 2 * 65536 asks for more IDs, for example */
	const struct subidd_request request = { .pod = pod };
	struct subidd_result *result;
	int r;

	r = subidd_allocate(client, &request, sizeof(request), &result);
	/* the daemon was restarted in between: to ask again is safe, it is the same range */
	if (r == -ECONNRESET)
		r = subidd_allocate(client, &request, sizeof(request), &result);
	if (r < 0)
		return complain(client, r);
	printf("{");
	print_mappings("uidMappings", result->uid_mappings, result->n_uid_mappings);
	print_mappings("gidMappings", result->gid_mappings, result->n_gid_mappings);
	printf("\"namespaces\":[{\"type\":\"user\"}]}\n");
	subidd_result_free(result);
	return 0;
}

/* When the last process of the pod has ended. A pod that is not known is no error. */
static int delete_pod(struct subidd_client *client, const char *pod)
{
	int r = subidd_release(client, pod, NULL);

	if (r == -ECONNRESET)
		r = subidd_release(client, pod, NULL);
	return r < 0 ? complain(client, r) : 0;
}

int main(int argc, char **argv)
{
	int is_create = argc > 2 && strcmp(argv[1], "create") == 0;
	struct subidd_client *client;
	int r;

	if (!is_create && !(argc > 2 && strcmp(argv[1], "delete") == 0)) {
		fprintf(stderr, "usage: runtime create|delete POD [SOCKET]\n");
		return 2;
	}
	r = subidd_client_new(&client, argv[3]); /* NULL: the daemon's own socket */
	if (r < 0) {
		fprintf(stderr, "runtime: %s\n", strerror(-r));
		return 1;
	}
	subidd_client_set_timeout(client, TIMEOUT);
	r = is_create ? create_pod(client, argv[2]) : delete_pod(client, argv[2]);
	subidd_client_free(client);
	return r < 0 ? 1 : 0;
}
