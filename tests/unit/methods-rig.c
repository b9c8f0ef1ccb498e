/* SPDX-License-Identifier: MIT */
#include "methods-rig.h"

#include "allocator.h"
#include "node/clock.h"
#include "node/process.h"

#include <errno.h>

struct methods_rig methods_rig;

const char *const allocate_outcome_names[N_ALLOCATE_OUTCOMES] = { "created", "existing",
								  "revived" };

void clock_now(struct moment *ret)
{
	*ret = (struct moment){ .wall = 1000, .boot = 10 };
}

int process_identify(uint32_t pid, struct process *ret)
{
	if (pid == methods_rig.hidden_pid)
		return -EPERM;
	if (pid != methods_rig.living_pid)
		return -ESRCH;
	*ret = (struct process){ .pid = pid, .start = 5 };
	return 0;
}

int process_read_maps(const struct process *process, struct idmap ret[2])
{
	if (process->pid == methods_rig.unmapped_pid)
		return -ESRCH;
	ret[0] = (struct idmap){ .hosts = { { process->pid, 1 } }, .n_hosts = 1 };
	ret[1] = (struct idmap){ .is_empty = true };
	return 0;
}

const struct pools *allocator_pools(const struct allocator *allocator)
{
	(void)allocator;
	return &methods_rig.pools;
}

struct pool_usage allocator_usage(const struct allocator *allocator, size_t pool, struct moment now)
{
	(void)allocator;
	(void)pool;
	assert_int_equal(now.boot, 10);
	return (struct pool_usage){ .capacity = 110, .released = 5, .waiting = 4, .foreign = 3 };
}

int allocator_allocate(struct allocator *allocator, const struct allocate_request *request,
		       struct allocation *ret, enum allocate_outcome *ret_outcome,
		       struct refusal *ret_refusal)
{
	(void)allocator;
	methods_rig.n_asked++;
	methods_rig.allocate = *request;
	if (request->process)
		methods_rig.process = *request->process;
	if (request->maps)
		methods_rig.map = request->maps[0].hosts[0];
	*ret_refusal = methods_rig.refusal;
	*ret = methods_rig.allocations[0];
	*ret_outcome = OUTCOME_REVIVED;
	return methods_rig.result;
}

int allocator_release(struct allocator *allocator, const char *pod, struct requester by,
		      struct moment now, struct allocation *ret, bool *ret_released)
{
	(void)allocator;
	(void)pod;
	assert_int_equal(now.wall, 1000);
	methods_rig.n_asked++;
	methods_rig.by = by;
	*ret = methods_rig.allocations[0];
	*ret_released = true;
	return methods_rig.result;
}

int allocator_bind(struct allocator *allocator, const char *pod, const struct process *process,
		   struct requester by, struct moment now, struct allocation *ret)
{
	(void)allocator;
	(void)pod;
	assert_int_equal(now.wall, 1000);
	methods_rig.n_asked++;
	methods_rig.process = *process;
	methods_rig.by = by;
	*ret = methods_rig.allocations[0];
	return methods_rig.result;
}

int allocator_get(struct allocator *allocator, const char *pod, struct allocation *ret)
{
	(void)allocator;
	(void)pod;
	*ret = methods_rig.allocations[0];
	return methods_rig.result;
}

int allocator_lookup(struct allocator *allocator, uint32_t id, struct allocation *ret)
{
	return allocator_lookup_at(allocator, id, UINT64_MAX, ret);
}

int allocator_lookup_at(struct allocator *allocator, uint32_t id, uint64_t at,
			struct allocation *ret)
{
	(void)allocator;
	(void)id;
	methods_rig.at = at;
	*ret = methods_rig.allocations[0];
	return methods_rig.result;
}

int allocator_each(struct allocator *allocator, uint32_t first, store_row_fn row, void *userdata)
{
	int r = methods_rig.read_result;

	(void)allocator;
	for (size_t i = 0; i < methods_rig.n_allocations && r == 0; i++)
		if (methods_rig.allocations[i].range.start >= first)
			r = row(&methods_rig.allocations[i], userdata);
	return r;
}

/* Releases whatever is active and not in the list, as the real one does. */
int allocator_reconcile(struct allocator *allocator, const struct reconcile_request *request,
			store_row_fn released, void *userdata)
{
	int r = methods_rig.result;

	(void)allocator;
	methods_rig.n_asked++;
	methods_rig.reconcile = *request;
	for (size_t i = 1; i < request->n_pods; i++)
		assert_true(strcmp(request->pods[i - 1], request->pods[i]) < 0);
	for (size_t i = 0; i < methods_rig.n_allocations && r == 0; i++) {
		const struct allocation *row = &methods_rig.allocations[i];
		bool lives = false;

		for (size_t j = 0; j < request->n_pods && !lives; j++)
			lives = strcmp(request->pods[j], row->pod) == 0;
		if (row->state == ALLOCATION_ACTIVE && !lives)
			r = released(row, userdata);
	}
	return r;
}

int allocator_each_foreign(const struct allocator *allocator, size_t pool,
			   int (*claim)(const struct claim *claim, void *userdata), void *userdata)
{
	int r = 0;

	(void)allocator;
	assert_true(pool < methods_rig.pools.n_items);
	for (size_t i = 0; i < methods_rig.n_claims && r == 0; i++)
		r = claim(&methods_rig.claims[i], userdata);
	return r;
}

static bool is_asked_for(const struct event_query *query, const struct event *event)
{
	return event->sequence < query->before && event->time >= query->since &&
	       event->time <= query->until && (!query->pod || strcmp(query->pod, event->pod) == 0);
}

int allocator_each_event(struct allocator *allocator, const struct event_query *query,
			 store_event_fn event, void *userdata)
{
	int r = methods_rig.read_result;

	(void)allocator;
	methods_rig.query = *query;
	for (size_t i = methods_rig.n_events; i > 0 && r == 0; i--)
		if (is_asked_for(query, &methods_rig.events[i - 1]))
			r = event(&methods_rig.events[i - 1], userdata);
	return r;
}

int allocator_events_after(struct allocator *allocator, uint64_t sequence, store_event_fn event,
			   void *userdata)
{
	int r = methods_rig.read_result;

	(void)allocator;
	for (size_t i = sequence; i < methods_rig.n_committed && r == 0; i++)
		r = event(&methods_rig.events[i], userdata);
	return r;
}

bool allocator_is_pending(const struct allocator *allocator)
{
	(void)allocator;
	return methods_rig.is_pending;
}

int allocator_backup_begin(struct allocator *allocator, uint64_t *ret_size)
{
	(void)allocator;
	assert_false(methods_rig.is_pending);
	assert_false(methods_rig.is_backup_open);
	if (methods_rig.read_result < 0)
		return methods_rig.read_result;
	methods_rig.is_backup_open = true;
	*ret_size = methods_rig.backup_size;
	return 0;
}

int allocator_backup_read(struct allocator *allocator, uint64_t offset, void *data, size_t size)
{
	(void)allocator;
	assert_true(methods_rig.is_backup_open);
	assert_true(offset + size <= methods_rig.backup_size);
	memset(data, (int)(offset / STORE_BACKUP_UNIT), size);
	return methods_rig.read_result;
}

void allocator_backup_end(struct allocator *allocator)
{
	(void)allocator;
	assert_true(methods_rig.is_backup_open);
	methods_rig.is_backup_open = false;
}

uint64_t allocator_last_event(const struct allocator *allocator)
{
	(void)allocator;
	return methods_rig.n_committed;
}

const char *allocator_message(const struct allocator *allocator)
{
	(void)allocator;
	return "disk full";
}

int allocator_store_facts(struct allocator *allocator, struct store_facts *ret)
{
	(void)allocator;
	*ret = (struct store_facts){ .path = "/state/allocations.db", .schema = 2, .n_events = 77 };
	return 0;
}

static void count_clients(struct methods_clients *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_clients){ .connections = 1 };
}

static void describe_scan(struct methods_scan *ret, void *userdata)
{
	(void)userdata;
	*ret = (struct methods_scan){ true, "hidden \xff", 900, 42, 1500 };
}

static const struct findings *find_runtime(const char *pool, void *userdata)
{
	(void)userdata;
	return strcmp(pool, "kubelet") == 0 ? &methods_rig.runtime : NULL;
}

void methods_rig_make(void)
{
	struct methods_rig *rig = &methods_rig;

	*rig = (struct methods_rig){ .peer = { .uid = 7, .pid = 70 }, .access = ACCESS_WRITER };
	rig->methods = (struct methods){
		.version = "1",
		.started_at = 2,
		.count_clients = count_clients,
		.describe_scan = describe_scan,
		.find_runtime = find_runtime,
	};
	rig->interface = methods_interface(&rig->methods);
	rig->interfaces[0] = &rig->interface;
	rig->pools.items = calloc(2, sizeof(*rig->pools.items));
	rig->pools.n_items = 2;
	rig->pools.items[0] = (struct pool){ .name = "kubelet", .owner = "kubelet" };
	rig->pools.items[1] = (struct pool){ .name = "other", .owner = "other" };
	rig->allocations = calloc(1, sizeof(*rig->allocations));
	rig->n_allocations = 1;
	rig->allocations[0] = (struct allocation){
		.pod = "a",
		.pool = "kubelet",
		.range = { 131072, 65536 },
		.process = { .pid = 12 },
	};
}

void methods_rig_drop(void)
{
	struct methods_rig *rig = &methods_rig;

	assert_null(rig->methods.watchers);
	pools_done(&rig->pools);
	findings_done(&rig->runtime);
	free(rig->allocations);
	free(rig->events);
	free(rig->claims);
}

void methods_rig_happen(size_t n)
{
	struct methods_rig *rig = &methods_rig;

	rig->events = realloc(rig->events, (rig->n_events + n) * sizeof(*rig->events));
	for (; n > 0; n--, rig->n_events++)
		rig->events[rig->n_events] = (struct event){
			.sequence = rig->n_events + 1,
			.time = 1000 + rig->n_events,
			.pod = "a",
		};
}

/* What others see of it is its text. */
static int take_message(struct json_object *message, void *userdata)
{
	struct caller *caller = userdata;
	size_t length;
	struct json_object *seen = json_tokener_parse(json_text(message, &length));

	json_object_put(message);
	assert_non_null(seen);
	return json_append(caller->replies, seen);
}

static void wake(void *userdata)
{
	struct caller *caller = userdata;

	caller->n_woken++;
}

void caller_start(struct caller *caller, const char *method, const char *parameters,
		  const char *flag)
{
	_cleanup_(freep) char *text = NULL;
	int length;

	*caller = (struct caller){ .replies = json_object_new_array() };
	caller->owner = (struct call_owner){
		.interfaces = methods_rig.interfaces,
		.n_interfaces = 1,
		.peer = &methods_rig.peer,
		.access = methods_rig.access,
		.send = take_message,
		.skip = wake,
		.userdata = caller,
	};
	length = asprintf(&text, "{\"method\":\"" NAMED "%s\",\"parameters\":{%s}%s%s%s}", method,
			  parameters, flag ? ",\"" : "", flag ? flag : "", flag ? "\":true" : "");
	caller->r = call_start(&caller->call, &caller->owner, text, (size_t)length);
}

void caller_run(struct caller *caller)
{
	while (caller->r == 0 && caller->call.state == CALL_RUNNING)
		caller->r = call_continue(&caller->call);
	assert_int_equal(caller->r, 0);
}

struct json_object *caller_next(struct caller *caller)
{
	caller_run(caller);
	assert_true(caller->n_read < json_object_array_length(caller->replies));
	return json_object_array_get_idx(caller->replies, caller->n_read++);
}

void caller_expect(struct caller *caller, const char *text)
{
	size_t length;

	assert_string_equal(json_text(caller_next(caller), &length), text);
	assert_int_equal(caller->n_read, json_object_array_length(caller->replies));
}

void caller_drop(struct caller *caller)
{
	call_done(&caller->call);
	json_object_put(caller->replies);
}

void expect_answer(const char *method, const char *parameters, const char *flag, const char *text)
{
	struct caller caller;

	caller_start(&caller, method, parameters, flag);
	caller_expect(&caller, text);
	caller_drop(&caller);
}
