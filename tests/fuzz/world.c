/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "fuzz.h"
#include "world-rows.h"
#include "world-store.h"

#include "allocator-private.h"
#include "cleanup.h"
#include "methods.h"
#include "node/clock.h"
#include "node/process.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define RUNS_MAX 100000
#define PROCESSES_MAX 8
#define BOOT_ID "11111111-1111-1111-1111-111111111111"

struct world {
	sd_event *event;
	struct server *server;
	struct store *store;
	struct allocator *allocator;
	struct methods methods;
	struct varlink_interface own, service_interface;
	const struct varlink_interface *interfaces[2];
	struct varlink_service service;
	enum varlink_access access;
};

static struct moment the_time;

void __wrap_clock_now(struct moment *ret);
int __wrap_process_identify(uint32_t pid, struct process *ret);
int __wrap_process_read_maps(const struct process *process, struct idmap ret[2]);

void __wrap_clock_now(struct moment *ret)
{
	the_time.wall++;
	the_time.boot++;
	*ret = the_time;
}

int __wrap_process_identify(uint32_t pid, struct process *ret)
{
	if (pid > PROCESSES_MAX)
		return -ESRCH;
	*ret = (struct process){ .pid = pid, .start = pid, .boot = BOOT_ID };
	return 0;
}

/* A process maps the unit of its number, as the GIDs of its namespace; the last one has none. */
int __wrap_process_read_maps(const struct process *process, struct idmap ret[2])
{
	const struct idmap all = { .hosts = { { 0, UINT32_MAX } }, .n_hosts = 1, .is_full = true };

	ret[0] = ret[1] = all;
	if (process->pid < PROCESSES_MAX)
		ret[1] = (struct idmap){ .hosts = { { process->pid * WORLD_UNIT, WORLD_UNIT } },
					 .n_hosts = 1 };
	return 0;
}

static struct moment now(void)
{
	struct moment moment;

	__wrap_clock_now(&moment);
	return moment;
}

static void set_pools(struct world *world)
{
	struct pools pools = { calloc(2, sizeof(struct pool)), 2 };

	CHECK(pools.items);
	strcpy(pools.items[0].name, "kubelet");
	strcpy(pools.items[0].owner, "kubelet");
	pools.items[0].range = (struct id_range){ WORLD_UNIT, WORLD_UNITS * WORLD_UNIT };
	strcpy(pools.items[1].name, "wide");
	strcpy(pools.items[1].owner, "wide");
	pools.items[1].range = (struct id_range){ 64 * WORLD_UNIT, 6 * WORLD_UNIT };
	for (size_t i = 0; i < pools.n_items; i++) {
		pools.items[i].valid = true;
		pools.items[i].unit = i == 0 ? WORLD_UNIT : 2 * WORLD_UNIT;
	}
	CHECK(allocator_set_pools(world->allocator, &pools, now()) == 0);
	pools_done(&pools);
}

static void open_allocator(struct world *world)
{
	const struct allocator_settings settings = {
		.quota = 4,
		.reuse_delay = 3 * PASS_GAP_USEC / 2,
		.blind_drain = 2 * PASS_GAP_USEC,
		.history_events = 1000,
	};

	CHECK(allocator_new(world->store, BOOT_ID, now(), &world->allocator) == 0);
	allocator_set_settings(world->allocator, &settings);
	set_pools(world);
	world->methods.allocator = world->allocator;
}

/* The store stays open. */
static void close_allocator(struct world *world)
{
	world->allocator->store = NULL;
	allocator_free(world->allocator);
}

static enum varlink_access classify(const struct varlink_peer *peer, void *userdata)
{
	const struct world *world = userdata;

	(void)peer;
	return world->access;
}

static bool is_pending(void *userdata)
{
	const struct world *world = userdata;

	return allocator_is_pending(world->allocator);
}

static const char *commit(struct json_object **ret_parameters, void *userdata)
{
	struct world *world = userdata;

	(void)ret_parameters;
	CHECK(allocator_commit(world->allocator) == 0);
	return NULL;
}

static void on_committed(void *userdata)
{
	struct world *world = userdata;

	methods_committed(&world->methods);
}

static void count_clients(struct methods_clients *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_clients){};
}

static void describe_scan(struct methods_scan *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_scan){};
}

static const struct findings *find_runtime(const char *pool, void *userdata)
{
	(void)pool;
	(void)userdata;
	return NULL;
}

static int reload(struct varlink_call *call, void *userdata)
{
	struct world *world = userdata;

	return methods_reply_reload(&world->methods, call);
}

static void start_server(struct world *world)
{
	const struct server_hooks hooks = {
		.classify = classify,
		.is_pending = is_pending,
		.commit = commit,
		.committed = on_committed,
		.userdata = world,
	};
	struct server_limits limits = server_default_limits;

	limits.reader_message = limits.writer_message = WORLD_MESSAGE_MAX;
	limits.timeout_usec = UINT64_C(3600000000);
	CHECK(server_new(world->event, world->interfaces, 2, &limits, &hooks, &world->server) == 0);
	server_commit_soon(world->server); /* the pools are new */
}

struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	CHECK(world);
	world->store = world_store_begin();
	the_time = (struct moment){ 1700000000000000, 1000000000 };
	world->methods = (struct methods){
		.version = "fuzz",
		.count_clients = count_clients,
		.describe_scan = describe_scan,
		.find_runtime = find_runtime,
		.reload = reload,
		.userdata = world,
	};
	world->access = ACCESS_ROOT;
	world->own = methods_interface(&world->methods);
	world->service = (struct varlink_service){ "v", "p", "1", "u", world->interfaces, 2 };
	world->service_interface = varlink_service_interface(&world->service);
	world->interfaces[0] = &world->own;
	world->interfaces[1] = &world->service_interface;
	CHECK(sd_event_new(&world->event) >= 0);
	open_allocator(world);
	start_server(world);
	return world;
}

void world_free(struct world *world)
{
	server_free(world->server);
	CHECK(!world->methods.watchers);
	close_allocator(world);
	sd_event_unref(world->event);
	free(world);
}

void world_set_access(struct world *world, enum varlink_access access)
{
	world->access = access;
}

int world_connect(struct world *world)
{
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	CHECK(server_add_connection(world->server, fds[1]) == 0);
	return fds[0];
}

void world_run(struct world *world)
{
	for (int i = 0, r; (r = sd_event_run(world->event, 0)) != 0; i++)
		CHECK(r > 0 && i < RUNS_MAX);
	CHECK(!allocator_is_pending(world->allocator));
}

/* All ends with what the event loop does in any case. */
static void changed(struct world *world)
{
	server_commit_soon(world->server);
}

static struct id_range range_of(uint32_t unit)
{
	return (struct id_range){ (unit + 1) * WORLD_UNIT, WORLD_UNIT };
}

static void drain(struct world *world)
{
	int r;

	while ((r = allocator_drain(world->allocator, now())) == 1)
		;
	CHECK(r == 0);
	changed(world);
}

void world_pass(struct world *world, int unit)
{
	struct claims_draft draft = {};
	struct pass pass = {};
	struct claim *claim;
	bool is_new;

	the_time.wall += PASS_GAP_USEC;
	the_time.boot += PASS_GAP_USEC;
	if (unit >= 0)
		CHECK(claims_draft_add(&draft, range_of((uint32_t)unit), 77, &claim, &is_new) == 0);
	CHECK(claims_draft_finish(&draft, &pass.claims) == 0);
	pass.began = pass.ended = now().boot;
	CHECK(allocator_take_pass(world->allocator, &pass) == 0);
	drain(world);
}

void world_lose_sight(struct world *world)
{
	the_time.wall += PASS_GAP_USEC;
	the_time.boot += PASS_GAP_USEC;
	allocator_lose_sight(world->allocator, now());
	drain(world);
}

void world_adopt(struct world *world, int pod, uint32_t unit)
{
	struct allocation other;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "pod%d", pod);
	r = allocator_adopt(world->allocator, "kubelet", name, range_of(unit), now(), &other);
	CHECK(r == 0 || r == ALLOCATOR_E_CONFLICT);
	changed(world);
}

void world_vanish(struct world *world, int pod)
{
	char name[16];

	snprintf(name, sizeof(name), "pod%d", pod);
	CHECK(allocator_vanish(world->allocator, name, now()) == 0);
	changed(world);
}

struct tied {
	struct allocation row;
	uint32_t pid;
};

static int find_tied(const struct allocation *row, void *userdata)
{
	struct tied *tied = userdata;

	CHECK(row->state == ALLOCATION_ACTIVE && row->process.pid > 0);
	if (row->process.pid != tied->pid)
		return 0;
	tied->row = *row;
	return 1;
}

void world_end_process(struct world *world, uint32_t pid)
{
	struct tied tied = { .pid = pid };
	bool released = false;

	if (allocator_each_bound(world->allocator, find_tied, &tied) == 0)
		return;
	CHECK(allocator_process_ended(world->allocator, tied.row.pod, &tied.row.process, now(),
				      &released) == 0);
	CHECK(released);
	changed(world);
}

void world_check(struct world *world)
{
	rows_check(world->allocator, world->store, now());
}

void world_restart(struct world *world)
{
	_cleanup_(freep) char *before = rows_dump(world->allocator, world->store);
	_cleanup_(freep) char *after = NULL;

	server_free(world->server);
	allocator_free(world->allocator);
	world->store = world_store_reopen();
	open_allocator(world);
	start_server(world);
	world_run(world);
	after = rows_dump(world->allocator, world->store);
	CHECK(strcmp(before, after) == 0);
}
